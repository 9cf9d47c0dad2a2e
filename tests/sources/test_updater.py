"""The updater, case by case; a month of it is in test_simulation."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import attrs
import pytest
from typing_extensions import override

from tests.formats.secrecy import MARK, assert_silent
from wharfinger import (
    Credential,
    Environment,
    InvalidAddress,
    InvalidEnvironment,
    MemoryStore,
    Registry,
    RegistryAddress,
    RegistryNotFound,
    Secret,
    WharfingerError,
    resolve,
)
from wharfinger.sources import Issued, SourceError, Status, TokenStatus, Updater

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LIFE = timedelta(hours=12)


@attrs.define(eq=False)
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@attrs.define(eq=False)
class Source:
    """Numbers its tokens: one a source, for all addresses that end in its suffix."""

    clock: Clock
    suffix: str = ".corp"
    life: timedelta | None = LIFE
    calls: int = 0
    error: BaseException | None = None
    answer: object = None
    meanwhile: Callable[[], object] = lambda: None

    def token(self, address: RegistryAddress) -> str | None:
        return f"token of {self.suffix}" if address.host.endswith(self.suffix) else None

    def issue(self, address: RegistryAddress) -> Issued:
        assert self.token(address) is not None
        self.calls += 1
        self.meanwhile()
        if self.error is not None:
            raise self.error
        if self.answer is not None:
            return cast("Issued", self.answer)
        end = None if self.life is None else self.clock.now + self.life
        return Issued(Credential("bot", Secret(f"{MARK} {self.suffix} {self.calls}")), end)


class Store(MemoryStore):
    """A store that counts, and may be gone or refuse one registry."""

    def __init__(self) -> None:
        super().__init__()
        self.gone: Exception | None = None
        self.bad: str | None = None
        self.updates = 0
        self.meanwhile: Callable[[str], object] = lambda registry_id: None  # noqa: ARG005

    @override
    def environment(self, name: str) -> Environment:
        if self.gone is not None:
            raise self.gone
        return super().environment(name)

    @override
    def update(self, environment: str, registry_id: str, credential: Credential) -> Registry:
        self.updates += 1
        if self.gone is not None:
            raise self.gone
        if registry_id == self.bad:
            raise OSError(MARK)
        self.meanwhile(registry_id)
        return super().update(environment, registry_id, credential)


@attrs.define(eq=False)
class Rig:
    """A store with one registry in force, a source, and their updater."""

    clock: Clock
    store: Store
    source: Source
    updater: Updater

    def go(self, by: timedelta = timedelta()) -> datetime:
        self.clock.now += by
        return self.updater.run_due(self.clock.now)

    def secret(self, name: str, address: str) -> str:
        answer = resolve(f"{address}/x", self.store.environment(name))
        credential = self.store.credential(name, answer)
        assert credential is not None
        return credential.secret.reveal().removeprefix(f"{MARK} ")

    def token(self) -> TokenStatus:
        (token,) = self.updater.status().tokens
        return token

    def until_renewal(self) -> None:
        """Go on to when the token is due, and renew it."""
        self.clock.now = self.token().next_attempt
        self.go(timedelta(seconds=1))


def placeholder() -> Credential:
    return Credential("bot", Secret("none yet"))


@pytest.fixture
def rig() -> Rig:
    clock, store = Clock(), Store()
    store.add("staging", "a.corp", placeholder())
    source = Source(clock)
    return Rig(clock, store, source, Updater(store, None, [source], clock=clock))


def test_a_token_is_renewed_before_its_end_as_an_update_of_the_same_registry(rig: Rig) -> None:
    """R21, R6: so that which registry is in force does not change."""
    before = rig.store.environment("staging").in_force("a.corp")
    rig.go()
    assert rig.secret("staging", "a.corp") == ".corp 1"
    rig.go(LIFE * 0.85)
    assert rig.source.calls == 1
    rig.go(LIFE * 0.05)
    assert rig.secret("staging", "a.corp") == ".corp 2"
    assert rig.store.environment("staging").in_force("a.corp") == before
    assert rig.store.environment("staging").additions == 1


def test_two_environments_share_a_token(rig: Rig) -> None:
    """R21: one call, however many registries have it."""
    rig.store.add("production", "b.corp", placeholder())
    rig.store.add("production", "a.corp", placeholder())
    rig.go()
    assert rig.source.calls == 1
    assert rig.secret("staging", "a.corp") == rig.secret("production", "b.corp") == ".corp 1"
    assert rig.token().registries == ("production/1", "production/2", "staging/1")


def test_the_first_source_that_names_a_token_serves(rig: Rig) -> None:
    other = Source(rig.clock, "a.corp")
    updater = Updater(rig.store, None, [other, rig.source], clock=rig.clock)
    updater.run_due(NOON)
    assert rig.secret("staging", "a.corp") == "a.corp 1"
    # Moved to another source, the registry stays the same one.
    Updater(rig.store, None, [rig.source, other], clock=rig.clock).run_due(NOON)
    assert rig.secret("staging", "a.corp") == ".corp 1"
    assert rig.store.environment("staging").additions == 1


def test_what_no_source_serves_is_left_alone(rig: Rig) -> None:
    rig.store.add("staging", "quay.io", placeholder())
    rig.go()
    assert rig.secret("staging", "quay.io") == "none yet"


def test_a_registry_added_later_gets_the_token_that_is_there(rig: Rig) -> None:
    rig.go()
    rig.store.add("staging", "b.corp", placeholder())
    rig.go(timedelta(seconds=30))
    assert rig.secret("staging", "b.corp") == "none yet"
    rig.updater.look()
    rig.go()
    assert (rig.secret("staging", "b.corp"), rig.source.calls) == (".corp 1", 1)


def test_one_that_overrides_and_one_back_in_force_get_the_token(rig: Rig) -> None:
    rig.go()
    newer = rig.store.add("staging", "a.corp", placeholder())
    rig.go(MINUTE)
    assert rig.secret("staging", "a.corp") == ".corp 1"
    rig.until_renewal()
    assert rig.token().registries == ("staging/2",)
    rig.store.remove("staging", newer.id)
    assert rig.secret("staging", "a.corp") == ".corp 1"
    rig.go(MINUTE)
    assert rig.secret("staging", "a.corp") == ".corp 2"


def test_removing_and_adding_asks_no_oftener(rig: Rig) -> None:
    """R21: once a minute at most, whatever becomes of the registries."""
    for _ in range(60):
        for registry in rig.store.environment("staging").registries:
            rig.store.remove("staging", registry.id)
        rig.updater.look()
        rig.go(timedelta(seconds=5))
        assert rig.updater.status().tokens == ()
        rig.store.add("staging", "a.corp", placeholder())
        rig.updater.look()
        rig.go(timedelta(seconds=5))
    assert 9 <= rig.source.calls <= 11


def test_an_inactive_registry_comes_back_good(rig: Rig) -> None:
    rig.store.deactivate("staging", "staging/1")
    rig.go()
    rig.until_renewal()
    registry = rig.store.environment("staging").in_force("a.corp")
    assert registry is not None
    assert not registry.is_active
    rig.store.activate("staging", "staging/1")
    assert rig.secret("staging", "a.corp") == ".corp 2"


@pytest.mark.parametrize("how", ["removed", "overridden", "deactivated", "destroyed"])
def test_what_changes_while_a_renewal_is_on_its_way(rig: Rig, how: str) -> None:
    rig.go()
    store = rig.store
    rig.source.meanwhile = {
        "removed": lambda: store.remove("staging", "staging/1"),
        "overridden": lambda: store.add("staging", "a.corp", placeholder()),
        "deactivated": lambda: store.deactivate("staging", "staging/1"),
        "destroyed": lambda: store.destroy("staging"),
    }[how]
    rig.until_renewal()
    rig.source.meanwhile = lambda: None
    rig.go(MINUTE)
    if how == "destroyed":
        assert store.environments() == ()
    else:
        registry = store.environment("staging").in_force("a.corp")
        assert (registry is None) == (how == "removed")
        assert registry is None or registry.is_active == (how != "deactivated")
    if how in {"removed", "destroyed"}:
        assert rig.updater.status().tokens == ()
    if how == "overridden":
        assert rig.secret("staging", "a.corp") == ".corp 2"


def test_a_registry_that_is_gone_and_comes_back_is_minded_again(rig: Rig) -> None:
    rig.go()
    rig.store.remove("staging", "staging/1")
    rig.until_renewal()
    assert rig.updater.status().tokens == ()
    rig.store.add("staging", "a.corp", placeholder())
    rig.go(MINUTE)
    assert rig.token().registries == ("staging/2",)


FAULTS = [
    SourceError("the service is busy", passing=True),
    SourceError("this role may not\n\x1b[31m"),
    KeyError(MARK),
    RuntimeError(MARK),
]
ANSWERS = [
    {"token": MARK},
    MARK,
    Issued(Credential("bot", Secret("")), None),
    Issued(Credential("", Secret(MARK)), None),
    Issued(Credential(cast("str", 7), Secret(MARK)), None),
    Issued(cast("Credential", MARK), None),
    Issued(Credential("bot", Secret(MARK)), datetime(2026, 1, 2)),  # noqa: DTZ001  # naive
    Issued(Credential("bot", Secret(MARK)), cast("datetime", MARK)),
]


@pytest.mark.parametrize("fault", [*FAULTS, *ANSWERS], ids=map(str, range(12)))
def test_a_source_that_fails_leaves_all_as_it_is_and_tells_no_secret(
    rig: Rig, fault: object, caplog: pytest.LogCaptureFixture
) -> None:
    """R21: the old credential stays, another source goes on, and the status says why."""
    other = Source(rig.clock, "b.other")
    rig.store.add("staging", "b.other", placeholder())
    rig.updater = Updater(rig.store, None, [rig.source, other], clock=rig.clock)
    rig.go()
    if isinstance(fault, BaseException):
        rig.source.error = fault
    else:
        rig.source.answer = fault
    with caplog.at_level(logging.DEBUG):
        while rig.clock.now < NOON + LIFE * 0.91:
            rig.clock.now = rig.go()
    assert rig.secret("staging", "a.corp") == ".corp 1"
    assert rig.secret("staging", "b.other") == "b.other 2"
    status = rig.updater.status()
    bad, good = status.tokens
    assert (bad.healthy, good.healthy, status.healthy) == (False, True, False)
    assert bad.error
    assert bad.error.isprintable()
    assert good.error is None
    assert_silent(status)
    assert_silent(json.dumps(status.as_dict()))
    assert_silent(rig.updater)
    assert len(caplog.records) > 3
    for record in caplog.records:
        assert_silent((record.getMessage(), vars(record)))


@pytest.mark.parametrize("answer", [RuntimeError(MARK), b"token", 7])
def test_a_source_that_cannot_name_a_token_is_asked_again_and_hides_no_other(
    rig: Rig, answer: object
) -> None:
    """What it may serve goes to no other source; the other addresses have theirs."""

    class Broken(Source):
        @override
        def token(self, address: RegistryAddress) -> str | None:
            if broken and address.host == "a.corp":
                if isinstance(answer, Exception):
                    raise answer
                return cast("str", answer)
            return super().token(address)

    broken = True
    first = Broken(rig.clock)
    rig.store.add("staging", "b.corp", placeholder())
    rig.updater = Updater(rig.store, None, [first, rig.source], clock=rig.clock)
    rig.go()
    assert rig.secret("staging", "a.corp") == "none yet"
    assert rig.secret("staging", "b.corp") == ".corp 1"
    status = rig.updater.status()
    assert not status.healthy
    assert "environment 'staging': a.corp: source 1: " in str(status.problem)
    assert_silent(json.dumps(status.as_dict()))
    broken = False
    rig.go(MINUTE)
    assert rig.secret("staging", "a.corp") == ".corp 1"
    assert rig.source.calls == 0
    assert rig.updater.status().healthy


def test_an_error_that_cannot_tell_itself_ends_no_updater(rig: Rig) -> None:
    class Mute(WharfingerError):
        @override
        def __str__(self) -> str:
            raise LookupError(MARK)

    rig.source.error = Mute()
    rig.go()
    assert rig.token().error == "Mute was raised, and does not say why"


@pytest.mark.parametrize("address", ["evil.test", "a.corp"])
def test_an_environment_made_anew_has_no_other_address_s_token(rig: Rig, address: str) -> None:
    """R19: its ids begin anew, so an id alone says nothing."""

    def anew() -> None:
        rig.store.destroy("staging")
        rig.store.add("staging", address, placeholder())

    rig.source.meanwhile = anew
    rig.go()
    rig.source.meanwhile = lambda: None
    rig.go(MINUTE)
    expected = "none yet" if address == "evil.test" else ".corp 1"
    assert rig.secret("staging", address) == expected


def test_an_environment_made_anew_with_fewer_registries_is_read_anew(rig: Rig) -> None:
    rig.store.add("staging", "b.corp", placeholder())
    rig.go()
    rig.store.destroy("staging")
    rig.store.add("staging", "a.corp", placeholder())
    rig.go(MINUTE)
    assert rig.secret("staging", "a.corp") == ".corp 1"
    assert rig.source.calls == 1


def test_a_store_that_lists_what_it_does_not_know_is_asked_as_one_that_is_gone(rig: Rig) -> None:
    """A replica that is behind: nothing is stored, and the source is not asked each minute."""

    def unknown(registry_id: str) -> None:
        raise RegistryNotFound("staging", registry_id)

    rig.store.meanwhile = unknown
    for _ in range(60):
        rig.go(MINUTE)
    assert rig.source.calls == 1
    assert not rig.updater.status().healthy


def test_failures_are_tried_again_ever_later_and_never_within_a_minute(rig: Rig) -> None:
    rig.go()
    rig.source.error = SourceError("no")
    rig.until_renewal()
    calls: list[datetime] = []
    rig.source.meanwhile = lambda: calls.append(rig.clock.now)
    end = rig.clock.now + HOUR
    while rig.clock.now < end:
        rig.clock.now = rig.go()
    pauses = [after - before for before, after in pairwise(calls)]
    assert min(pauses) >= MINUTE
    assert pauses[0] < pauses[2] < timedelta(minutes=10)
    rig.source.error = None
    rig.go(timedelta(minutes=10))
    assert rig.token().error is None
    assert rig.updater.status().healthy


def test_a_status_is_unhealthy_from_the_margin_on(rig: Rig) -> None:
    """R21: the last tenth of a life, in which renewal must have failed."""
    assert not rig.updater.status().healthy  # nobody knows yet
    rig.go()
    assert rig.updater.status().healthy
    rig.source.error = SourceError("no")
    for _ in range(20):
        rig.go((LIFE * 0.9 - timedelta(seconds=1)) / 20)
    status = rig.updater.status()
    assert status.healthy
    assert status.good_until == NOON + LIFE * 0.9
    rig.clock.now += timedelta(seconds=1)
    assert not rig.updater.status().healthy
    rig.source.error = None
    rig.go(timedelta(minutes=10))
    assert rig.updater.status().healthy


def test_a_status_of_an_updater_that_does_nothing_is_believed_for_three_looks(rig: Rig) -> None:
    rig.go()
    assert rig.updater.status().good_until == NOON + 3 * MINUTE
    rig.clock.now += 10 * MINUTE
    assert not rig.updater.status().healthy


def test_an_environment_that_is_not_there_is_unhealthy(rig: Rig) -> None:
    updater = Updater(rig.store, ["staging", "stagign"], [rig.source], clock=rig.clock)
    updater.run_due(NOON)
    status = updater.status()
    assert (status.missing, status.healthy) == (("stagign",), False)
    assert rig.secret("staging", "a.corp") == ".corp 1"
    rig.store.create("stagign")
    updater.run_due(NOON + MINUTE)
    rig.clock.now += MINUTE
    assert updater.status().healthy


def test_an_environment_that_cannot_be_looked_at_hides_no_other(rig: Rig) -> None:
    class Odd(Store):
        @override
        def environment(self, name: str) -> Environment:
            if "bad" in name:
                raise WharfingerError("its row is damaged")
            return super().environment(name)

    rig.store = Odd()
    rig.store.create("a bad one")
    rig.store.create("bad too")
    rig.store.add("staging", "a.corp", placeholder())
    rig.updater = Updater(rig.store, None, [rig.source], clock=rig.clock)
    for _ in range(3):
        rig.go(MINUTE)
    assert rig.secret("staging", "a.corp") == ".corp 1"
    status = rig.updater.status()
    assert status.problem == "environment 'a bad one': its row is damaged"
    assert not status.healthy


def test_an_issued_token_is_kept_while_the_store_is_gone(rig: Rig) -> None:
    """R21: it is stored when the store is back, and not made again."""
    rig.go()
    rig.store.gone = ConnectionError(MARK)
    rig.until_renewal()
    assert rig.source.calls == 2
    assert rig.token().waiting == ("staging/1",)
    assert (
        rig.token().store_error == "ConnectionError was raised; what it says is not repeated here"
    )
    for _ in range(30):
        rig.go(MINUTE)
    rig.store.gone = None
    rig.go(2 * MINUTE)
    assert (rig.source.calls, rig.secret("staging", "a.corp")) == (2, ".corp 2")
    assert (rig.token().waiting, rig.token().store_error) == ((), None)


def test_a_token_that_ended_unstored_is_due_at_nothing_but_its_renewal(rig: Rig) -> None:
    """Its store is gone and its source fails for longer than it lives: it must not spin."""
    rig.go()
    rig.store.gone = ConnectionError("gone")
    rig.until_renewal()
    rig.source.error = SourceError("no")
    end = rig.clock.now + 2 * LIFE
    while rig.clock.now < end:
        due = rig.go()
        assert due > rig.clock.now
        rig.clock.now = due
    rig.store.gone = rig.source.error = None
    rig.go(timedelta(minutes=20))
    assert rig.secret("staging", "a.corp") == f".corp {rig.source.calls}"


def test_a_machine_that_slept_past_an_end_does_not_spin(rig: Rig) -> None:
    """What was to be stored a moment later has ended, and no newer one is made."""
    rig.go()
    rig.store.gone = ConnectionError("gone")
    rig.until_renewal()
    rig.source.error = SourceError("no")
    thread = threading.Thread(target=rig.go, args=(2 * LIFE,), daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_what_is_overridden_while_others_are_stored_is_left_alone(rig: Rig) -> None:
    """R6: it is in force no longer, which a look has found out meanwhile."""
    rig.store.add("staging", "b.corp", placeholder())
    stored: list[str] = []

    def meanwhile(registry_id: str) -> None:
        stored.append(registry_id)
        if len(stored) == 1:
            other = "b.corp" if registry_id == "staging/1" else "a.corp"
            rig.store.add("staging", other, placeholder())
            rig.updater.look()
            rig.go()

    rig.store.meanwhile = meanwhile
    rig.go()
    rig.go(MINUTE)
    assert len(stored) == 2
    assert stored[1] == "staging/3"


def test_a_store_that_is_gone_is_asked_once_a_minute(rig: Rig) -> None:
    sources = [Source(rig.clock, f"{number}.many") for number in range(40)]
    for source in sources:
        rig.store.add("staging", f"x{source.suffix}", placeholder())
    rig.updater = Updater(rig.store, None, sources, clock=rig.clock)
    rig.store.gone = None
    rig.updater.run_due(NOON)
    rig.store.gone = ConnectionError("gone")
    rig.clock.now += LIFE * 0.9
    rig.go()
    rig.store.updates = 0
    for _ in range(30):
        rig.go(MINUTE)
    assert rig.store.updates <= 31


def test_one_registry_that_takes_nothing_stops_no_other(rig: Rig) -> None:
    rig.store.add("staging", "b.corp", placeholder())
    rig.store.add("staging", "c.other", placeholder())
    rig.updater = Updater(
        rig.store, None, [rig.source, Source(rig.clock, ".other")], clock=rig.clock
    )
    rig.store.bad = "staging/1"
    for _ in range(4):
        rig.go(MINUTE)
    assert rig.secret("staging", "b.corp") == ".corp 1"
    assert rig.secret("staging", "c.other") == ".other 1"
    status = rig.updater.status()
    assert status.tokens[0].waiting == ("staging/1",)
    assert [token.healthy for token in status.tokens] == [False, True]


def test_an_end_that_is_past_means_a_life_is_assumed(rig: Rig) -> None:
    rig.source.life = -timedelta(days=4000)
    for _ in range(120):
        rig.go(MINUTE)
    token = rig.token()
    assert token.assumed
    assert token.expires_at is not None
    assert rig.source.calls == 3
    assert token.healthy


@pytest.mark.parametrize("life", [timedelta(seconds=1), timedelta(seconds=30), MINUTE])
def test_what_lives_for_moments_is_asked_for_once_a_minute(rig: Rig, life: timedelta) -> None:
    rig.source.life = life
    end = NOON + HOUR
    while rig.clock.now < end:
        rig.clock.now = rig.go()
    assert 55 <= rig.source.calls <= 61


def test_a_source_that_does_not_know_the_end_is_asked_every_hour(rig: Rig) -> None:
    """What it says is stored each time: somebody may have edited it."""
    same = Issued(Credential("bot", Secret("of a vault")), None)
    rig.source.answer = same
    for _ in range(10 * 60):
        rig.go(MINUTE)
    assert 10 <= rig.source.calls <= 13
    rig.store.update("staging", "staging/1", placeholder())
    for _ in range(60):
        rig.go(MINUTE)
    assert rig.secret("staging", "a.corp") == "of a vault"
    assert rig.token().assumed
    assert rig.updater.status().healthy


def test_an_end_that_never_comes_is_no_error(rig: Rig) -> None:
    rig.source.answer = Issued(
        Credential("bot", Secret("for ever")), datetime.max.replace(tzinfo=UTC)
    )
    rig.go()
    assert rig.updater.status().healthy


def test_a_refused_credential_is_replaced_soon_and_not_at_once_each_time(rig: Rig) -> None:
    rig.go()
    assert not rig.updater.refused("staging", "a.corp")  # the one before must be meant
    rig.clock.now += HOUR
    assert rig.updater.refused("staging", "a.corp")
    assert rig.updater.refused("staging", RegistryAddress.parse("a.corp"))
    rig.go()
    assert rig.secret("staging", "a.corp") == ".corp 2"
    # It is refused for ever: every pull of the next hour says so.
    for _ in range(3600 // 15):
        rig.go(timedelta(seconds=15))
        rig.updater.refused("staging", "a.corp")
    assert 5 <= rig.source.calls <= 15


def test_a_refusal_of_what_nobody_minds_is_none(rig: Rig) -> None:
    rig.store.add("staging", "quay.io", placeholder())
    rig.go()
    assert not rig.updater.refused("staging", "quay.io")
    assert not rig.updater.refused("nowhere", "a.corp")
    with pytest.raises(InvalidAddress):
        rig.updater.refused("staging", "https://a.corp")


def test_overlapping_runs_count_no_time_twice(rig: Rig) -> None:
    """A slow run's clock is behind that of the one after: that is no clock set back."""
    times = iter([MINUTE, 2 * MINUTE, 3 * MINUTE])
    rig.source.meanwhile = lambda: rig.updater.run_due(NOON + next(times, 3 * MINUTE))
    rig.go()
    rig.source.meanwhile = lambda: None
    assert rig.token().next_attempt > NOON + LIFE * 0.85


