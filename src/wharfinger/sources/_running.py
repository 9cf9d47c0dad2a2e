"""An updater at work: a thread for each source, and one that tells them when it is time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from wharfinger.sources._renewals import Renewals
    from wharfinger.sources._tokens import Lane
    from wharfinger.sources.status import Status

__all__ = ["Running"]

_REPORT_EVERY: Final = 5.0
_GO: Final = "go"
_END: Final = "end"


@attrs.define(eq=False, repr=False)
class _Worker:
    """A source's thread: it waits until it is told to go, and then does all that is due."""

    lane: Lane
    told: SimpleQueue[str] = attrs.Factory(SimpleQueue)
    idle: bool = True


@attrs.define(eq=False, repr=False)
class Running:
    """What runs an updater once.

    A :class:`~queue.SimpleQueue` is what a signal handler may put into, whatever it interrupts.
    """

    _mail: SimpleQueue[None] = attrs.Factory(SimpleQueue)
    _stopping: bool = False
    _once: Lock = attrs.Factory(Lock)

    def wake(self) -> None:
        """Have the thread that keeps time look what is due."""
        self._mail.put(None)

    def stop(self) -> None:
        """End, once what has begun is done."""
        self._stopping = True
        self._mail.put(None)

    def run(
        self,
        renewals: Renewals,
        clock: Callable[[], datetime],
        report: Callable[[Status], object] | None,
    ) -> None:
        """Work until told to stop."""
        if not self._once.acquire(blocking=False):
            msg = "this updater runs already; one run serves all its sources"
            raise RuntimeError(msg)
        try:
            self._run(renewals, clock, report)
        finally:
            self._once.release()

    def _run(
        self,
        renewals: Renewals,
        clock: Callable[[], datetime],
        report: Callable[[Status], object] | None,
    ) -> None:
        workers = [_Worker(lane) for lane in renewals.lanes]
        with ThreadPoolExecutor(len(workers), "wharfinger-source") as pool:
            done = [pool.submit(self._work, renewals, clock, worker) for worker in workers]
            try:
                self._keep_time(renewals, clock, workers, report)
            finally:
                self._stopping = True
                for worker in workers:
                    worker.told.put(_END)
        for each in done:
            each.result()

    def _work(self, renewals: Renewals, clock: Callable[[], datetime], worker: _Worker) -> None:
        try:
            while worker.told.get() is _GO:
                while not self._stopping:
                    now = clock()
                    if not renewals.step(worker.lane, now, renewals.passed(now)):
                        break
                    self.wake()
                worker.idle = True
                self.wake()
        except BaseException:
            self.stop()
            raise

    def _keep_time(
        self,
        renewals: Renewals,
        clock: Callable[[], datetime],
        workers: list[_Worker],
        report: Callable[[Status], object] | None,
    ) -> None:
        reported = -_REPORT_EVERY
        news = True
        while not self._stopping:
            news |= renewals.look_if_due(renewals.passed(clock()))
            # A look takes its time, and the workers have told a later one meanwhile.
            passed = renewals.passed(clock())
            for worker in workers:
                if worker.idle and renewals.is_due(worker.lane, passed):
                    worker.idle = False
                    worker.told.put(_GO)
            idle = [worker.lane for worker in workers if worker.idle]
            # To the next look at most: a machine that slept, or a clock that was set, is found out
            # then.
            wait = renewals.left(passed, idle).total_seconds()
            if news and report is not None:
                rest = reported + _REPORT_EVERY - monotonic()
                if rest <= 0:
                    report(renewals.status(clock()))
                    reported, news = monotonic(), False
                else:
                    wait = min(wait, rest)
            news |= self._has_mail(wait)

    def _has_mail(self, seconds: float) -> bool:
        """Wait for mail, that long at most, and throw it away."""
        try:
            self._mail.get(timeout=seconds)
        except Empty:
            return False
        with suppress(Empty):
            while True:
                self._mail.get_nowait()
        return True
