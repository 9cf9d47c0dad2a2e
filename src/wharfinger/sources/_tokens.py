"""What an updater knows of each token, and which is due next. Whoever calls has the lock."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final

import attrs

from wharfinger.core.credential import Credential, check_credential
from wharfinger.core.errors import InvalidCredential
from wharfinger.sources.schedule import MARGIN, PAUSE, pause, renewal
from wharfinger.sources.source import CredentialSource, Issued
from wharfinger.sources.status import TokenStatus

if TYPE_CHECKING:
    from wharfinger.core.address import RegistryAddress

__all__ = ["Lane", "Place", "Token", "article", "problem_of"]

_LONGEST_LIFE: Final = timedelta(days=365).total_seconds()
_SLACK: Final = 64  # entries of a heap that may be out of date


@attrs.define(eq=False, repr=False)
class Place:
    """A registry in force whose credential is a token's."""

    environment: str
    id: str
    address: RegistryAddress
    token: Token
    failed: bool = False  # the last time it was to be stored there
    margin_at: float = -inf  # of the credential that is stored there; nobody knows it at first


@attrs.define(eq=False, repr=False)
class Token:
    """One token of a source, and the registries that have it."""

    name: str
    lane: Lane
    renew_at: float
    since: float
    places: dict[str, Place] = attrs.Factory(dict)
    waiting: dict[str, Place] = attrs.Factory(dict)  # those that have not got what is held
    held: Credential | None = None
    life: float | None = None
    ends: float = -inf
    renewed: float = -inf
    renewed_at: datetime | None = None
    expires_at: datetime | None = None
    assumed: bool = False
    attempted: float = -inf
    attempted_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    store_at: float = -inf
    store_error: str | None = None
    # Whether it is renewed because a registry refused it, and how often in a row that was so.
    hurried: bool = False
    refusals: int = 0
    running: bool = False
    ticket: int = 0

    def due(self) -> float:
        """When something is to be done for it."""
        if self.waiting and self.store_at < min(self.renew_at, self.ends):
            return self.store_at
        return self.renew_at

    def add(self, place: Place, passed: float) -> None:
        """Let a registry have it."""
        self.places[place.id] = self.waiting[place.id] = place
        self.store_at = min(self.store_at, passed)

    def drop(self, place: Place) -> None:
        """Let a registry have it no longer."""
        self.places.pop(place.id, None)
        self.waiting.pop(place.id, None)

    def retire(self) -> None:
        """No registry has it: its credential is forgotten at once, and itself when it is due.

        Until then it is remembered when it was asked for last, so that a registry which is removed
        and added again does not have it asked for twice within a minute.
        """
        self.held, self.life, self.ends = None, None, -inf
        self.renew_at = self.attempted + PAUSE

    def address(self) -> RegistryAddress | None:
        """One of its registries' addresses, after a failure the next one's; None without any."""
        if not self.places:
            return None
        turn = self.failures % len(self.places)
        return next(islice(self.places.values(), turn, None)).address

    def accept(self, issued: Issued, now: datetime, passed: float, assumed_life: float) -> None:
        """Hold a credential that was made, until the next."""
        told = issued.expires_at
        life = 0.0 if told is None else (told - now).total_seconds()
        self.assumed = life <= 0
        self.life = life = min(assumed_life if self.assumed else life, _LONGEST_LIFE)
        self.ends = passed + life
        if issued.credential == self.held:  # where it is stored it is known to live longer
            for place in self.places.values():
                if place.id not in self.waiting:
                    self.stored(place)
        self.held = issued.credential
        # All get it, the same one too, for somebody may have edited what is stored; and last those
        # that could not be given the one before.
        self.waiting = dict(sorted(self.places.items(), key=lambda each: each[1].failed))
        self.store_at = passed
        self.renewed, self.renewed_at, self.expires_at = passed, now, told
        self.error, self.failures = None, 0
        self.refusals = self.refusals + 1 if self.hurried else 0
        self.hurried = False
        self.renew_at = passed + renewal(life, self.name)

    def stored(self, place: Place) -> None:
        """A registry has what is held."""
        self.waiting.pop(place.id, None)
        place.failed = False
        place.margin_at = self.ends - MARGIN * (self.life or 0.0)

    def defer(self, place: Place) -> None:
        """A registry could not be given what is held: next time the others come first."""
        place.failed = True
        if self.waiting.pop(place.id, None) is not None:
            self.waiting[place.id] = place

    def fail(self, problem: str, passed: float) -> None:
        """No credential was made."""
        self.error = problem
        self.failures += 1
        self.renew_at = passed + self.pause(self.failures, passed)

    def pause(self, failures: int, passed: float) -> float:
        """How long it is left alone; before its first credential, ever longer as time goes by."""
        return pause(failures, passed - self.since if self.life is None else self.life, self.name)

    def refuse(self, place: Place, passed: float) -> bool:
        """A registry has refused its credential: say whether a newer one is to be stored there."""
        if self.running or self.hurried:
            return True
        if place.id in self.waiting and passed < self.ends:
            return True  # what was refused is an older one
        if passed < self.renewed + PAUSE:
            return False  # and so it is here
        soonest = self.attempted + self.pause(self.refusals + 1, passed)
        self.hurried = True
        self.renew_at = min(self.renew_at, max(passed, soonest))
        return True

    def status(self, now: datetime, passed: float) -> TokenStatus:
        """How it is doing."""
        due = min(max(self.due() - passed, 0.0), _LONGEST_LIFE)
        return TokenStatus(
            token=self.name,
            source=self.lane.position,
            registries=tuple(sorted(self.places)),
            waiting=tuple(sorted(self.waiting)) if self.held else (),
            healthy=all(place.margin_at > passed for place in self.places.values()),
            renewed_at=self.renewed_at,
            expires_at=self.expires_at,
            assumed=self.assumed,
            attempted_at=self.attempted_at,
            error=self.error,
            store_error=self.store_error,
            next_attempt=now + timedelta(seconds=due),
        )


