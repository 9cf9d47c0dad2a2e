"""The whole logic of an updater: what is looked at, made and stored, and when."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from math import ceil, inf
from threading import Lock, RLock
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.errors import EnvironmentNotFound, RegistryNotFound, WharfingerError
from wharfinger.sources._tokens import Lane, Place, Token, article, problem_of
from wharfinger.sources.schedule import PAUSE, Steady
from wharfinger.sources.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wharfinger.core.address import RegistryAddress
    from wharfinger.core.environment import Environment
    from wharfinger.core.registry import Registry
    from wharfinger.core.store import CredentialStore

__all__ = ["Renewals"]

_LOG: Final = logging.getLogger("wharfinger.sources")
_BLIND: Final = 10  # looks that fail until that is unhealthy
_TOLD: Final = 3  # looks for which a status can be believed
_LONGEST: Final = 500  # characters of an error


@attrs.define(eq=False, repr=False)
class Renewals:
    """What is known of environments and tokens. Threads share it.

    The lock is never held while a store is asked or a source issues; ``token`` does no I/O.
    """

    _store: CredentialStore
    _names: tuple[str, ...] | None
    lanes: tuple[Lane, ...]
    look_every: float
    _assumed_life: float
    _lock: RLock = attrs.Factory(RLock)
    _steady: Steady = attrs.field(
        init=False, default=attrs.Factory(lambda self: Steady(self.look_every), takes_self=True)
    )
    _places: dict[str, dict[RegistryAddress, Place]] = attrs.Factory(dict)
    _seen: dict[str, Environment] = attrs.Factory(dict)
    _missing: tuple[str, ...] = ()
    _problem: str | None = None
    _troubled: str = ""  # the environment that could not be looked at
    _unnamed: dict[str, dict[RegistryAddress, str]] = attrs.Factory(dict)  # and what came of it
    _look_at: float = -inf
    _looked: float = -inf
    _store_at: float = -inf
    _looking: Lock = attrs.Factory(Lock)

    def passed(self, now: datetime) -> float:
        """Count the time up to now. Once for each reading of a clock: an old one was set back."""
        with self._lock:
            return self._steady.at(now)

    def look_if_due(self, passed: float) -> bool:
        """Find what has changed in the environments; of those that have not, nothing is read."""
        if not self._looking.acquire(blocking=False):
            return False  # another thread does
        try:
            with self._lock:
                if passed < self._look_at:
                    return False
                self._look_at = passed + self.look_every
            self._look(passed)
        finally:
            self._looking.release()
        return True

    def look_soon(self) -> None:
        """Have the next look made at once."""
        with self._lock:
            self._look_at = -inf

    def step(self, lane: Lane, now: datetime, passed: float) -> bool:
        """Do what is due first of a source's; False where nothing is."""
        with self._lock:
            token = lane.take(passed)
            if token is None:
                return False
            wanted = token.renew_at <= passed
        try:
            if wanted:
                self._renew(token, now, passed)
            self._deliver(token, passed)
        finally:
            with self._lock:
                token.running = False
                lane.schedule(token)
        return True

    def is_due(self, lane: Lane, passed: float) -> bool:
        """Whether there is something to do for a source."""
        with self._lock:
            return lane.next_due() <= passed

    def left(self, passed: float, lanes: Iterable[Lane]) -> timedelta:
        """How long there is nothing to do: until a look, or one of the sources' tokens is due."""
        with self._lock:
            due = min([self._look_at, *(lane.next_due() for lane in lanes)])
            # not a moment too early
            return timedelta(microseconds=ceil(max(0.0, due - passed) * 1e6))

    def refused(self, environment: str, address: RegistryAddress, now: datetime) -> bool:
        """A registry has refused its credential: say whether a newer one is on its way."""
        with self._lock:
            place = self._places.get(environment, {}).get(address)
            if place is None:
                return False
            coming = place.token.refuse(place, self._steady.seen(now))
            place.token.lane.schedule(place.token)
            return coming

    def status(self, now: datetime) -> Status:
        """How it is doing."""
        with self._lock:
            passed = self._steady.seen(now)
            known = (lane.tokens[name] for lane in self.lanes for name in sorted(lane.tokens))
            tokens = [token for token in known if token.places]
            told = tuple(token.status(now, passed) for token in tokens)
            healthy = (
                passed < self._looked + _BLIND * self.look_every
                and not self._missing
                and not self._unnamed
                and all(token.healthy for token in told)
            )
            margins = (place.margin_at for token in tokens for place in token.places.values())
            good = min(margins, default=inf) - passed if healthy else 0.0
            return Status(
                at=now,
                healthy=healthy,
                good_until=now + timedelta(seconds=min(good, _TOLD * self.look_every)),
                tokens=told,
                missing=self._missing,
                problem=self._problem or self._first_unnamed(),
            )

    def count(self) -> int:
        """How many tokens there are."""
        with self._lock:
            return sum(len(lane.tokens) for lane in self.lanes)

    def _look(self, passed: float) -> None:
        missing: set[str] = set()
        names: Sequence[str] = ()
        problem: str | None = None
        try:
            names = self._store.environments() if self._names is None else self._names
        except Exception as error:  # noqa: BLE001  # whatever a store raises, it is asked again
            problem = _told(error)
        for name in self._after_trouble(names):
            try:
                self._adopt(self._store.environment(name), passed)
            except EnvironmentNotFound:
                missing.add(name)
            except Exception as error:  # noqa: BLE001
                problem, self._troubled = f"environment {name!a}: {_told(error)}", name
                break
        with self._lock:
            if problem is None:
                self._looked = passed
                for name in self._places.keys() - (set(names) - missing):
                    self._forget(name)
                self._say_missing(() if self._names is None else tuple(sorted(missing)))
            if problem != self._problem and problem is not None:
                _warn("not looked at", error=problem)
            self._problem = problem

    def _after_trouble(self, names: Sequence[str]) -> Sequence[str]:
        """The names, from the one after that which could not be looked at: it hides no other."""
        start = names.index(self._troubled) + 1 if self._troubled in names else 0
        return [*names[start:], *names[:start]]

    def _first_unnamed(self) -> str | None:
        for name, problems in self._unnamed.items():
            for address, problem in problems.items():
                return f"environment {name!a}: {address}: {problem}"
        return None

    def _say_missing(self, missing: tuple[str, ...]) -> None:
        if missing and missing != self._missing:
            _warn("environments are missing", environments=[*missing])
        self._missing = missing

    def _forget(self, name: str) -> None:
        self._seen.pop(name, None)
        self._unnamed.pop(name, None)
        for place in self._places.pop(name).values():
            place.token.drop(place)
            place.token.lane.schedule(place.token)

    def _adopt(self, environment: Environment, passed: float) -> None:
        """Mind the registries in force of an environment, and no longer those that are not."""
        name = environment.name
        seen = self._seen.get(name)
        if seen is environment:
            return
        # Inactive ones too: one that is activated has to work at once.
        in_force = {registry.address: registry for registry in environment.registries}
        changed: dict[Token, None] = {}
        with self._lock:
            # One with fewer additions was made anew, and its ids say nothing of what was before.
            is_anew = seen is not None and environment.additions < seen.additions
            try:
                self._drop(name, {} if is_anew else in_force, changed)
                self._add(name, in_force, passed, changed)
            finally:
                for token in changed:
                    token.lane.schedule(token)
            if name not in self._unnamed:  # else its sources are asked again at the next look
                self._seen[name] = environment

    def _drop(
        self, name: str, in_force: dict[RegistryAddress, Registry], changed: dict[Token, None]
    ) -> None:
        places = self._places.setdefault(name, {})
        for address, place in [*places.items()]:
            registry = in_force.get(address)
            if registry is None or registry.id != place.id:
                del places[address]
                place.token.drop(place)
                changed[place.token] = None

    def _add(
        self,
        name: str,
        in_force: dict[RegistryAddress, Registry],
        passed: float,
        changed: dict[Token, None],
    ) -> None:
        places = self._places[name]
        self._seen.pop(name, None)
        before = self._unnamed.pop(name, {})
        unnamed: dict[RegistryAddress, str] = {}
        for address, registry in in_force.items():
            if address in places:
                continue
            served = self._token(address, passed)
            if isinstance(served, Token):
                places[address] = place = Place(name, registry.id, address, served)
                served.add(place, passed)
                changed[served] = None
            elif served is not None:
                unnamed[address] = served
                if before.get(address) != served:
                    _warn("no token named", address=str(address), error=served)
        if unnamed:
            self._unnamed[name] = unnamed

    def _token(self, address: RegistryAddress, passed: float) -> Token | str | None:
        """The token of an address; None where no source serves it; or why one could not say."""
        for lane in self.lanes:
            try:
                name = lane.source.token(address)
            except Exception as error:  # noqa: BLE001  # the others' tokens are none of its business
                return f"source {lane.position}: {_told(error)}"
            if name is None:
                continue
            if type(name) is str:
                return lane.token(name, passed)
            # The next source is not asked: what this one serves is not for it to have.
            return f"source {lane.position}: it names a token by {article(name)}, not a str"
        return None

    def _renew(self, token: Token, now: datetime, passed: float) -> None:
        with self._lock:
            address = token.address()
            if address is None:
                return
            token.attempted, token.attempted_at = passed, now
            token.renew_at = passed + PAUSE  # whatever happens
        issued = None
        try:
            issued = token.lane.source.issue(address)
            problem = problem_of(issued)
        except Exception as error:  # noqa: BLE001  # the others' tokens are none of its business
            problem = _told(error)
        with self._lock:
            if issued is not None and problem is None:
                token.accept(issued, now, passed, self._assumed_life)
            else:
                token.fail(problem or "", passed)
            fields = {
                "token": token.name,
                "source": token.lane.position,
                "expires_at": _text(token.expires_at),
                "next_attempt": _text(now + timedelta(seconds=token.renew_at - passed)),
            }
        if problem is not None:
            _warn("not renewed", **fields, error=problem, failures=token.failures)
            return
        _LOG.info("renewed", extra={"wharfinger": fields})
        if token.assumed and token.expires_at is not None:
            _warn("its end is past, so a life is assumed", **fields)

    def _deliver(self, token: Token, passed: float) -> None:
        """Store what is held for the registries that have not got it yet."""
        with self._lock:
            credential = token.held
            if credential is None or not token.waiting:
                return
            if passed >= token.ends:  # it is no good any more, and the next one is stored
                token.store_at = inf
                return
            if passed < self._store_at:  # the store was not there a moment ago
                token.store_at = self._store_at
                return
            waiting = [*token.waiting.values()]
        stored = 0
        problem = None
        for place in waiting:
            with self._lock:
                if token.places.get(place.id) is not place:
                    continue  # it is in force no longer
            try:
                if not self._is_there(place):
                    self._lose(place)
                    continue
                self._store.update(place.environment, place.id, credential)
            except Exception as error:  # noqa: BLE001  # the credential is kept, and stored later
                problem = _told(error)
                with self._lock:
                    token.defer(place)
                break
            stored += 1
            with self._lock:
                token.stored(place)
        self._delivered(token, stored, problem, passed)

    def _delivered(self, token: Token, stored: int, problem: str | None, passed: float) -> None:
        fields = {"token": token.name, "source": token.lane.position, "registries": stored}
        if stored:
            _LOG.info("stored", extra={"wharfinger": fields})
        with self._lock:
            token.store_error = problem
            if problem is None:
                return
            # Until then no other is stored either, and then the others come first: a store that is
            # gone is asked once a minute, and one bad registry does not stop them all.
            self._store_at = passed + PAUSE
            token.store_at = passed + token.pause(1, passed)
            fields["registries"] = len(token.waiting)
        _warn("not stored", **fields, error=problem)

    def _is_there(self, place: Place) -> bool:
        """Whether the id is still that address's (R19): a new environment's ids begin anew."""
        try:
            found = self._store.environment(place.environment).registry(place.id)
        except (RegistryNotFound, EnvironmentNotFound):
            return False
        return found.address == place.address

    def _lose(self, place: Place) -> None:
        """A registry is gone: its environment is read anew, whatever it seems."""
        with self._lock:
            places = self._places.get(place.environment, {})
            if places.get(place.address) is place:
                del places[place.address]
            self._seen.pop(place.environment, None)
            place.token.drop(place)


def _told(error: Exception) -> str:
    """An error in words; of one that is not the library's the kind alone, for it may tell more."""
    if not isinstance(error, WharfingerError):
        return f"{type(error).__name__} was raised; what it says is not repeated here"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # an error that can't tell what it is ends no updater
        return f"{type(error).__name__} was raised, and does not say why"
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _text(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat(timespec="seconds")


def _warn(event: str, **fields: object) -> None:
    _LOG.warning(event, extra={"wharfinger": fields})
