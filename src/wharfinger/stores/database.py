"""A database, and how it is spoken to: connections, transactions, retries.

What a driver raises may carry the parameters of its statement, and those may hold a secret. No such
exception leaves this module: each is told in words by :mod:`wharfinger.stores.failures`, and
dropped.
"""

from __future__ import annotations

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
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = [
    "BUSY_SECONDS",
    "CONNECT_SECONDS",
    "HOW_TO_MAKE",
    "RETRY_SECONDS",
    "Database",
    "parse_url",
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
    _texts: dict[sa.Select[*tuple[Any, ...]], sa.Compiled] = attrs.Factory(dict)

    @classmethod
    def connect(cls, url: sa.URL) -> Database:
        """Prepare connections to a database; the first use opens one.

        Args:
            url: What :func:`parse_url` returned.

        Returns:
            The database.

        Raises:
            MissingExtra: When the database's driver is not installed.
        """
        if url.get_backend_name() == "sqlite":
            engine = sa.create_engine(url, hide_parameters=True)
            event.listen(engine, "connect", _prepare_sqlite)
            snapshot = engine.execution_options(**{_BEGIN: "BEGIN"})
            writing = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
            for beginning in (snapshot, writing):  # and not the plain one: an event has its price
                event.listen(beginning, "begin", _begin_sqlite)
            return cls(engine, engine, snapshot, writing)
        patience = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
        try:
            engine = sa.create_engine(url, hide_parameters=True, connect_args=patience)
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
        # Options may hold a password too.
        return self._engine.url.set(query={}).render_as_string(hide_password=True)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

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
        return _persistently(self._writing, work, changes=True)


def parse_url(url: str) -> tuple[sa.URL, str | None]:
    """Read a database URL.

    Args:
        url: A SQLAlchemy URL of a SQLite file or of PostgreSQL.

    Returns:
        The URL, and what is wrong with it in words that do not quote it: it may hold a password.
    """
    wanted = "write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
    try:
        parsed = sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        return sa.URL.create("none"), f"this is no database URL; {wanted}"
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    backend = parsed.get_backend_name()
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        return parsed, f"a store is in SQLite or PostgreSQL, by drivers of its own; {wanted}"
    passing = parsed.query.get("mode") == "memory" or ":memory:" in (parsed.database or ":memory:")
    if backend == "sqlite" and passing:
        return parsed, "SQLite in memory is no store that lasts; MemoryStore() is one that doesn't"
    return parsed, None


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


def _find_file(
    _dialect: sa.Dialect,
    _record: ConnectionPoolEntry | None,
    arguments: list[Any],
    options: dict[str, Any],
) -> None:
    """Refuse to connect to a file that is not there: SQLite would make it."""
    path = unquote(urlsplit(arguments[0]).path) if options.get("uri") else arguments[0]
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
