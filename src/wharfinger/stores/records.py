"""The rows of environments and their registries, and the values they stand for."""

from __future__ import annotations

from contextlib import closing
from secrets import randbits
from typing import Any, Final, NamedTuple

import attrs
import sqlalchemy as sa

from wharfinger.core.environment import Environment, Orchestration, sequence_of, snapshot
from wharfinger.core.errors import EnvironmentNotFound, RegistryNotFound, nearest
from wharfinger.core.registry import Registry
from wharfinger.stores import schema
from wharfinger.stores.errors import StoreCorrupt

__all__ = [
    "MAX_NUMBER",
    "Found",
    "Loaded",
    "additions_of",
    "count_addition",
    "create",
    "damaged",
    "environment_not_found",
    "find",
    "is_row",
    "known_name",
    "known_sequence",
    "load",
    "lock",
    "registry_of",
    "touch",
    "version",
]

_E: Final = schema.environments.c
_R: Final = schema.registries.c
_REGISTRY: Final = (_R.sequence, _R.address, _R.username, _R.state, _R.added_by)
_SUGGESTIONS: Final = 1000
MAX_NUMBER: Final = 2**63 - 1
"""The highest number that a database counts to."""


class Found(NamedTuple):
    """A registry's row beside its environment's, as a driver has it."""

    additions: int
    sequence: Any
    address: str
    username: str
    state: Any
    added_by: str | None
    email: str | None
    kind: str
    secret: bytes


@attrs.frozen
class Loaded:
    """An environment as it was read, and what tells whether it still is so.

    Args:
        row: The number of its row, never given to another.
        version: The number that its last change drew.
        environment: The environment.
    """

    row: int
    version: int
    environment: Environment

    def is_at(self, row: int, version: int) -> bool:
        """Whether a row and a version are these.

        Args:
            row: The number of a row.
            version: The number that a change drew.

        Returns:
            Whether the environment is still as it was read.
        """
        return (self.row, self.version) == (row, version)


def create(connection: sa.Connection, name: str, orchestration: Orchestration) -> bool:
    """Insert an environment unless it is there.

    Args:
        connection: A connection that writes.
        name: Its name.
        orchestration: Its orchestration.

    Returns:
        Whether it was inserted.
    """
    values = {
        "name": name,
        "orchestration": orchestration.value,
        "additions": 0,
        "version": _drawn(),
    }
    statement = schema.insert(connection, schema.environments).values(values)
    inserted = connection.execute(statement.on_conflict_do_nothing().returning(_E.id))
    return inserted.one_or_none() is not None


def count_addition(connection: sa.Connection, name: str) -> tuple[int, int] | None:
    """Take the next sequence of an environment; its row stays locked until the commit (R5).

    Args:
        connection: A connection that writes.
        name: The environment's name.

    Returns:
        The environment's row and the sequence, or None where there is none of this name.
    """
    row = connection.execute(
        sa.update(schema.environments)
        .where(_E.name == known_name(name))
        .values(additions=_E.additions + 1, version=_drawn())
        .returning(_E.id, _E.additions)
    ).one_or_none()
    return None if row is None else (row.id, row.additions)


def touch(connection: sa.Connection, name: str) -> int:
    """Mark an environment as changed; its row stays locked until the commit.

    Args:
        connection: A connection that writes.
        name: The environment's name.

    Returns:
        The environment's row.

    Raises:
        EnvironmentNotFound: When there is none of this name.
    """
    row = connection.execute(
        sa.update(schema.environments)
        .where(_E.name == known_name(name))
        .values(version=_drawn())
        .returning(_E.id)
    ).scalar_one_or_none()
    if row is None:
        raise environment_not_found(connection, name)
    return int(row)


def lock(connection: sa.Connection, name: str) -> int:
    """Lock an environment's row until the commit.

    Args:
        connection: A connection that writes.
        name: The environment's name.

    Returns:
        The environment's row.

    Raises:
        EnvironmentNotFound: When there is none of this name.
    """
    row = connection.scalar(sa.select(_E.id).where(_E.name == known_name(name)).with_for_update())
    if row is None:
        raise environment_not_found(connection, name)
    return int(row)


def find(connection: sa.Connection, row: int, name: str, registry_id: str) -> Registry:
    """Read one registry.

    Args:
        connection: A connection.
        row: The environment's row.
        name: The environment's name.
        registry_id: The registry's id.

    Returns:
        The registry.

    Raises:
        RegistryNotFound: When there is none of this id.
    """
    found = connection.execute(
        sa.select(*_REGISTRY).where(
            _R.environment_id == row, _R.sequence == known_sequence(name, registry_id)
        )
    ).one_or_none()
    if found is None:
        some = connection.scalars(
            sa.select(_R.sequence).where(_R.environment_id == row).limit(_SUGGESTIONS)
        )
        near = nearest(registry_id, (f"{name}/{sequence}" for sequence in some))
        raise RegistryNotFound(registry_id, name, near)
    return registry_of(name, found)


