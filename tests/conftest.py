"""How hypothesis runs: `default`, `fast` where a suite runs many times over, `long` by hand."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fast", settings.get_profile("default"), max_examples=20, derandomize=True
)
settings.register_profile("long", settings.get_profile("default"), max_examples=5000)
settings.load_profile(os.environ.get("WHARFINGER_HYPOTHESIS", "default"))
