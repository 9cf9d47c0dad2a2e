"""Renews credentials that expire before they do (R21)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wharfinger.core.address import RegistryAddress
from wharfinger.core.environment import Environment
from wharfinger.core.errors import InvalidAddress
from wharfinger.sources._renewals import Renewals
from wharfinger.sources._running import Running
from wharfinger.sources._tokens import Lane, article
from wharfinger.sources.source import is_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wharfinger.core.store import CredentialStore
    from wharfinger.sources.source import CredentialSource
    from wharfinger.sources.status import Status

__all__ = ["Updater"]


def _clock() -> datetime:
    return datetime.now(UTC)


def _check_time(now: datetime) -> None:
    if now.utcoffset() is None:
        msg = "the time has no time zone; datetime.now(UTC) has one"
        raise ValueError(msg)


class Updater:
    """Keeps the credentials of a store from lapsing: gets new ones from sources, in time (R21).

    It minds every registry in force that a source serves, inactive ones too, so that one that is
    activated works at once. What a source serves is the source's: the credential is replaced
    whoever stored it, as an update of the same registry, so that which one is in force stays as it
    is (R6), and the old one stays until the new one is stored.

    A credential is replaced when 86 to 89 hundredths of its life are over, always the same part for
    the same token, so that many don't fall together. What fails is tried again after a minute, two
    and so on, at least ten times in the last tenth of its life, or once a minute where it is short.
    A token is never asked for twice within a minute, for however many registries and threads.

    Args:
        store: Whose credentials they are.
        environments: The names of the environments to mind; None for all that the store has.
        sources: What makes credentials; a registry is served by the first that names a token for
            its address. Each has a lane of its own: one that fails, or takes long, holds up no
            other.
        look_every: How often the store is asked whether its environments have changed, and the
            longest that :meth:`run` sleeps. Between looks it wakes for tokens that are due alone;
            an application that tells of changes by :meth:`look` may have one a day. A machine that
            was suspended, or a clock that was set, is noticed at the next look at the latest.
        assumed_life: How long a credential is taken to live whose source does not know.
        clock: What says the time, with its time zone; the machine's clock if left out.

    Raises:
        ValueError: When there is no source or environment, or a time is not above zero.
        TypeError: When a source is none, or a time no timedelta.
        InvalidEnvironment: When a name is no environment's.

    Example:
        >>> from wharfinger import Credential, MemoryStore, Secret
        >>> from wharfinger.sources import Issued
        >>> class Numbers:
        ...     made = 0
        ...
        ...     def token(self, address):
        ...         return "numbers" if address.host.endswith(".corp") else None
        ...
        ...     def issue(self, address):
        ...         self.made += 1
        ...         ends = datetime(2026, 1, 1, 12, tzinfo=UTC)
        ...         return Issued(Credential("ci", Secret(f"token-{self.made}")), ends)
        >>> store = MemoryStore()
        >>> registry = store.add("staging", "registry.corp", Credential("ci", Secret("none yet")))
        >>> updater = Updater(store, ["staging"], [Numbers()])
        >>> midnight = datetime(2026, 1, 1, tzinfo=UTC)
        >>> print(updater.run_due(midnight))
        2026-01-01 00:01:00+00:00
        >>> store.credentials("staging")[registry.address].secret.reveal()
        'token-1'
    """

    def __init__(
        self,
        store: CredentialStore,
        environments: Iterable[str] | None,
        sources: Iterable[CredentialSource],
        *,
        look_every: timedelta = timedelta(minutes=1),
        assumed_life: timedelta = timedelta(hours=1),
        clock: Callable[[], datetime] = _clock,
    ) -> None:
        if isinstance(environments, str):
            msg = "environments are a list of names, or None for all"
            raise TypeError(msg)
        names = None if environments is None else tuple(dict.fromkeys(environments))
        lanes = tuple(Lane(source, at) for at, source in enumerate(sources, start=1))
        for lane in lanes:
            if not is_source(lane.source):
                msg = f"source {lane.position} has no token and issue: it is {article(lane.source)}"
                raise TypeError(msg)
        for name in names or ():
            Environment(name)  # what is no name of one is refused here
        if not lanes or names == ():
            msg = "an updater has one source at least, and one environment or None for all"
            raise ValueError(msg)
        if not isinstance(look_every, timedelta) or not isinstance(assumed_life, timedelta):
            msg = "look_every and assumed_life are timedeltas: timedelta(minutes=1)"
            raise TypeError(msg)
        if min(look_every, assumed_life) <= timedelta():
            msg = "look_every and assumed_life are above zero"
            raise ValueError(msg)
        self._renewals = Renewals(
            store, names, lanes, look_every.total_seconds(), assumed_life.total_seconds()
        )
        self._clock = clock
        self._running = Running()

    def run_due(self, now: datetime) -> datetime:
        """Do what is due: look at the environments, make credentials, and store them.

        This is all there is to an updater; :meth:`run` does the same when it is time. It reads no
        clock and waits for nothing but sources and store. What these raise is logged, and shows in
        :meth:`status`.

        Args:
            now: The time, with its time zone. It may go backwards: what is measured is what passes
                between calls, and a clock set forward counts as time that has passed.

        Returns:
            When to call again.

        Raises:
            ValueError: When ``now`` has no time zone.
        """
        _check_time(now)
        renewals = self._renewals
        passed = renewals.passed(now)
        renewals.look_if_due(passed)
        for lane in renewals.lanes:
            while renewals.step(lane, now, passed):
                pass
        return now + renewals.left(passed, renewals.lanes)

    def refused(self, environment: str, address: RegistryAddress | str) -> bool:
        """Tell that a registry has refused the credential in force.

        It is replaced in the next :meth:`run_due`, and by :meth:`run` at once; but never within a
        minute of the last call, and ever later while the new ones are refused too. So it may be
        told for every pull that fails.

        Args:
            environment: The environment's name.
            address: The registry's address.

        Returns:
            Whether a newer credential is on its way; False where no source serves the registry, or
            where its credential is so new that the one before must be meant.

        Raises:
            InvalidAddress: When the text is no address.
        """
        if not isinstance(address, RegistryAddress):
            try:
                address = RegistryAddress.parse(address)
            except (InvalidAddress, TypeError):
                del address  # user information must not stay in this frame
                raise
        coming = self._renewals.refused(environment, address, self._now())
        self._running.wake()
        return coming

    def look(self) -> None:
        """Have the environments looked at in the next :meth:`run_due`, and by :meth:`run` at once.

        An application that has added or removed a registry need not wait then.
        """
        self._renewals.look_soon()
        self._running.wake()

    def status(self) -> Status:
        """Say how every token is doing, by the updater's clock.

        Returns:
            A value without secrets.
        """
        return self._renewals.status(self._now())

    def run(self, report: Callable[[Status], object] | None = None) -> None:
        """Do what is due whenever it is, until :meth:`stop` is called; each source in a thread.

        In between it sleeps: it wakes for a token that is due and for a look at the environments.

        Args:
            report: Called with the status after every look, and five seconds at most after a token
                was renewed or not. What it raises ends the run.

        Raises:
            RuntimeError: When it runs already.
        """
        self._running.run(self._renewals, self._now, report)

    def stop(self) -> None:
        """Have :meth:`run` return as soon as what it has begun is done; it can't be run again.

        Any thread may call it, and a signal handler.
        """
        self._running.stop()

    def _now(self) -> datetime:
        now = self._clock()
        _check_time(now)
        return now

    def __repr__(self) -> str:
        sources, tokens = len(self._renewals.lanes), self._renewals.count()
        return f"<Updater: {sources} sources, {tokens} tokens>"
