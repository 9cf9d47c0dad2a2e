"""Days of an updater in seconds: a world with a clock of its own, and faults drawn as windows.

What must hold of every run is checked by :func:`violations`. All times are in seconds of the
world's true time, from 0.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

import attrs
from typing_extensions import override

from wharfinger import (
    Credential,
    Environment,
    MemoryStore,
    Registry,
    RegistryAddress,
    Secret,
)
from wharfinger.sources import Issued, SourceError, Updater
from wharfinger.sources.schedule import LONGEST_PAUSE, MARGIN, PAUSE

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
LOOK: Final = 5 * MINUTE
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
CANARY: Final = "XK7canaryXK7"
ENVIRONMENTS: Final = ("staging", "production")


class Kind(StrEnum):
    """What can go wrong for a while."""

    TIMEOUT = "timeout"
    THROTTLING = "throttling"
    EMPTY = "empty"
    MALFORMED = "malformed"
    BUG = "bug"
    PAST = "past"
    AHEAD = "clock ahead"
    BEHIND = "clock behind"
    STORE = "store gone"
    KILLED = "killed"
    KILLED_MAKING = "killed making"
    KILLED_STORING = "killed storing"


SOURCE: Final = (
    Kind.TIMEOUT,
    Kind.THROTTLING,
    Kind.EMPTY,
    Kind.MALFORMED,
    Kind.BUG,
    Kind.PAST,
)
KILLS: Final = (Kind.KILLED, Kind.KILLED_MAKING, Kind.KILLED_STORING)
SKEWS: Final = {Kind.AHEAD: HOUR, Kind.BEHIND: -HOUR}


class Life(StrEnum):
    """What a token's source says of its end."""

    TWELVE_HOURS = "twelve hours"  # by the true time, as a cloud does
    ONE_HOUR = "one hour"  # by the machine's clock, as a client does that is told the seconds
    UNKNOWN = "unknown"  # nothing, and it lives two hours


SECONDS: Final = {Life.TWELVE_HOURS: 12 * HOUR, Life.ONE_HOUR: HOUR, Life.UNKNOWN: 2 * HOUR}


@attrs.frozen(repr=False)
class Window:
    """A fault that lasts for a while, of one source or of all."""

    kind: Kind
    begins: float
    lasts: float
    source: int | None = None

    @property
    def ends(self) -> float:
        return self.begins + self.lasts

    def __repr__(self) -> str:
        where = "" if self.source is None else f" of source {self.source}"
        return f"<{self.kind}{where} from {clock(self.begins)} to {clock(self.ends)}>"


def clock(seconds: float) -> str:
    """A true time for people: day and hour."""
    days, rest = divmod(int(seconds), int(DAY))
    return f"{days}d {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


class Killed(BaseException):
    """The process ends here."""


@attrs.frozen
class Attempt:
    """A call for a token, or one to store it, and whether it was of any use."""

    at: float
    what: str
    good: bool


@attrs.define(eq=False)
class World:
    """What there is besides the updater, and what has happened."""

    lives: Sequence[Life]  # of each token; token n is of source n % 2
    addresses: int
    windows: Sequence[Window]
    now: float = 0.0
    store: MemoryStore = attrs.Factory(MemoryStore)
    attempts: dict[str, list[Attempt]] = attrs.Factory(dict)
    # For every registry in force: since when its credential has been there, and when it ends.
    ends: dict[str, tuple[str, float]] = attrs.Factory(dict)
    lapses: list[tuple[str, str, float, float]] = attrs.Factory(list)
    gone: list[float] = attrs.Factory(list)  # when the store was asked in vain
    down: list[tuple[float, float]] = attrs.Factory(list)
    jumps: list[float] = attrs.Factory(list)
    made: dict[str, float] = attrs.Factory(dict)
    added: dict[str, float] = attrs.Factory(dict)
    looks: int = 0

    def skew(self) -> float:
        """By how much the machine's clock is wrong."""
        return next((SKEWS[w.kind] for w in self.windows if w.kind in SKEWS and self.is_in(w)), 0.0)

    def clock(self) -> datetime:
        """What the machine's clock says."""
        return START + timedelta(seconds=self.now + self.skew())

    def is_in(self, window: Window) -> bool:
        return window.begins <= self.now < window.ends

    def fault(self, source: int) -> Kind | None:
        """What is wrong with a source now."""
        for window in self.windows:
            if window.kind in SOURCE and window.source in {None, source} and self.is_in(window):
                return window.kind
        return None

    def is_store_gone(self) -> bool:
        return any(w.kind is Kind.STORE and self.is_in(w) for w in self.windows)

    def is_killing(self, kind: Kind) -> bool:
        """Whether the process dies at this very point."""
        return any(w.kind is kind and self.is_in(w) for w in self.windows)

    def check_alive(self, began: float) -> None:
        """Die where the time has come, and not before anything was done."""
        if self.now > began and self.is_killing(Kind.KILLED):
            raise Killed

    def name(self, number: int) -> str:
        return f"token {number % len(self.lives)}"

    def up(self, begins: float, ends: float) -> float:
        """For how long of a while the process was there."""
        gone = sum(max(0.0, min(ends, up) - max(begins, down)) for down, up in self.down)
        return max(0.0, ends - begins - gone)

    def log(self, token: str, what: str, *, good: bool) -> None:
        self.attempts.setdefault(token, []).append(Attempt(self.now, what, good))

    def put(self, registry: str, token: str, end: float) -> None:
        """A registry has another credential: the one before may have lapsed meanwhile."""
        self.close(registry)
        self.ends[registry] = token, end

    def close(self, registry: str) -> None:
        token, end = self.ends.get(registry, ("", self.now))
        if self.now > end:
            self.lapses.append((registry, token, end, self.now))


