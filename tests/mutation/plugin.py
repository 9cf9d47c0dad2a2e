"""A pytest plugin for mutation testing: the same tests, each on its own, and the quick ones first.

A suite that runs once for every mutant is worth hurrying: tests are collected by file, and chosen
afterwards; examples come before properties; and no property is shrunk, as failing is enough.
"""

from __future__ import annotations

import os

import hypothesis
import pytest

from wharfinger.core import address, reference, resolver

MEMOS = (address._KNOWN, reference._PIECES, resolver._SEEN)
CHOSEN = pytest.StashKey[frozenset[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Collect by file, and shrink nothing."""
    config.stash[CHOSEN] = frozenset(argument for argument in config.args if "::" in argument)
    config.args = sorted({argument.partition("::")[0] for argument in config.args})
    hypothesis.settings.register_profile(
        "mutation",
        hypothesis.settings.get_profile(os.environ.get("WHARFINGER_HYPOTHESIS", "default")),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        database=None,
    )
    hypothesis.settings.load_profile("mutation")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the tests that were asked for, examples before properties."""
    if chosen := config.stash[CHOSEN]:
        items[:] = [item for item in items if item.nodeid in chosen]
    items.sort(key=lambda item: hypothesis.is_hypothesis_test(getattr(item, "function", None)))


def pytest_runtest_setup() -> None:
    """Empty every memo: what a test finds in one is what others ran the code for."""
    for memo in MEMOS:
        memo.clear()
