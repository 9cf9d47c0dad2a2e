"""How an updater is doing: a value, and the JSON of it. It holds no secret."""

from __future__ import annotations

from datetime import datetime

import attrs

__all__ = ["Status", "TokenStatus"]


@attrs.frozen(kw_only=True)
class TokenStatus:
    """How one token is doing.

    Args:
        token: Its name, as its source says it.
        source: Which source makes it, counted from 1.
        registries: The ids of the registries in force that have it, sorted.
        waiting: Those of them whose latest credential is made and not stored yet.
        healthy: Whether the credential of each of them is good and not within its margin, the last
            tenth of its life.
        renewed_at: When the latest credential was made; None before the first.
        expires_at: When that one ends, as its source says; None where it says nothing.
        assumed: Whether its source says nothing, or an end that is past, so that a life is assumed.
        attempted_at: When its source was last asked.
        error: Why that failed; None where it did not.
        store_error: Why the store did not take the latest credential; None where it did.
        next_attempt: When it is due.
    """

    token: str
    source: int
    registries: tuple[str, ...]
    waiting: tuple[str, ...]
    healthy: bool
    renewed_at: datetime | None
    expires_at: datetime | None
    assumed: bool
    attempted_at: datetime | None
    error: str | None
    store_error: str | None
    next_attempt: datetime


@attrs.frozen(kw_only=True)
class Status:
    """How an updater is doing.

    Args:
        at: When this was so.
        healthy: Whether every credential in force that a source serves is good and not within its
            margin, every environment that was named is there, and the store can be looked at.
        good_until: Until when ``healthy`` can be believed without a newer status: then a credential
            comes within its margin, or an updater that is alive has told more.
        tokens: Every token, in the order of their sources and names.
        missing: The environments that were named and are not there.
        problem: Why the environments could not be looked at; None where they could.
    """

    at: datetime
    healthy: bool
    good_until: datetime
    tokens: tuple[TokenStatus, ...]
    missing: tuple[str, ...]
    problem: str | None

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON, times as in RFC 3339.

        Returns:
            A dictionary with a key for each attribute.

        Example:
            >>> from datetime import UTC, datetime
            >>> now = datetime(2026, 1, 1, tzinfo=UTC)
            >>> Status(
            ...     at=now, healthy=True, good_until=now, tokens=(), missing=(), problem=None
            ... ).as_dict()["good_until"]
            '2026-01-01T00:00:00+00:00'
        """
        return attrs.asdict(self, value_serializer=_plain)


def _plain(_instance: object, _field: object, value: object) -> object:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
