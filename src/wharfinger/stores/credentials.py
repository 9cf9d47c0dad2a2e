"""The columns that hold a credential: sealing it into them, finding it, opening it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from wharfinger.core.credential import Credential, CredentialKind
from wharfinger.core.registry import Registry
from wharfinger.stores import records, schema
from wharfinger.stores.errors import WrongKey
from wharfinger.stores.records import Found
from wharfinger.stores.unsealed import UNSEALED, Seal, key_id_of

__all__ = [
    "ASKED_FOR",
    "bound_to",
    "check_keys",
    "columns_of",
    "insert",
    "opened",
    "reseal",
    "rows_of",
]

_E: Final = schema.environments.c
_R: Final = schema.registries.c
_K: Final = schema.keys.c
_CHUNK: Final = 500
_latest: Final = schema.registries.alias()

ASKED_FOR: Final = (
    sa.select(_E.additions, *(_R[name] for name in Found._fields[1:]))
    .select_from(
        schema.environments.outerjoin(
            schema.registries,
            sa.and_(
                _R.environment_id == _E.id,
                sa.or_(
                    _R.sequence == sa.bindparam("claimed"),
                    _R.sequence
                    == sa.select(sa.func.max(_latest.c.sequence))
                    .where(
                        _latest.c.environment_id == _E.id,
                        _latest.c.address == sa.bindparam("address"),
                    )
                    .scalar_subquery(),
                ),
            ),
        )
    )
    .where(_E.name == sa.bindparam("name"))
    .order_by(_R.sequence)
)
"""What one credential takes: the environment's row, beside the registry that an answer claims and
the one in force for its address. Each row is a :class:`Found`."""


def columns_of(seal: Seal, registry: Registry, credential: Credential) -> dict[str, Any]:
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


def insert(
    connection: sa.Connection, row: int, registry: Registry, seal: Seal, credential: Credential
) -> None:
    """Insert a registry's row.

    Args:
        connection: A connection that writes.
        row: The environment's row.
        registry: The registry.
        seal: What to seal its secret with.
        credential: Its credential.
    """
    connection.execute(
        sa.insert(schema.registries).values(
            environment_id=row,
            sequence=registry.sequence,
            address=str(registry.address),
            state=registry.state.value,
            added_by=registry.added_by,
            **columns_of(seal, registry, credential),
        )
    )


def opened(seal: Seal, registry: Registry, row: sa.Row[*tuple[Any, ...]] | Found) -> Credential:
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
        raise records.damaged(f"registry {registry.id}")
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


def rows_of(
    connection: sa.Connection, row: int, sequences: Sequence[int]
) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    """Read what :func:`opened` needs of many registries.

    Args:
        connection: A connection.
        row: The environment's row.
        sequences: Of which registries.

    Yields:
        A row for each.
    """
    for start in range(0, len(sequences), _CHUNK):
        some = sequences[start : start + _CHUNK]
        yield from connection.execute(
            sa.select(_R.sequence, _R.email, _R.kind, _R.secret).where(
                _R.environment_id == row, _R.sequence.in_(some)
            )
        ).all()


def reseal(connection: sa.Connection, seal: Seal, batch: int) -> int:
    """Seal some secrets anew, of those that the first key did not seal.

    Args:
        connection: A connection that writes.
        seal: The keys.
        batch: How many secrets at most.

    Returns:
        How many they were; 0 when all are sealed with the first key.

    Raises:
        KeyNotFound: When one was sealed with a key that is not given.
        SecretTampered: When one does not belong where it stands.
    """
    current = next(iter(seal.ids), "")
    rows = connection.execute(
        sa.select(schema.registries, _E.name)
        .join(schema.environments)
        .where(_R.key_id != current)
        .order_by(_R.environment_id, _R.sequence)
        .limit(batch)
        .with_for_update(of=schema.registries)
    ).all()
    for row in rows:
        registry = records.registry_of(row.name, row)
        credential = opened(seal if row.key_id else UNSEALED, registry, row)
        connection.execute(
            sa.update(schema.registries)
            .where(*records.is_row(row.environment_id, registry))
            .values(columns_of(seal, registry, credential))
        )
    return len(rows)


def check_keys(connection: sa.Connection, seal: Seal) -> None:
    """Refuse keys that can't be the store's, before one secret is sealed with them.

    Args:
        connection: A connection that writes, and locks out whoever else opens the store.
        seal: The keys.

    Raises:
        WrongKey: When none of them has sealed anything in the store, and others have.
    """
    used = set(connection.scalars(sa.select(_K.key_id)))
    if used and not used & set(seal.ids):
        given = ", ".join(seal.ids) or "none"
        msg = (
            f"the secrets are sealed with {', '.join(sorted(used))}, and {given} is given; "
            "give the keys of this store, a new one in front of them"
        )
        raise WrongKey(msg)
    current = next(iter(seal.ids), None)
    if current is not None and current not in used:
        connection.execute(sa.insert(schema.keys).values(key_id=current))
