"""Credentials that last: stores in SQLite and PostgreSQL, sealing, and finding one by its URL.

Nothing here is imported before it is used, and what needs a package that is not installed says how
to install it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wharfinger._extras import MissingExtra, missing_extra
from wharfinger._lazy import attribute
from wharfinger.stores.errors import (
    KeyNotFound,
    SchemaTooNew,
    SecretTampered,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreNotFound,
    StoreNotWritable,
    StoreUnavailable,
    UnknownStore,
    UnsafeKeyFile,
    WrongKey,
)

if TYPE_CHECKING:
    from wharfinger.stores.aio import AsyncStore
    from wharfinger.stores.events import Event
    from wharfinger.stores.opening import open_store
    from wharfinger.stores.sealing import SealingKeys
    from wharfinger.stores.sql import SQLStore
    from wharfinger.stores.unsealed import UNSEALED

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
    "StoreNotFound",
    "StoreNotWritable",
    "StoreUnavailable",
    "UnknownStore",
    "UnsafeKeyFile",
    "WrongKey",
    "open_store",
]

_HOMES = {
    "AsyncStore": "aio",
    "Event": "events",
    "SQLStore": "sql",
    "SealingKeys": "sealing",
    "UNSEALED": "unsealed",
    "open_store": "opening",
}


def __getattr__(name: str) -> object:
    try:
        return attribute(__name__, _HOMES, name)
    except ImportError as error:
        missing = missing_extra(name, error)
        if missing is None:
            raise
    raise missing


def __dir__() -> list[str]:
    return sorted(__all__)