def _drawn() -> int:
    """A version no change drew before: where a copy is brought back, counts would meet again."""
    return randbits(63)


def version(connection: sa.Connection, name: str) -> tuple[int, int] | None:
    """Read what tells whether an environment is still as it was read.

    Args:
        connection: A connection.
        name: The environment's name.

    Returns:
        Its row and its version; None where there is none of this name.
    """
    row = connection.execute(_VERSION, {"name": name}).one_or_none()
    return None if row is None else (row.id, row.version)


_VERSION: Final = sa.select(_E.id, _E.version).where(_E.name == sa.bindparam("name"))


def load(connection: sa.Connection, name: str) -> Loaded:
    """Read an environment whole.

    Args:
        connection: A connection whose statements all see the same state.
        name: Its name.

    Returns:
        The environment and its version.

    Raises:
        EnvironmentNotFound: When there is none of this name.
    """
    head = connection.execute(
        sa.select(_E.id, _E.version, _E.orchestration, _E.additions).where(
            _E.name == known_name(name)
        )
    ).one_or_none()
    if head is None:
        raise environment_not_found(connection, name)
    query = sa.select(*_REGISTRY).where(_R.environment_id == head.id).order_by(_R.sequence)
    # A cursor left half read would keep its connection, whoever has it next, in the past.
    with closing(connection.execute(query)) as rows:
        registries = tuple(registry_of(name, row) for row in rows)
    additions = additions_of(name, head.additions)
    try:
        orchestration = Orchestration(head.orchestration)
    except ValueError:
        problem = damaged(f"environment {name}")
    else:
        environment = snapshot(name, orchestration, registries, additions)
        return Loaded(head.id, head.version, environment)
    raise problem


def additions_of(name: str, stored: object) -> int:
    """Read an environment's count of additions.

    Args:
        name: The environment's name.
        stored: What its row has.

    Returns:
        The count.

    Raises:
        StoreCorrupt: When it is none.
    """
    if not isinstance(stored, int) or stored < 0:
        raise damaged(f"environment {name}")
    return stored


def registry_of(name: str, row: sa.Row[*tuple[Any, ...]] | Found) -> Registry:
    """Make the registry that a row stands for.

    Args:
        name: The environment's name.
        row: Its row.

    Returns:
        The registry.

    Raises:
        StoreCorrupt: When no store has written the row.
    """
    try:
        return Registry(
            environment=name,
            sequence=row.sequence,
            address=row.address,
            username=row.username,
            state=row.state,
            added_by=row.added_by,
        )
    except (TypeError, ValueError):
        problem = damaged(f"registry {name}/{row.sequence}")
    raise problem


def damaged(what: str) -> StoreCorrupt:
    """Make the error for a row that no store has written.

    Args:
        what: What it is the row of.

    Returns:
        The error.
    """
    return StoreCorrupt(f"the row of {what} is damaged; bring back a copy")


def is_row(row: int, registry: Registry) -> tuple[sa.ColumnElement[bool], ...]:
    """What tells a registry's row from all others.

    Args:
        row: The environment's row.
        registry: The registry.

    Returns:
        The conditions.
    """
    return _R.environment_id == row, _R.sequence == registry.sequence


def known_name(name: str) -> str:
    """A name to look for: one that no environment can have is not shown to a driver.

    Args:
        name: What was asked for.

    Returns:
        The name, or an empty one, which no environment has.

    Raises:
        TypeError: When it is no str.
    """
    if not isinstance(name, str):
        msg = f"an environment's name is a str, not {type(name).__name__}"
        raise TypeError(msg)
    return name if name.isprintable() else ""


def known_sequence(name: str, registry_id: str) -> int:
    """A registry's number to look for: one that no database counts to is none.

    Args:
        name: The environment's name.
        registry_id: The registry's id.

    Returns:
        The number, or 0, which no registry has.
    """
    sequence = sequence_of(name, registry_id)
    return sequence if sequence <= MAX_NUMBER else 0


def environment_not_found(connection: sa.Connection, name: str) -> EnvironmentNotFound:
    """Make the error for an environment that is not there.

    Args:
        connection: A connection.
        name: The name that was looked for.

    Returns:
        The error.
    """
    some = connection.scalars(sa.select(_E.name).limit(_SUGGESTIONS))
    return EnvironmentNotFound(name, nearest(name, some))
