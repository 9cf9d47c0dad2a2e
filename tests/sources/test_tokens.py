"""What is known of a token, apart from who renews it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs

from wharfinger import Credential, RegistryAddress, Secret
from wharfinger.sources import Issued
from wharfinger.sources._tokens import Lane, Place, Token

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = 3600.0
YEAR = 365 * 24 * HOUR


@attrs.define
class Nobody:
    """A source that is not asked."""

    def token(self, address: RegistryAddress) -> str | None:
        raise NotImplementedError

    def issue(self, address: RegistryAddress) -> Issued:
        raise NotImplementedError


def token_of(*hosts: str) -> Token:
    """A token that registries at these hosts have, made at 0."""
    token = Lane(Nobody(), 1).token("t", 0)
    for number, host in enumerate(hosts, start=1):
        place = Place("staging", f"staging/{number}", RegistryAddress.parse(host), token)
        token.add(place, 0)
    return token


def issued(text: str = "first", seconds: float = 12 * HOUR) -> Issued:
    return Issued(Credential("ci", Secret(text)), NOON + timedelta(seconds=seconds))


def accept(token: Token, made: Issued, passed: float = 0, assumed: float = HOUR) -> None:
    token.accept(made, NOON + timedelta(seconds=passed), passed, assumed)


def test_a_life_is_a_year_at_most() -> None:
    """Whatever a source or `assumed_life` says: no sum of times is too large."""
    for made, assumed in [
        (Issued(Credential("ci", Secret("x")), datetime.max.replace(tzinfo=UTC)), HOUR),
        (Issued(Credential("ci", Secret("x")), None), timedelta.max.total_seconds()),
    ]:
        token = token_of("quay.io")
        accept(token, made, assumed=assumed)
        assert (token.life, token.ends) == (YEAR, YEAR)
        assert token.status(NOON, 0).next_attempt <= NOON + timedelta(days=365)


def test_after_a_failure_another_registry_is_asked_for() -> None:
    """One that its source refuses must not keep the others from their token."""
    token = token_of("a.corp", "b.corp", "c.corp")
    asked = []
    for passed in range(4):
        asked.append(str(token.address()))
        token.fail("no", passed)
    assert asked == ["a.corp", "b.corp", "c.corp", "a.corp"]


def test_a_refusal_before_the_newer_one_is_stored_is_the_older_one_s() -> None:
    """It is on its way already, so none is made."""
    token = token_of("quay.io")
    [place] = token.places.values()
    accept(token, issued())
    token.stored(place)
    accept(token, issued("second", 23 * HOUR), 11 * HOUR)
    due = token.renew_at
    assert token.refuse(place, 12 * HOUR)
    assert token.renew_at == due
    token.stored(place)
    assert token.refuse(place, 12 * HOUR)
    assert token.renew_at < due


def test_the_same_credential_again_is_stored_again() -> None:
    """Where it is stored it lives longer; yet somebody may have edited it there."""
    token = token_of("a.corp", "b.corp")
    first, second = token.places.values()
    accept(token, issued())
    token.stored(first)
    accept(token, issued(seconds=23 * HOUR), 11 * HOUR)
    assert [*token.waiting] == [first.id, second.id]
    assert first.margin_at == 23 * HOUR - 0.1 * 12 * HOUR
    assert second.margin_at < 0


def test_what_takes_nothing_comes_last_next_time_too() -> None:
    token = token_of("a.corp", "b.corp")
    first, second = token.places.values()
    accept(token, issued())
    token.defer(first)
    token.stored(second)
    accept(token, issued("second", 23 * HOUR), 11 * HOUR)
    assert [*token.waiting] == [second.id, first.id]
    token.stored(first)
    accept(token, issued("third", 35 * HOUR), 22 * HOUR)
    assert [*token.waiting] == [first.id, second.id]


def test_a_lane_does_not_grow_by_what_is_out_of_date() -> None:
    lane = Lane(Nobody(), 1)
    token = lane.token("t", 0)
    token.add(Place("staging", "staging/1", RegistryAddress.parse("quay.io"), token), 0)
    for passed in range(10_000):
        token.fail("no", passed)
        lane.schedule(token)
    assert len(lane._heap) < 100
    assert lane.take(token.renew_at) is token
    assert lane.take(token.renew_at) is None
