"""When a token is renewed: by how much before its end, how soon again, and by which time.

All in seconds, and nothing here reads a clock.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LONGEST_PAUSE", "MARGIN", "PAUSE", "Steady", "pause", "renewal", "share"]

# Earlier would cost more than 1.3 times the fewest calls that there can be: in three days of tokens
# of twelve hours, 7 and not 6.
_EARLIEST: Final = 0.86
_LATEST: Final = 0.89
MARGIN: Final = 0.10
"""The last part of a life: a credential that is within it is about to lapse."""
PAUSE: Final = 60.0
"""The shortest time between two calls for one token, in seconds."""
LONGEST_PAUSE: Final = 600.0
"""The longest time between two tries, in seconds; plus a quarter at most."""
_TRIES: Final = 100  # in a life, at least, so that ten fall within the margin
_SPREAD: Final = 0.25
_BITS: Final = 64
_RACE: Final = 1.0  # by which two threads may come one after the other


def share(name: str, turn: int = 0) -> float:
    """Return what a token's name is as a share, so that no two tokens keep falling together.

    Args:
        name: The token's name.
        turn: Another number makes another share.

    Returns:
        A number from 0 to 1, exclusively; the same in every process.

    Example:
        >>> round(share("ecr 123456789012 us-east-1"), 2)
        0.78
    """
    digest = blake2b(f"{turn} {name}".encode("utf-8", "surrogatepass"), digest_size=_BITS // 8)
    return int.from_bytes(digest.digest()) / float(1 << _BITS)


def renewal(life: float, name: str) -> float:
    """Say how long after its making a credential is replaced.

    Args:
        life: How long it lives, in seconds.
        name: The token's name.

    Returns:
        Seconds: 86 to 89 hundredths of the life, always the same for a name, and never less than
        :data:`PAUSE`.

    Example:
        >>> round(renewal(12 * 3600, "ecr 123456789012 us-east-1") / 3600, 1)
        10.6
    """
    return max(PAUSE, life * (_EARLIEST + (_LATEST - _EARLIEST) * share(name)))


def pause(failures: int, life: float, name: str) -> float:
    """Say how long after so many failures it is tried again.

    Args:
        failures: How many there were in a row, 1 at least.
        life: How long the token's credentials live, in seconds: of those that live shortly, the
            pauses grow less.
        name: The token's name.

    Returns:
        Seconds, :data:`PAUSE` at least, twice that after the second failure and so on.

    Example:
        >>> [round(pause(n, 12 * 3600, "ecr 123456789012 us-east-1")) for n in (1, 2, 3, 4, 5)]
        [63, 140, 248, 465, 460]
    """
    longest = min(max(life / _TRIES, PAUSE), LONGEST_PAUSE)
    grown = min(PAUSE * (1 << min(failures - 1, 10)), longest)
    return grown * (1 + _SPREAD * share(name, failures))


@attrs.define(eq=False, repr=False)
class Steady:
    """Time that never goes back, told by a clock that may be set.

    A clock set forward is time that has passed. One set back says nothing of how much has, so the
    most is counted that can have. Either makes a renewal early, and not late.

    Args:
        most: The longest time between two calls, in seconds.

    Example:
        >>> from datetime import UTC, datetime
        >>> steady = Steady(60)
        >>> [steady.at(datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (3, 4, 2, 3)]
        [0.0, 3600.0, 3660.0, 7260.0]
    """

    _most: float
    _passed: float = 0.0
    _last: datetime | None = None

    def at(self, now: datetime) -> float:
        """Count what has passed, and return how much that is.

        Args:
            now: What the clock says.

        Returns:
            Seconds since the first call.
        """
        self._passed = self.seen(now)
        self._last = now
        return self._passed

    def seen(self, now: datetime) -> float:
        """Say what :meth:`at` would, and count nothing.

        Args:
            now: What the clock says.

        Returns:
            Seconds since the first call.
        """
        if self._last is None:
            return self._passed
        since = (now - self._last).total_seconds()
        if since < -_RACE:
            since = self._most
        return self._passed + max(0.0, since)
