"""Database URLs, read so that nothing of them that may be a secret is shown."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import sqlalchemy as sa
from sqlalchemy import exc

__all__ = ["Target", "parse_url"]

_WANTED: Final = "write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
_DRIVERS: Final = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
# What Python's sqlite3 reads itself; the rest is for SQLite, which reads it in a URI only.
_SQLITE_OPTIONS: Final = frozenset(
    {
        "cached_statements",
        "check_same_thread",
        "detect_types",
        "isolation_level",
        "timeout",
        "uri",
    }
)


@attrs.frozen
class Target:
    """The database that a URL names.

    Args:
        url: The URL; of PostgreSQL without password and options.
        options: What the driver is told besides, a password for one; never shown.
    """

    url: sa.URL
    options: dict[str, Any] = attrs.field(factory=dict, repr=False)


def parse_url(url: str) -> Target | str:
    """Read a database URL.

    Args:
        url: A SQLAlchemy URL of a SQLite file or of PostgreSQL.

    Returns:
        The database; or what is wrong with the URL, in words that do not quote it, as it may hold a
        password.
    """
    try:
        parsed = sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        return f"this is no database URL; {_WANTED}"
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in _DRIVERS:
        return f"a store is in SQLite or PostgreSQL, by drivers of its own; {_WANTED}"
    backend = parsed.get_backend_name()
    problem = _sqlite_problem(parsed) if backend == "sqlite" else _postgresql_problem(parsed)
    if problem is not None:
        return problem
    try:
        options = dict(parsed.get_dialect()().create_connect_args(parsed)[1])
    except (exc.ArgumentError, ValueError):
        return "an option behind the '?' of the database URL has a value that it can't have"
    if backend == "sqlite":
        return Target(parsed)
    parts = parsed.username, None, parsed.host, parsed.port, parsed.database
    return Target(sa.URL.create(parsed.drivername, *parts), options)


def _sqlite_problem(url: sa.URL) -> str | None:
    if url.host or url.username:
        return (
            "a SQLite URL names no host; write sqlite:///FILE, and a fourth slash where the file's "
            "path begins with one"
        )
    name = url.database or ":memory:"
    options = url.query
    uri = "uri" in options
    path = urlsplit(name).path if uri and name.startswith("file:") else name
    if (
        not path
        or ":memory:" in name
        or options.get("mode") == "memory"
        or options.get("vfs") == "memdb"
    ):
        return "SQLite in memory is no store that lasts; MemoryStore() is one that doesn't"
    if "\0" in name:
        return "the file's name has a NUL, which no file's name has"
    if not uri and not _SQLITE_OPTIONS.issuperset(options):
        return (
            "SQLite reads what stands behind the '?' in a URI only; write "
            "sqlite:///file:FILE?uri=true&…"
        )
    return None


def _postgresql_problem(url: sa.URL) -> str | None:
    if "@" in (url.host or "") or "@" in (url.database or ""):
        return "the database URL has an '@' too many; in a password it is written %40, a '/' %2F"
    return None
