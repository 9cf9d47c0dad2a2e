"""The settings of a store: one row, JSON."""

from __future__ import annotations

import json
from typing import Final

import sqlalchemy as sa

from wharfinger.core.settings import HostImages, Settings
from wharfinger.stores import schema
from wharfinger.stores.records import damaged

__all__ = ["load", "save"]

_S: Final = schema.settings.c
_NAME: Final = "settings"


def load(connection: sa.Connection) -> Settings:
    """Read the settings.

    Args:
        connection: A connection.

    Returns:
        The settings; those out of the box where none were saved.

    Raises:
        StoreCorrupt: When no store has written the row.
    """
    text = connection.scalar(sa.select(_S.value).where(_S.name == _NAME))
    if text is None:
        return Settings()
    try:
        fields = json.loads(text)
        return Settings(
            default_registry=fields["default_registry"],
            whitelist=fields["whitelist"],
            official_namespace=fields["official_namespace"],
            host_images=HostImages(fields["host_images"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        problem = damaged("the settings")
    raise problem


def save(connection: sa.Connection, settings: Settings) -> None:
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
    statement = schema.insert(connection, schema.settings).values(
        name=_NAME, value=json.dumps(fields)
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_S.name], set_={"value": statement.excluded.value}
        )
    )
