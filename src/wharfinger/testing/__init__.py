"""What tests of wharfinger's users need: hypothesis strategies for the core's types."""