@attrs.define(eq=False)
class Source:
    """A source of the world's."""

    world: World
    number: int

    def token(self, address: RegistryAddress) -> str | None:
        number = number_of(address)
        if number is None or number % len(self.world.lives) % 2 != self.number:
            return None
        return self.world.name(number)

    def issue(self, address: RegistryAddress) -> Issued:
        world = self.world
        token = self.token(address)
        assert token is not None
        try:
            issued = self._issue(token)
        except BaseException:
            world.log(token, "made", good=False)
            raise
        good = isinstance(issued, Issued) and bool(issued.credential.secret.reveal())
        world.log(token, "made", good=good)
        return issued

    def _issue(self, token: str) -> Issued:
        world = self.world
        if world.is_killing(Kind.KILLED_MAKING):
            raise Killed
        life = world.lives[int(token.split()[1])]
        secret = f"{CANARY} {token} {len(world.made)}"
        match world.fault(self.number):
            case Kind.TIMEOUT | Kind.THROTTLING as kind:
                raise SourceError(f"the service said: {kind}", passing=True)
            case Kind.BUG:
                raise KeyError(secret)
            case Kind.EMPTY:
                return Issued(Credential("bot", Secret("")), world.clock())
            case Kind.MALFORMED:
                rubbish: object = {"authorizationToken": secret}
                return rubbish  # type: ignore[return-value]  # a source that misbehaves
            case Kind.PAST:
                told: datetime | None = datetime(2015, 1, 1, tzinfo=UTC)
            case _:
                told = {
                    Life.TWELVE_HOURS: START + timedelta(seconds=world.now + SECONDS[life]),
                    Life.ONE_HOUR: world.clock() + timedelta(seconds=SECONDS[life]),
                    Life.UNKNOWN: None,
                }[life]
        world.made[secret] = world.now + SECONDS[life]
        return Issued(Credential("bot", Secret(secret)), told)


def number_of(address: RegistryAddress) -> int | None:
    """The number in ``registry-7.corp``; None where it is another address."""
    host = address.host
    if not (host.startswith("registry-") and host.endswith(".corp")):
        return None
    return int(host.removeprefix("registry-").removesuffix(".corp"))


class Store(MemoryStore):
    """A store that may be gone, and whose user may die beside it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @override
    def environment(self, name: str) -> Environment:
        self._check()
        return super().environment(name)

    @override
    def update(self, environment: str, registry_id: str, credential: Credential) -> Registry:
        world = self._world
        number = number_of(super().environment(environment).registry(registry_id).address)
        assert number is not None
        token = world.name(number)
        if world.is_killing(Kind.KILLED_STORING):
            world.log(token, "stored", good=False)
            raise Killed
        self._check()
        registry = super().update(environment, registry_id, credential)
        world.log(token, "stored", good=True)
        if registry_id in world.ends:  # else it has been overridden since the last look
            world.put(registry_id, token, world.made[credential.secret.reveal()])
        return registry

    def _check(self) -> None:
        if self._world.is_store_gone():
            self._world.gone.append(self._world.now)
            msg = f"no route to {CANARY}"
            raise ConnectionError(msg)


def simulate(
    lives: Sequence[Life],
    addresses: int,
    windows: Sequence[Window],
    until: float,
    edit: Callable[[World], None] | None = None,
) -> World:
    """Let an updater work in a world until a time, and return the world.

    Args:
        lives: The tokens.
        addresses: How many there are, each in one of two environments and every third in both.
        windows: The faults.
        until: When it ends.
        edit: Called at every look: what people do to the store meanwhile.
    """
    world = World(lives, addresses, sorted(windows, key=lambda w: w.begins))
    world.store = Store(world)
    for number in range(addresses):
        for name in ENVIRONMENTS if number % 3 == 0 else ENVIRONMENTS[number % 2 :][:1]:
            add(world, name, number)
    log, watch = logging.getLogger("wharfinger.sources"), Watch()
    log.addHandler(watch)
    log.propagate = False
    try:
        while world.now < until:
            _live(world, until, edit)
    finally:
        log.propagate = True
        log.removeHandler(watch)
    world.now = until
    for registry in world.ends:
        world.close(registry)
    return world


def add(world: World, environment: str, number: int) -> str:
    """Add a registry whose credential is no good; it overrides an older one."""
    address = RegistryAddress.parse(f"registry-{number}.corp")
    older = None
    if environment in MemoryStore.environments(world.store):
        older = MemoryStore.environment(world.store, environment).in_force(address)
    registry = world.store.add(environment, address, Credential("bot", Secret("none yet")))
    if older is not None:
        world.close(older.id)
        del world.ends[older.id]
    world.put(registry.id, world.name(number), world.now)
    world.added[registry.id] = world.now
    return registry.id


def _live(world: World, until: float, edit: Callable[[World], None] | None) -> None:
    """One life of the process: from its start to its death, and to its next start."""
    began = world.now
    updater = Updater(
        world.store,
        ENVIRONMENTS,
        [Source(world, 0), Source(world, 1)],
        look_every=timedelta(seconds=LOOK),
        assumed_life=timedelta(hours=1),
        clock=world.clock,
    )
    try:
        while world.now < until:
            world.check_alive(began)
            now = world.clock()
            due = updater.run_due(now)
            world.looks += 1
            assert due > now, "it is due again at once"
            _wait(world, min((due - now).total_seconds(), LOOK))
            if edit is not None:
                edit(world)
        assert_truthful(world, updater)
    except Killed:
        # Whoever looks after the process starts it again, after a minute at least.
        back = max(
            (w.ends for w in world.windows if w.kind in KILLS and world.is_in(w)),
            default=world.now,
        )
        back = max(back, world.now + PAUSE)
        world.down.append((world.now, back))
        world.now = back


class Watch(logging.Handler):
    """Reads every line that the updater logs."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        assert CANARY not in f"{record.getMessage()} {vars(record)}"
        assert record.exc_info is None