@attrs.define(eq=False, repr=False)
class Lane:
    """One source's tokens, by when they are due: a lane that is held up holds up no other."""

    source: CredentialSource
    position: int
    tokens: dict[str, Token] = attrs.Factory(dict)
    _heap: list[tuple[float, int, Token]] = attrs.Factory(list)
    _tickets: int = 0

    def token(self, name: str, passed: float) -> Token:
        """A token of its source; a new one is due at once."""
        if name not in self.tokens:
            self.tokens[name] = Token(name, self, renew_at=passed, since=passed)
        return self.tokens[name]

    def schedule(self, token: Token) -> None:
        """Put a token where it belongs, once what is known of it has changed."""
        if token.running:
            return  # it is put back by who runs it
        if not token.places:
            token.retire()
        self._tickets += 1
        token.ticket = self._tickets
        heappush(self._heap, (token.due(), token.ticket, token))
        if len(self._heap) > 2 * len(self.tokens) + _SLACK:
            self._heap = [entry for entry in self._heap if entry[2].ticket == entry[1]]
            heapify(self._heap)

    def next_due(self) -> float:
        """When the first of its tokens is due; those that are being renewed are not counted."""
        while self._heap and self._heap[0][2].ticket != self._heap[0][1]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else inf

    def take(self, passed: float) -> Token | None:
        """Take the token that is due first, if any is: nobody else takes it then."""
        while self.next_due() <= passed:
            token = heappop(self._heap)[2]
            token.ticket = 0
            if token.places:
                token.running = True
                return token
            del self.tokens[token.name]
        return None


def problem_of(issued: object) -> str | None:
    """Say what is wrong with what a source has made, in words that tell nothing of it."""
    if not isinstance(issued, Issued):
        return f"it made no Issued but {article(issued)}"
    if not isinstance(issued.credential, Credential):
        return f"it made no Credential but {article(issued.credential)}"
    end = issued.expires_at
    if end is not None and (not isinstance(end, datetime) or end.utcoffset() is None):
        return "it said an end that is no datetime with a time zone"
    try:
        check_credential(issued.credential)
    except InvalidCredential as error:
        return f"it made a credential that no registry takes: {error}"
    except TypeError:
        return "it made a credential whose username is no text"
    return None


def article(value: object) -> str:
    """Say what a value is, and nothing of what it says."""
    return f"a {type(value).__name__}"
