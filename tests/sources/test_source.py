"""What a source raises."""

from __future__ import annotations

import copy
import pickle

import pytest

from wharfinger import WharfingerError
from wharfinger.sources import SourceError


@pytest.mark.parametrize("passing", [False, True])
def test_an_error_comes_back_from_another_process(*, passing: bool) -> None:
    """As it was: a pool of processes pickles it."""
    error = SourceError("busy", passing=passing)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  # our own
        assert isinstance(again, SourceError)
        assert isinstance(again, WharfingerError)
        assert (str(again), again.passing) == ("busy", passing)
