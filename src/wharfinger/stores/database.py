"""A database, and how it is spoken to: transactions, retries, errors without parameters.

What a driver raises may carry the parameters of its statement, and those may hold a secret. No such
exception leaves this module: each is read for what happened, dropped, and told in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import sqlalchemy as sa
import stamina
from sqlalchemy import event, exc

from wharfinger.stores.errors import (
    MissingExtra,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["Database"]

_T = TypeVar("_T")
_BUSY_SECONDS: Final = 30
_RETRY_SECONDS: Final = 60
_ATTEMPTS: Final = 20
_BEGIN: Final = "wharfinger_begin"

# WAL lets readers go on while one writes; FULL has every commit on the disk before it is told, and
# secure_delete overwrites what is removed.
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)


class _Again(Exception):
    """Something that may be over in a moment, told as the error to raise if it is not."""

    def __init__(self, error: StoreError) -> None:
        super().__init__()
        self.error = error


@attrs.define(eq=False, repr=False)
class Database:
    """An open database.

    Args:
        engine: Where its connections come from.
    """

    _engine: sa.Engine
    _reading: sa.Engine
    _snapshot: sa.Engine
    _writing: sa.Engine

    @classmethod
    def connect(cls, url: str) -> Database:
        """Prepare connections to a database URL; the first use opens one.

        Args:
            url: A SQLAlchemy URL of SQLite (a file) or PostgreSQL.

        Returns:
            The database.

        Raises:
            StoreError: When the URL is no such thing.
            MissingExtra: When the database's driver is not installed.
        """
        parsed, problem = _parsed(url)
        if problem is not None:
            raise StoreError(problem)
        backend = parsed.get_backend_name()
        try:
            engine = sa.create_engine(parsed, hide_parameters=True)
        except ModuleNotFoundError as error:
            msg = f"{backend} needs {error.name}: pip install 'wharfinger[postgres]'"
            raise MissingExtra(msg) from None
        if backend == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            plain = engine.execution_options(isolation_level="AUTOCOMMIT")
            return cls(
                engine,
                plain,
                engine.execution_options(**{_BEGIN: "BEGIN"}),
                engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}),
            )
        return cls(
            engine,
            engine.execution_options(isolation_level="AUTOCOMMIT"),
            engine.execution_options(isolation_level="REPEATABLE READ"),
            engine.execution_options(isolation_level="READ COMMITTED"),
        )

    def __str__(self) -> str:
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

    def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do one statement that changes nothing.

        Args:
            work: What to do with a connection.

        Returns:
            What it returned.

        Raises:
            StoreError: When it can't be done.
        """
        return _persistently(lambda: _attempt(self._reading, work))

    def read_consistently(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do several statements that all see the same state, and change nothing.

        Args:
            work: What to do with a connection.

        Returns:
            What it returned.

        Raises:
            StoreError: When it can't be done.
        """
        return _persistently(lambda: _attempt(self._snapshot, work))

    def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Make a change, whole or not at all.

        Args:
            work: What to do with a connection; it may run again, from the start.

        Returns:
            What it returned.

        Raises:
            StoreError: When it can't be done.
        """
        return _persistently(lambda: _attempt(self._writing, work))


def _parsed(url: str) -> tuple[sa.URL, str | None]:
    """A URL, and what is wrong with it in words that do not quote it: it may hold a password."""
    wanted = "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        return sa.URL.create("sqlite"), f"this is no database URL; write {wanted}"
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        return parsed, f"a store is in SQLite or PostgreSQL, not {backend}; write {wanted}"
    if backend == "sqlite" and parsed.database in {None, "", ":memory:"}:
        return parsed, "SQLite in memory is no store that lasts; MemoryStore() is one that doesn't"
    if backend == "postgresql" and parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed, None


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # transactions begin below
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    begin = connection.get_execution_options().get(_BEGIN)
    if begin is not None:
        connection.exec_driver_sql(begin)


def _persistently(attempt: Callable[[], _T | StoreError | _Again]) -> _T:
    """Try until it works, or what is in the way stays there."""
    try:
        for trial in stamina.retry_context(on=_Again, attempts=_ATTEMPTS, timeout=_RETRY_SECONDS):
            with trial:
                return _outcome(attempt())
    except _Again as again:
        error = again.error
    raise error


def _outcome(result: _T | StoreError | _Again) -> _T:
    if isinstance(result, StoreError | _Again):
        raise result
    return result


def _attempt(engine: sa.Engine, work: Callable[[sa.Connection], _T]) -> _T | StoreError | _Again:
    """One try. What a driver raises is returned as words, so that nothing refers to it."""
    committing = False
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            result = work(connection)
            committing = True
            transaction.commit()
            return result
    except exc.DBAPIError as error:
        return _told(error, committing=committing)
    except exc.TimeoutError:
        return _Again(StoreUnavailable("every connection to the database is in use"))


def _told(error: exc.DBAPIError, *, committing: bool) -> StoreError | _Again:
    """What a driver's error means. Its text is looked at, and never passed on."""
    text = str(error.orig).lower()
    state = getattr(error.orig, "sqlstate", None) or ""
    if "locked" in text or "busy" in text or state in {"40001", "40P01", "55P03"}:
        return _Again(StoreUnavailable("the database stayed locked"))
    if "disk is full" in text or "disk i/o error" in text or state == "53100":
        return StoreFull("there is no room left on the database's disk; nothing was changed")
    if "readonly" in text or state in {"25006", "42501"}:
        return StoreNotWritable("the database may not be written to; nothing was changed")
    if "not a database" in text or "malformed" in text or "corrupt" in text:
        return StoreCorrupt("the file is no database, or a damaged one; bring back a copy")
    if error.connection_invalidated or isinstance(error, exc.OperationalError):
        if committing:
            return StoreUnavailable(
                "the connection was lost while a change was being committed; look whether it was",
                uncertain=True,
            )
        return _Again(StoreUnavailable("the database can't be reached"))
    return StoreError(f"the database refused a statement ({type(error).__name__} {state})")
