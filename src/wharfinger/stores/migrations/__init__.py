"""How the schema came to be, one module a revision."""