def test_a_clock_set_back_lets_nothing_lapse(rig: Rig) -> None:
    """R21: what passes is counted, and not what the clock says."""
    rig.go()
    passed, truly = NOON, NOON
    while truly < NOON + LIFE:
        step = min(MINUTE, rig.updater.run_due(passed) - passed)
        passed, truly = passed + step, truly + step
        if truly.hour == 20 and passed == truly:
            passed -= HOUR
    assert rig.secret("staging", "a.corp") == ".corp 2"


def test_two_threads_ask_for_a_token_once(rig: Rig) -> None:
    """R21: a token is made by one at a time, and the others go on meanwhile."""
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(30)

    rig.source.meanwhile = wait
    first = threading.Thread(target=rig.go)
    first.start()
    assert begun.wait(30)
    rig.go()
    assert rig.updater.refused("staging", "a.corp")
    rig.go()
    go_on.set()
    first.join()
    assert rig.source.calls == 1
    assert rig.secret("staging", "a.corp") == ".corp 1"


def test_nothing_is_read_of_an_environment_that_has_not_changed(rig: Rig) -> None:
    asked: list[object] = []

    class Counting(Source):
        @override
        def token(self, address: RegistryAddress) -> str | None:
            asked.append(address)
            return super().token(address)

    rig.updater = Updater(rig.store, None, [Counting(rig.clock)], clock=rig.clock)
    rig.store.add("staging", "quay.io", placeholder())
    rig.go()
    rig.go(MINUTE)
    assert asked
    asked.clear()
    for _ in range(60):
        rig.go(MINUTE)
    assert not asked


