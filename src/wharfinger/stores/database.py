"""A database, and how it is spoken to: connections, transactions, retries.

What a driver raises may carry the parameters of its statement, and those may hold a secret. No such
exception leaves this module: each is told in words by :mod:`wharfinger.stores.failures`, and
dropped.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import attrs
import sqlalchemy as sa
import stamina
from sqlalchemy import event, exc

from wharfinger._extras import missing_extra
from wharfinger.stores.errors import StoreError, StoreNotFound
from wharfinger.stores.failures import Again, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    from wharfinger.stores.urls import Target

__all__ = [
    "BUSY_SECONDS",
    "CONNECT_SECONDS",
    "HOW_TO_MAKE",
    "RETRY_SECONDS",
    "Database",
]

_T = TypeVar("_T")
_ATTEMPTS: Final = 20
_BEGIN: Final = "wharfinger_begin"
BUSY_SECONDS = 30
"""How long a lock is waited for before the database is asked again."""
CONNECT_SECONDS = 10
"""How long a connection to PostgreSQL may take to be made, unless the URL says so."""
RETRY_SECONDS = 60
"""For how long what may be over in a moment is tried again."""
HOW_TO_MAKE: Final = (
    "look at the URL, or make a store there with SQLStore.open or `wharfinger registries create`"
)
"""What to do where no store is found."""

# WAL lets readers go on while one writes; FULL has every commit on the disk before it is told, and
# secure_delete overwrites what is removed.
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)


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
    _path: str | None = None
    _file: tuple[int, int] | None = None
    _texts: dict[sa.Select[*tuple[Any, ...]], sa.Compiled] = attrs.Factory(dict)

    @classmethod
    def connect(cls, target: Target) -> Database:
        """Prepare connections to a database; the first use opens one.

        Args:
            target: Which database.

        Returns:
            The database.

        Raises:
            MissingExtra: When the database's driver is not installed.
        """
        if target.url.get_backend_name() == "sqlite":
            engine = sa.create_engine(target.url, hide_parameters=True)
            event.listen(engine, "connect", _prepare_sqlite)
            snapshot = engine.execution_options(**{_BEGIN: "BEGIN"})
            writing = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
            for beginning in (snapshot, writing):  # and not the plain one: an event has its price
                event.listen(beginning, "begin", _begin_sqlite)
            path = _path(*engine.dialect.create_connect_args(target.url))
            return cls(engine, engine, snapshot, writing, path)
        try:
            engine = sa.create_engine(
                target.url,
                hide_parameters=True,
                connect_args={"connect_timeout": CONNECT_SECONDS} | target.options,
            )
        except ImportError as error:
            missing = missing_extra("PostgreSQL", error)
            if missing is None:
                raise
        else:
            event.listen(engine, "connect", _prepare_postgresql)
            return cls(
                engine,
                engine.execution_options(isolation_level="AUTOCOMMIT"),
                engine.execution_options(isolation_level="REPEATABLE READ"),
                engine.execution_options(isolation_level="READ COMMITTED"),
            )
        raise missing

    def __str__(self) -> str:
        return self._engine.url.set(query={}).render_as_string()

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

    def _follow_file(self) -> None:
        """Drop connections to a file that was moved or replaced: nobody reads what they write."""
        if self._path is not None and (found := _file_at(self._path)) != self._file:
            self._engine.dispose()
            self._file = found

    def look(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do one statement on the database as it is: no file is made, and no setting changed.

        Args:
            work: What to do with a connection.

        Returns:
            What it returned.

        Raises:
            StoreNotFound: When there is no file.
            StoreError: When it can't be done.
        """
        if self._engine.dialect.name != "sqlite":
            return self.read(work)
        plain = sa.create_engine(self._engine.url, poolclass=sa.NullPool, hide_parameters=True)
        event.listen(plain, "do_connect", _find_file)
        return _persistently(plain, work)

    def keep(self) -> None:
        """Say that the database is there: a file that is gone later is not made anew."""
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "do_connect", _find_file)

    def read(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do one statement that changes nothing.

        Args:
            work: What to do with a connection.

        Returns:
            What it returned.

        Raises:
            StoreError: When it can't be done.
        """
        self._follow_file()
        return _persistently(self._reading, work)

    def select(
        self, query: sa.Select[*tuple[Any, ...]], values: dict[str, Any]
    ) -> Sequence[Sequence[Any]]:
        """Do one SELECT straight by the driver: for the one that every pull costs.

        What goes wrong is not looked at here: :meth:`read` does it again and tells it.

        Args:
            query: The statement, the same object every time.
            values: Its parameters.

        Returns:
            The rows, as the driver has them.

        Raises:
            StoreError: When it can't be done.
        """
        self._follow_file()
        compiled = self._texts.get(query)
        if compiled is None:
            compiled = self._texts[query] = query.compile(dialect=self._engine.dialect)
        names = getattr(compiled, "positiontup", None)
        given = values if names is None else [values[name] for name in names]
        rows: Sequence[Sequence[Any]] | None = None
        with suppress(exc.SQLAlchemyError), self._reading.connect() as connection:
            try:
                cursor = connection.connection.cursor()
                cursor.execute(compiled.string, given)
                rows = cursor.fetchall()
            except Exception:  # noqa: BLE001 -- its own kinds are the driver's
                connection.invalidate()
        return self.read(lambda c: c.execute(query, values).all()) if rows is None else rows

    def read_consistently(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Do several statements that all see the same state, and change nothing.

        Args:
            work: What to do with a connection.

        Returns:
            What it returned.

        Raises:
            StoreError: When it can't be done.
        """
        self._follow_file()
        return _persistently(self._snapshot, work)

    def write(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Make a change, whole or not at all.

        Args:
            work: What to do with a connection; it may run again, from the start.

        Returns:
            What it returned.

        Raises:
            StoreError: When it can't be done.
        """
        self._follow_file()
        return _persistently(self._writing, work, changes=True)


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin below
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
    except BaseException:
        cursor.close()  # or the file stays open
        connection.close()  # the pool does not know it yet
        raise
    cursor.close()


def _prepare_postgresql(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # Otherwise a writer that was stopped before its commit is waited for as long as it lives.
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SET lock_timeout = {int(BUSY_SECONDS * 1000)}")
    connection.commit()


def _file_at(path: str) -> tuple[int, int] | None:
    """Which file is at a path now; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- every read does it, and a Path costs as much again
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _path(arguments: Sequence[Any], options: Mapping[str, Any]) -> str:
    """The file that a connection is made to."""
    return unquote(urlsplit(arguments[0]).path) if options.get("uri") else arguments[0]


def _find_file(
    _dialect: sa.Dialect,
    _record: ConnectionPoolEntry | None,
    arguments: list[Any],
    options: dict[str, Any],
) -> None:
    """Refuse to connect to a file that is not there: SQLite would make it."""
    path = _path(arguments, options)
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        missing = StoreNotFound(f"there is no file {path}; {HOW_TO_MAKE}")
    except OSError:
        return  # SQLite tells what is in the way
    else:
        return
    raise missing


def _begin_sqlite(connection: sa.Connection) -> None:
    begin = connection.get_execution_options().get(_BEGIN)
    if begin is not None:
        connection.exec_driver_sql(begin)


def _persistently(
    engine: sa.Engine, work: Callable[[sa.Connection], _T], *, changes: bool = False
) -> _T:
    """Try until it works, or what is in the way stays there."""
    first = _attempt(engine, work, changes=changes)
    if not isinstance(first, Again):
        return _outcome(first)
    error = first.error
    try:
        for trial in stamina.retry_context(on=Again, attempts=_ATTEMPTS, timeout=RETRY_SECONDS):
            with trial:
                return _outcome(_attempt(engine, work, changes=changes))
    except Again as again:
        error = again.error
    raise error


def _outcome(result: _T | StoreError | Again) -> _T:
    if isinstance(result, StoreError | Again):
        raise result
    return result


def _attempt(
    engine: sa.Engine, work: Callable[[sa.Connection], _T], *, changes: bool
) -> _T | StoreError | Again:
    """One try. What a driver raises is returned as words, so that nothing refers to it."""
    committing = False
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            result = work(connection)
            committing = changes
            transaction.commit()
            return result
    except (exc.SQLAlchemyError, UnicodeError, OverflowError) as error:
        return told(error, committing=committing)
