"""R21 in simulated time: three days of an updater at a time, under faults that hypothesis draws."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.simulation import (
    DAY,
    HOUR,
    MINUTE,
    SKEWS,
    SOURCE,
    Kind,
    Life,
    Window,
    simulate,
    violations,
)

LIVES = st.lists(st.sampled_from(Life), min_size=2, max_size=7)


def windows_of(kinds: Iterable[Kind], sources: list[int | None]) -> st.SearchStrategy[list[Window]]:
    """At most twelve faults in three days, of up to four hours each."""
    window = st.builds(
        Window,
        st.sampled_from([*kinds]),
        st.integers(0, 72 * 60 - 1).map(lambda minutes: minutes * MINUTE),
        st.integers(1, 240).map(lambda minutes: minutes * MINUTE),
        st.sampled_from(sources),
    )
    return st.lists(window, max_size=12)


EVERY_LIFE = [Life.TWELVE_HOURS, Life.ONE_HOUR, Life.UNKNOWN, Life.TWELVE_HOURS, Life.ONE_HOUR]


def told(lives: list[Life], windows: list[Window], wrong: list[str]) -> str:
    return "\n".join([f"lives: {', '.join(lives)}", *map(repr, windows), *wrong])


@settings(max_examples=300)
@given(LIVES, windows_of(Kind, [None, 0, 1]))
def test_no_credential_lapses_unless_every_renewal_failed(
    lives: list[Life], windows: list[Window]
) -> None:
    """R21: whatever fails, and for how long; and no source is asked twice within a minute."""
    world = simulate(lives, 10, windows, 3 * DAY)
    wrong = [*violations(world)]
    assert not wrong, told(lives, windows, wrong)


@settings(max_examples=20)
@given(LIVES)
def test_without_faults_nothing_lapses_and_little_is_asked(lives: list[Life]) -> None:
    """R21: at most 1.3 times the calls that must be made, of every token."""
    world = simulate(lives, 10, [], 3 * DAY)
    assert not world.lapses
    assert not [*violations(world, faultless=True)]


@settings(max_examples=30)
@given(windows_of(SOURCE, [0]))
def test_a_source_that_fails_touches_no_other(windows: list[Window]) -> None:
    """R21: the other source's tokens are renewed as if nothing was."""
    world = simulate(EVERY_LIFE, 10, windows, 3 * DAY)
    alone = simulate(EVERY_LIFE, 10, [], 3 * DAY)
    for number in (1, 3):
        name = f"token {number}"
        assert all(each.good for each in world.attempts[name])
        made, usual = ([round(a.at) for a in w.attempts[name]] for w in (world, alone))
        assert made == usual
    assert not [lapse for lapse in world.lapses if lapse[1] in {"token 1", "token 3"}]


@settings(max_examples=30)
@given(windows_of(SKEWS, [None]))
def test_a_clock_that_is_an_hour_wrong_lets_nothing_lapse(windows: list[Window]) -> None:
    """R21: neither forward nor back, and it makes no storm: a call a jump, and those of before."""
    world = simulate(EVERY_LIFE, 10, windows, 3 * DAY)
    alone = simulate(EVERY_LIFE, 10, [], 3 * DAY)
    assert not world.lapses, world.lapses
    for name, attempts in world.attempts.items():
        usual = sum(each.what == "made" for each in alone.attempts[name])
        made = sum(each.what == "made" for each in attempts)
        assert made <= usual + 2 * len(world.jumps) + 1


def test_a_store_gone_for_an_hour_loses_no_token_that_was_issued() -> None:
    """R21: what is issued meanwhile is stored when the store is back, and not issued again."""
    hours = 12
    gone = Window(Kind.STORE, 10 * HOUR, HOUR)
    world = simulate([Life.TWELVE_HOURS] * 2, 2, [gone], hours * HOUR)
    for attempts in world.attempts.values():
        made = [each.at for each in attempts if each.what == "made"]
        stored = [each.at for each in attempts if each.what == "stored"]
        assert len(made) == 2
        assert gone.begins < made[1] < gone.ends <= stored[-1] <= gone.ends + 2 * MINUTE
    assert not world.lapses


def test_a_violation_is_seen() -> None:
    """The checks can fail: a world in which nobody renews has nothing but violations."""
    world = simulate([Life.ONE_HOUR] * 2, 2, [], HOUR)
    world.now = 5 * HOUR
    for registry in world.ends:
        world.close(registry)
    assert len([*violations(world)]) >= len(world.ends)
