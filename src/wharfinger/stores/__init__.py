"""Credentials that last: stores in SQLite and PostgreSQL, sealing, and finding one by its URL.

Nothing here is imported before it is used, and what needs a package that is not installed says how
to install it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wharfinger.stores.errors import (
    KeyNotFound,
    MissingExtra,
    SchemaTooNew,
    SecretTampered,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
    UnknownStore,
    UnsafeKeyFile,
    WrongKey,
)

if TYPE_CHECKING:
    from wharfinger.stores.aio import AsyncStore
    from wharfinger.stores.opening import open_store
    from wharfinger.stores.records import Event
    from wharfinger.stores.sealing import UNSEALED, SealingKeys
    from wharfinger.stores.sql import SQLStore

__all__ = [
    "UNSEALED",
    "AsyncStore",
    "Event",
    "KeyNotFound",
    "MissingExtra",
    "SQLStore",
    "SchemaTooNew",
    "SealingKeys",
    "SecretTampered",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreNotWritable",
    "StoreUnavailable",
    "UnknownStore",
    "UnsafeKeyFile",
    "WrongKey",
    "open_store",
]

_HOMES = {
    "AsyncStore": "aio",
    "Event": "records",
    "SQLStore": "sql",
    "SealingKeys": "sealing",
    "UNSEALED": "sealing",
    "open_store": "opening",
}
# Imported package -> the extra that brings it.
_EXTRAS = {
    "alembic": "sql",
    "cryptography": "sealed",
    "psycopg": "postgres",
    "sqlalchemy": "sql",
    "stamina": "sql",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{home}"), name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        msg = f"{name} needs {package}: pip install 'wharfinger[{_EXTRAS[package]}]'"
    raise MissingExtra(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