def test_what_is_no_updater_is_refused(rig: Rig) -> None:
    refused: list[tuple[list[str] | None, list[Source], dict[str, Any]]] = [
        (None, [], {}),
        ([], [rig.source], {}),
        (None, [rig.source], {"look_every": timedelta()}),
        (None, [rig.source], {"assumed_life": -HOUR}),
    ]
    for environments, sources, options in refused:
        with pytest.raises(ValueError, match=r"one source|above zero"):
            Updater(rig.store, environments, sources, **options)
    with pytest.raises(TypeError, match="list of names"):
        Updater(rig.store, "staging", [rig.source])
    for wrong in ([None], [Source], "ab"):
        with pytest.raises(TypeError, match="source 1 has no token and issue"):
            Updater(rig.store, None, cast("list[Source]", wrong))
    with pytest.raises(TypeError, match="are timedeltas"):
        Updater(rig.store, None, [rig.source], look_every=cast("timedelta", 5))
    with pytest.raises(InvalidEnvironment):
        Updater(rig.store, [""], [rig.source])
    with pytest.raises(ValueError, match="time zone"):
        Updater(rig.store, None, [rig.source], clock=lambda: NOON.replace(tzinfo=None)).run()
    with pytest.raises(ValueError, match="time zone"):
        rig.updater.run_due(datetime(2026, 1, 1))  # noqa: DTZ001  # that is what is wrong


