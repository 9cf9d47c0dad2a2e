"""The tables, and how a database comes to have them.

Every table's name starts with ``wharfinger_``, Alembic's version table included, so that they can
share a database, and its migrations, with a host application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wharfinger._extras import missing_extra
from wharfinger.stores.errors import SchemaTooNew

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "VERSION_TABLE",
    "environments",
    "events",
    "insert",
    "keys",
    "migrate",
    "registries",
    "settings",
    "unseen",
]

VERSION_TABLE: Final = "wharfinger_version"
# Every revision there has been, the newest last.
REVISIONS: Final = ("0001",)
_LOCK: Final = 0x77686172  # "whar": one migration at a time in a PostgreSQL database


class _Unseen(bytes):
    """A stored secret as it is read: rows are shown by logs, and by whoever shows a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<stored secret>"


def unseen(value: object) -> bytes:
    """Hide a stored secret from whoever shows it.

    Args:
        value: What the driver returned.

    Returns:
        The same bytes; none, which are no secret, where it is something else.
    """
    return _Unseen(value) if isinstance(value, bytes) else _Unseen()


class _Stored(sa.TypeDecorator[bytes]):
    """What is stored of a secret: bytes that no log shows, whether they are sealed or not."""

    impl = sa.LargeBinary
    cache_ok = True

    def result_processor(self, *_database: object) -> Callable[[object], bytes]:
        """Say what is made of what the driver returns.

        Returns:
            What hides it.
        """
        return unseen


metadata: Final[sa.MetaData] = sa.MetaData()
# SQLite numbers rows by itself in INTEGER columns only.
_Number: Final[sa.types.TypeEngine[int]] = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

environments: Final[sa.Table] = sa.Table(
    "wharfinger_environments",
    metadata,
    sa.Column("id", _Number, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("orchestration", sa.String(32), nullable=False),
    sa.Column("additions", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
registries: Final[sa.Table] = sa.Table(
    "wharfinger_registries",
    metadata,
    sa.Column(
        "environment_id",
        _Number,
        sa.ForeignKey(environments.c.id, ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("added_by", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("secret", _Stored, nullable=False),
    sa.Index("wharfinger_registries_address", "environment_id", "address", "sequence"),
    sa.Index("wharfinger_registries_key_id", "key_id"),
)
events: Final[sa.Table] = sa.Table(
    "wharfinger_events",
    metadata,
    sa.Column("sequence", _Number, primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("environment", sa.String(255), nullable=False),
    sa.Column("registry", sa.BigInteger),
    sa.Column("address", sa.Text),
    sa.Index("wharfinger_events_environment", "environment", "sequence"),
    sqlite_autoincrement=True,
)
settings: Final[sa.Table] = sa.Table(
    "wharfinger_settings",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
keys: Final[sa.Table] = sa.Table(
    "wharfinger_keys", metadata, sa.Column("key_id", sa.String(16), primary_key=True)
)


def insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Make the insert of a connection's database, which knows what to do about conflicts.

    Args:
        connection: The connection.
        table: Where to insert.

    Returns:
        The statement.
    """
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return made(table)


def migrate(connection: sa.Connection) -> None:
    """Bring a database to the newest schema, inside the transaction of a connection.

    Args:
        connection: A connection in a transaction that may write.

    Raises:
        SchemaTooNew: When a newer version of the library has been there.
        MissingExtra: When Alembic is needed and not installed.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    found = revision(connection)
    if found == REVISIONS[-1]:
        return
    try:
        from alembic import command  # only a new or an old database needs it
        from alembic.config import Config
    except ImportError as error:
        missing = missing_extra("SQLStore", error)
        if missing is None:
            raise
        raise missing from None

    config = Config()
    config.set_main_option("script_location", "wharfinger.stores:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision(connection: sa.Connection) -> str | None:
    """Return the revision a database is at.

    Args:
        connection: A connection to it.

    Returns:
        The revision; None where the tables are not there yet.

    Raises:
        SchemaTooNew: When it is one this version does not know.
    """
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num"))
    found = connection.scalar(sa.select(table.c.version_num))
    if found is not None and found not in REVISIONS:
        msg = (
            f"the database is at schema {found}, and this version of wharfinger knows "
            f"{REVISIONS[-1]} at most; upgrade wharfinger"
        )
        raise SchemaTooNew(msg)
    return found
