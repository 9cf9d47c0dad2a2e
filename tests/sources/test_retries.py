"""Trying again at once, by stamina, what is passing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import attrs
import pytest
import stamina

from wharfinger import Credential, RegistryAddress, Secret, WharfingerError
from wharfinger.sources import CredentialSource, Issued, SourceError, retrying

QUAY = RegistryAddress.parse("quay.io")


@attrs.define(eq=False)
class Source:
    errors: list[Exception]
    calls: int = 0

    def token(self, address: RegistryAddress) -> str | None:
        return str(address)

    def issue(self, address: RegistryAddress) -> Issued:
        assert self.token(address)
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return Issued(Credential("bot", Secret("token")), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


def test_what_is_passing_is_tried_three_times() -> None:
    """R21: two failures in a row are over before anybody knows."""
    source = Source([SourceError("busy", passing=True)] * 2)
    assert retrying(source).issue(QUAY).credential.username == "bot"
    assert source.calls == 3


def test_a_third_failure_is_told() -> None:
    source = Source([SourceError("busy", passing=True)] * 3)
    with pytest.raises(SourceError, match="busy"):
        retrying(source).issue(QUAY)
    assert source.calls == 3


@pytest.mark.parametrize("error", [SourceError("no"), KeyError("no")], ids=["lasting", "a bug"])
def test_what_lasts_is_not_tried_again(error: Exception) -> None:
    source = Source([error])
    with pytest.raises(type(error)):
        retrying(source).issue(QUAY)
    assert source.calls == 1


def test_it_is_a_source_that_names_the_same_tokens() -> None:
    made = retrying(Source([]))
    assert isinstance(made, CredentialSource)
    assert made.token(QUAY) == "quay.io"


def test_without_stamina_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stamina", None)
    with pytest.raises(WharfingerError) as caught:
        retrying(Source([]))
    assert str(caught.value) == "retrying needs stamina: pip install stamina"
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize(
    ("thing", "name"), [(None, "NoneType"), ("ecr", "str"), (Source, "Source"), (QUAY.parse, "")]
)
def test_what_is_no_source_is_refused_at_once(thing: object, name: str) -> None:
    """R20: not when the first token is asked for."""
    with pytest.raises(TypeError, match=f"the methods token and issue, .*: {name}"):
        retrying(thing)  # type: ignore[arg-type]  # what is tested


class OfTheirs(SourceError):
    """An error that says nothing to its base."""

    def __init__(self) -> None:
        pass


def test_an_error_that_does_not_say_that_it_is_passing_is_not() -> None:
    source = Source([OfTheirs()])
    with pytest.raises(OfTheirs):
        retrying(source).issue(QUAY)
    assert source.calls == 1