def test_it_runs_until_it_is_stopped(rig: Rig) -> None:
    """With the machine's clock: a look finds a new registry, and a report tells of it."""
    store = rig.store
    source = Source(cast("Clock", lambda: datetime.now(UTC)))
    source.life = None
    updater = Updater(store, None, [source])
    seen: list[Status] = []
    told = threading.Event()

    def report(status: Status) -> None:
        seen.append(status)
        if status.healthy:
            told.set()

    thread = threading.Thread(target=updater.run, args=(report,))
    thread.start()
    assert told.wait(30)
    updater.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert rig.secret("staging", "a.corp") == ".corp 1"
    assert seen[-1].healthy
    updater.run()  # it has been stopped


def test_a_source_that_hangs_holds_up_no_other(rig: Rig) -> None:
    release, done, begun = threading.Event(), threading.Event(), threading.Event()
    slow = Source(rig.clock, ".slow")

    def hang() -> None:
        begun.set()
        release.wait(60)

    slow.meanwhile = hang
    rig.source.meanwhile = done.set
    rig.store.add("staging", "a.slow", placeholder())
    updater = Updater(rig.store, None, [slow, rig.source], clock=rig.clock)
    thread = threading.Thread(target=updater.run)
    thread.start()
    assert begun.wait(30)
    assert done.wait(30)
    with pytest.raises(RuntimeError, match="runs already"):
        updater.run()
    updater.stop()
    release.set()
    thread.join(30)
    assert not thread.is_alive()
    assert rig.secret("staging", "a.slow") == ".slow 1"  # what has begun is done


