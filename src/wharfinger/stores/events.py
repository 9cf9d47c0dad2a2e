"""The event log: every change of a store, in the order in which the changes were committed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import attrs
import sqlalchemy as sa

from wharfinger.core.address import RegistryAddress
from wharfinger.core.registry import Registry
from wharfinger.stores import schema
from wharfinger.stores.records import damaged

__all__ = ["Event", "append", "read"]

_V: Final = schema.events.c
_LOCK: Final = 0x77686576  # "whev": one change at a time takes its place in a PostgreSQL database


@attrs.frozen
class Event:
    """One change of a store. It never holds a secret.

    Args:
        sequence: Its place among all events of the store, in the order they were committed: once it
            can be read, no event with a lower one will appear.
        at: When, in UTC.
        actor: Who, if the application said.
        action: What: ``created``, ``destroyed``, ``added``, ``updated``, ``activated``,
            ``deactivated``, ``removed``, ``resealed`` or ``settings-saved``.
        environment: The environment's name; empty where it concerns the whole store.
        registry: The registry's id, or None.
        address: The registry's address, or None.
    """

    sequence: int
    at: datetime
    actor: str | None
    action: str
    environment: str
    registry: str | None
    address: RegistryAddress | None


def append(
    connection: sa.Connection,
    action: str,
    environment: str = "",
    registry: Registry | None = None,
    actor: str | None = None,
) -> None:
    """Append an event.

    PostgreSQL hands out a number when it is asked, and not when it is committed. So changes wait
    for each other here until the commit, or a reader who goes on behind the last event that it saw
    would miss one. Whoever changes rows locks them before: the other way round changes could wait
    for each other for ever.

    Args:
        connection: The connection of the change.
        action: What was done.
        environment: The environment's name.
        registry: Which registry.
        actor: Who did it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_WAIT)
    connection.execute(
        _APPEND,
        {
            "at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "actor": actor,
            "action": action,
            "environment": environment,
            "registry": None if registry is None else registry.sequence,
            "address": None if registry is None else str(registry.address),
        },
    )


_WAIT: Final = sa.select(sa.func.pg_advisory_xact_lock(_LOCK))
_APPEND: Final = sa.insert(schema.events)


def read(connection: sa.Connection, environment: str | None, after: int, limit: int) -> list[Event]:
    """Read events, the oldest first.

    Args:
        connection: A connection.
        environment: Of which environment; None for all.
        after: The sequence to begin after.
        limit: How many at most.

    Returns:
        The events.

    Raises:
        StoreCorrupt: When no store has written one of the rows.
    """
    query = sa.select(schema.events).where(_V.sequence > after).order_by(_V.sequence).limit(limit)
    if environment is not None:
        query = query.where(_V.environment == environment)
    return [_event(row) for row in connection.execute(query).all()]


def _event(row: sa.Row[*tuple[Any, ...]]) -> Event:
    try:
        return Event(
            sequence=row.sequence,
            at=datetime.fromisoformat(row.at),
            actor=row.actor,
            action=row.action,
            environment=row.environment,
            registry=None if row.registry is None else f"{row.environment}/{row.registry}",
            address=None if row.address is None else RegistryAddress.parse(row.address),
        )
    except (TypeError, ValueError):
        problem = damaged(f"event {row.sequence}")
    raise problem