def _wait(world: World, seconds: float) -> None:
    before = world.skew()
    world.now += seconds
    if world.skew() != before:
        world.jumps.append(world.now)


def assert_truthful(world: World, updater: Updater) -> None:
    """A status that says healthy is right, and none holds a secret."""
    status = updater.status()
    assert CANARY not in repr(status) + str(status.as_dict())
    if status.healthy:
        bad = [
            registry
            for registry, (_, end) in world.ends.items()
            if end <= world.now and world.added[registry] < world.now - LOOK  # else not seen yet
        ]
        assert not bad, f"healthy, and {bad} have lapsed"


def violations(world: World, *, faultless: bool = False) -> Iterator[str]:
    """What must not have happened."""
    # A store that is gone is asked for one registry, and the answer is for all.
    vain = {
        token: sorted([*(each.at for each in attempts if not each.good), *world.gone])
        for token, attempts in world.attempts.items()
    }
    for registry, token, end, repaired in world.lapses:
        yield from _unexcused(world, vain.get(token, world.gone), registry, token, end, repaired)
    for token, attempts in world.attempts.items():
        calls = [each.at for each in attempts if each.what == "made"]
        for before, after in pairwise(calls):
            if after - before < PAUSE and not any(before < at <= after for at in world.jumps):
                yield f"{token} was asked for at {clock(before)} and at {clock(after)}"
        if faultless:
            life = world.lives[int(token.split()[1])]
            lived = HOUR if life is Life.UNKNOWN else SECONDS[life]  # as it is assumed
            fewest = -(-world.now // lived)
            if len(calls) > 1.3 * fewest:
                yield f"{token} was asked for {len(calls)} times, and {fewest:.0f} are enough"


def _unexcused(
    world: World, times: list[float], registry: str, token: str, end: float, repaired: float
) -> Iterator[str]:
    """A lapse is excused where all was tried in the last margin, or nobody was there to try."""
    life = SECONDS[world.lives[int(token.split()[1])]]
    begins = end - MARGIN * life
    told = f"{registry} ({token}) had lapsed from {clock(end)} to {clock(repaired)}"
    first, last = bisect_left(times, begins), bisect_left(times, end)
    pause = 1.25 * min(max(life / 100, PAUSE), LONGEST_PAUSE)
    # What it was added with is no good from the start on, and known from the next look on.
    is_new = world.added[registry] == end
    if first == last and not is_new and world.up(begins, end) > pause:
        yield f"{told}, and nothing was tried from {clock(begins)} on"
    # From then on it was tried all the time.
    known = [times[first] if first < last and not is_new else end]
    known += times[bisect_right(times, known[0]) : bisect_left(times, repaired)]
    known += [edge for pair in world.down for edge in pair if known[0] < edge < repaired]
    for before, after in pairwise([*sorted(known), repaired]):
        # A process that fails from its start on asks less often as time goes by.
        longest = max(pause, min((before - end + life) / 80, 1.25 * LONGEST_PAUSE))
        if world.up(before, after) > longest + LOOK:
            yield f"{told}, and nothing was tried from {clock(before)} to {clock(after)}"
