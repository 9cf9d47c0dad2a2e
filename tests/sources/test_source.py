"""What a source raises."""

from __future__ import annotations

import copy
import pickle

import pytest

from tests.formats.secrecy import MARK, assert_silent
from wharfinger import Credential, Secret, WharfingerError
from wharfinger.sources import Issued, SourceError


@pytest.mark.parametrize("passing", [False, True])
def test_an_error_comes_back_from_another_process(*, passing: bool) -> None:
    """As it was: a pool of processes pickles it."""
    error = SourceError("busy", passing=passing)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301  # our own
        assert isinstance(again, SourceError)
        assert isinstance(again, WharfingerError)
        assert (str(again), again.passing) == ("busy", passing)


class OfTheirs(SourceError):
    """An error that says nothing to its base."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


@pytest.mark.parametrize(
    ("error", "told"), [(OfTheirs(), "OfTheirs"), (OfTheirs(code=3), "OfTheirs")], ids=["", "named"]
)
def test_an_error_of_somebody_s_own_can_be_told(error: OfTheirs, told: str) -> None:
    """R20: it is told, pickled and not passing, whatever its `__init__` forgets."""
    assert (str(error), error.passing) == (told, False)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert (str(again), again.passing) == (told, False)


def test_an_error_of_somebody_s_own_has_its_first_argument_as_message() -> None:
    again = pickle.loads(pickle.dumps(OfTheirs("busy", 3, 4)))  # noqa: S301  # our own
    assert (str(again), again.passing) == ("busy", False)


def test_what_is_issued_by_mistake_is_not_shown() -> None:
    """R9: a source of somebody's own may hand out the text itself."""
    issued = Issued(MARK, None)  # type: ignore[arg-type]  # what is tested
    assert repr(issued) == "Issued(credential=str, expires_at=None)"
    assert_silent(issued)
    shown = repr(Issued(Credential("bot", Secret(MARK)), None))
    assert shown.startswith("Issued(credential=Credential(username='bot', secret=Secret('***')")
    assert MARK not in shown