def test_a_look_is_made_at_once_and_else_it_sleeps(rig: Rig) -> None:
    """With a look a day nothing wakes it, while a source hangs too, but a look that is wanted."""
    told, begun, release, stored = (threading.Event() for _ in range(4))
    asked: list[datetime] = []

    def clock() -> datetime:
        asked.append(NOON)
        return NOON

    def hang() -> None:
        begun.set()
        release.wait(60)

    slow = Source(rig.clock, ".slow", meanwhile=hang)
    rig.store.add("staging", "a.slow", placeholder())
    rig.store.meanwhile = lambda registry_id: (
        told.set() if registry_id == "staging/1" else stored.set()
    )
    updater = Updater(
        rig.store, None, [slow, rig.source], look_every=timedelta(days=1), clock=clock
    )
    thread = threading.Thread(target=updater.run)
    thread.start()
    assert begun.wait(30)
    assert told.wait(30)
    threading.Event().wait(0.2)  # what it was woken for is done
    before = len(asked)
    threading.Event().wait(0.3)
    assert len(asked) - before <= 1
    rig.store.add("staging", "b.corp", placeholder())
    assert not stored.is_set()
    updater.look()
    assert stored.wait(30)
    updater.stop()
    release.set()
    thread.join(30)
    assert not thread.is_alive()


def test_what_ends_a_thread_ends_the_run(rig: Rig) -> None:
    rig.source.error = SystemExit(3)
    with pytest.raises(SystemExit):
        rig.updater.run()


def test_what_a_report_raises_ends_the_run(rig: Rig) -> None:
    def report(_status: Status) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        rig.updater.run(report)


def test_asyncio_runs_it_in_a_thread(rig: Rig) -> None:
    async def serve() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        rig.source.meanwhile = lambda: loop.call_soon_threadsafe(done.set)
        running = asyncio.create_task(asyncio.to_thread(rig.updater.run))
        await asyncio.wait_for(done.wait(), 30)
        rig.updater.stop()
        await asyncio.wait_for(running, 30)

    asyncio.run(serve())
    assert rig.secret("staging", "a.corp") == ".corp 1"
