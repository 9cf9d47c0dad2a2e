"""How a figure comes about: interleaved rounds, of which the fastest and the middle one count."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import thread_time_ns
from typing import Final, Protocol

Work = Callable[[], object]

DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is timed.

    Args:
        name: Its row in the table.
        prepare: Makes the inputs of one round, untimed, and returns the work to time.
        count: How many operations one round is.
    """

    name: str
    prepare: Callable[[], Work]
    count: int


@dataclass(frozen=True, slots=True)
class Samples:
    """Nanoseconds per operation, one sample a round."""

    taken: list[float] = field(default_factory=list)

    @property
    def minimum(self) -> float:
        return min(self.taken)

    @property
    def median(self) -> float:
        return median(self.taken)


@dataclass(frozen=True, slots=True)
class Bound:
    """What must hold: a measured figure and the limit it keeps.

    Args:
        name: What is bounded.
        limit: The limit.
        measured: The figure.
        floor: Whether the figure must be at least the limit, not at most.
        aim: What it would be good to reach; only told.
    """

    name: str
    limit: float
    measured: float
    floor: bool = False
    aim: float | None = None

    @property
    def kept(self) -> bool:
        return self.within(1)

    def within(self, slack: float) -> bool:
        """Whether the figure keeps the limit, or misses it by no more than this factor."""
        if self.floor:
            return self.measured * slack >= self.limit
        return self.measured <= self.limit * slack

    @property
    def cells(self) -> list[str]:
        sign = "at least" if self.floor else "at most"
        aim = "" if self.aim is None else f" (aim {self.aim:g})"
        verdict = "ok" if self.kept else "MISSED"
        limit = f"{sign} {self.limit:g}{aim}"
        return [self.name, limit, f"{self.measured:.{DIGITS}g}", verdict]

    def __str__(self) -> str:
        name, limit, measured, verdict = self.cells
        return f"bound {limit}, measured {measured}: {verdict}  {name}"


class Section(Protocol):
    """A part of the benchmark. Measuring again adds rounds to those there are."""

    def measure(self) -> None: ...

    def bounds(self) -> list[Bound]: ...

    def tables(self) -> dict[str, str]: ...


def interleave(
    candidates: list[Candidate],
    rounds: int,
    samples: dict[str, Samples],
    clock: Callable[[], int] = thread_time_ns,
) -> None:
    """Run every candidate once a round, each round starting with another one.

    The collector of cyclic garbage rests meanwhile, as it does in :mod:`timeit`.

    Args:
        candidates: What is timed.
        rounds: How many rounds.
        samples: Where the times go, under the candidates' names.
        clock: What tells the time, in nanoseconds.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(rounds):
            start = number % len(candidates)
            for candidate in candidates[start:] + candidates[:start]:
                spent = elapsed(candidate.prepare(), clock)
                samples.setdefault(candidate.name, Samples()).taken.append(spent / candidate.count)
    finally:
        gc.enable()
        gc.unfreeze()


def elapsed(work: Work, clock: Callable[[], int] = thread_time_ns) -> int:
    """Time a piece of work, if nothing else is said by the processor's time of this thread.

    Whatever else the machine does then counts only where it slows the processor down.

    Args:
        work: The work.
        clock: What tells the time, in nanoseconds.

    Returns:
        Nanoseconds.
    """
    before = clock()
    work()
    return clock() - before


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a Markdown table, its first column to the left and the others to the right.

    Args:
        header: The columns' titles.
        rows: The rows.

    Returns:
        The lines.
    """
    ruler = [":--", *["--:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ruler, *rows])
