"""The rows of a store, and the values they stand for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wharfinger.core.address import RegistryAddress
from wharfinger.core.credential import Credential, CredentialKind
from wharfinger.core.environment import Environment, Orchestration, sequence_of, snapshot
from wharfinger.core.errors import EnvironmentNotFound, RegistryNotFound, nearest
from wharfinger.core.registry import Registry
from wharfinger.core.settings import HostImages, Settings
from wharfinger.stores import schema
from wharfinger.stores.errors import StoreCorrupt
from wharfinger.stores.unsealed import Seal, key_id_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Event", "Found", "Loaded"]

_E: Final = schema.environments.c
_R: Final = schema.registries.c
_V: Final = schema.events.c
_REGISTRY: Final = (_R.sequence, _R.address, _R.username, _R.state, _R.added_by)
_SUGGESTIONS: Final = 1000
_MAX_NUMBER: Final = 2**63 - 1
_SETTINGS: Final = "settings"


@attrs.frozen
class Event:
    """One change of a store. It never holds a secret.

    Args:
        sequence: Its place among all events of the store.
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
        version: The count of its changes.
        environment: The environment.
    """

    row: int
    version: int
    environment: Environment

    def is_at(self, row: int, version: int) -> bool:
        """Whether a row and a version are these.

        Args:
            row: The number of a row.
            version: A count of changes.

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
    values = {"name": name, "orchestration": orchestration.value, "additions": 0, "version": 0}
    statement = _insert(connection)(schema.environments).values(values).on_conflict_do_nothing()
    return connection.execute(statement.returning(_E.id)).one_or_none() is not None


def _insert(connection: sa.Connection) -> Callable[[sa.Table], postgresql.Insert | sqlite.Insert]:
    """The insert of a connection's database, which knows what to do about conflicts."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


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
        .values(additions=_E.additions + 1, version=_E.version + 1)
        .returning(_E.id, _E.additions)
    ).one_or_none()
    return None if row is None else (row.id, row.additions)


def touch(connection: sa.Connection, name: str) -> int:
    """Count a change of an environment; its row stays locked until the commit.

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
        .values(version=_E.version + 1)
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
    rows = connection.execute(
        sa.select(*_REGISTRY).where(_R.environment_id == head.id).order_by(_R.sequence)
    )
    registries = tuple(registry_of(name, row) for row in rows)
    orchestration = Orchestration(head.orchestration)
    return Loaded(head.id, head.version, snapshot(name, orchestration, registries, head.additions))


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
    except ValueError:
        problem = _damaged(f"{name}/{row.sequence}")
    raise problem


def _damaged(registry_id: str) -> StoreCorrupt:
    return StoreCorrupt(f"the row of registry {registry_id} is damaged; bring back a copy")


def sealed(seal: Seal, registry: Registry, credential: Credential) -> dict[str, Any]:
    """The columns that hold a credential.

    Args:
        seal: What to seal its secret with.
        registry: The registry it belongs to.
        credential: The credential.

    Returns:
        Column names and values; the secret is sealed.
    """
    secret = seal.seal(credential.secret, bound_to(registry, credential.kind))
    return {
        "username": credential.username,
        "email": credential.email,
        "kind": credential.kind.value,
        "key_id": key_id_of(secret),
        "secret": secret,
    }


def credential_of(
    seal: Seal, registry: Registry, row: sa.Row[*tuple[Any, ...]] | Found
) -> Credential:
    """Open the credential in a row.

    Args:
        seal: What its secret is sealed with.
        registry: The registry the row stands for.
        row: The row.

    Returns:
        The credential, with its secret.

    Raises:
        KeyNotFound: When it is sealed with another key.
        SecretTampered: When it does not belong to the registry.
        StoreCorrupt: When its kind is none.
    """
    try:
        kind = CredentialKind(row.kind)
    except ValueError:
        kind = None
    if kind is None:
        raise _damaged(registry.id)
    secret = seal.unseal(row.secret, bound_to(registry, kind))
    return Credential(registry.username, secret, row.email, kind)


def bound_to(registry: Registry, kind: CredentialKind) -> str:
    """What a sealed secret belongs to: it opens nowhere else (R19).

    Args:
        registry: The registry.
        kind: What the secret is.

    Returns:
        A text that no other registry has.
    """
    return json.dumps([registry.id, str(registry.address), registry.username, kind.value])


def log(
    connection: sa.Connection,
    action: str,
    environment: str = "",
    registry: Registry | None = None,
    actor: str | None = None,
) -> None:
    """Append an event.

    Args:
        connection: The connection of the change.
        action: What was done.
        environment: The environment's name.
        registry: Which registry.
        actor: Who did it.
    """
    connection.execute(
        sa.insert(schema.events).values(
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
            actor=actor,
            action=action,
            environment=environment,
            registry=None if registry is None else registry.sequence,
            address=None if registry is None else str(registry.address),
        )
    )


def events(
    connection: sa.Connection, environment: str | None, after: int, limit: int
) -> list[Event]:
    """Read events, the oldest first.

    Args:
        connection: A connection.
        environment: Of which environment; None for all.
        after: The sequence to begin after.
        limit: How many at most.

    Returns:
        The events.
    """
    query = sa.select(schema.events).where(_V.sequence > after).order_by(_V.sequence).limit(limit)
    if environment is not None:
        query = query.where(_V.environment == environment)
    return [
        Event(
            sequence=row.sequence,
            at=datetime.fromisoformat(row.at),
            actor=row.actor,
            action=row.action,
            environment=row.environment,
            registry=None if row.registry is None else f"{row.environment}/{row.registry}",
            address=None if row.address is None else RegistryAddress.parse(row.address),
        )
        for row in connection.execute(query)
    ]


def load_settings(connection: sa.Connection) -> Settings:
    """Read the settings.

    Args:
        connection: A connection.

    Returns:
        The settings; those out of the box where none were saved.
    """
    text = connection.scalar(
        sa.select(schema.settings.c.value).where(schema.settings.c.name == _SETTINGS)
    )
    if text is None:
        return Settings()
    fields = json.loads(text)
    return Settings(
        default_registry=fields["default_registry"],
        whitelist=fields["whitelist"],
        official_namespace=fields["official_namespace"],
        host_images=HostImages(fields["host_images"]),
    )


def save_settings(connection: sa.Connection, settings: Settings) -> None:
    """Replace the settings.

    Args:
        connection: A connection that writes.
        settings: The settings.
    """
    whitelist = settings.whitelist
    fields = {
        "default_registry": str(settings.default_registry),
        "whitelist": str(whitelist) if whitelist.entries or whitelist.blank else None,
        "official_namespace": settings.official_namespace,
        "host_images": settings.host_images.value,
    }
    statement = _insert(connection)(schema.settings).values(
        name=_SETTINGS, value=json.dumps(fields)
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[schema.settings.c.name], set_={"value": statement.excluded.value}
        )
    )


def known_name(name: str) -> str:
    """A name to look for: one that no environment can have is not shown to a driver.

    Args:
        name: What was asked for.

    Returns:
        The name, or an empty one, which no environment has.
    """
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
    return sequence if sequence <= _MAX_NUMBER else 0


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
