"""A host application with migrations of its own, by Alembic, in the database of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tests.stores.conftest import fill
from wharfinger.stores import schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wharfinger.stores import SQLStore

ENVIRONMENT: Final = """
from alembic import context
import sqlalchemy as sa

metadata = sa.MetaData()
for name in ("accounts", "bills"):
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))

def theirs(name, type_, parents):
    return type_ != "table" or not name.startswith("wharfinger_")

with context.config.attributes["engine"].begin() as connection:
    context.configure(connection=connection, target_metadata=metadata, include_name=theirs)
    context.run_migrations()
"""
REVISIONS: Final = {
    "one": (None, "op.create_table('accounts', sa.Column('id', sa.Integer, primary_key=True))"),
    "two": ("one", "op.create_table('bills', sa.Column('id', sa.Integer, primary_key=True))"),
}
REVISION: Final = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = {name!r}, {before!r}

def upgrade():
    {change}

def downgrade():
    op.drop_table('bills')
"""


@pytest.fixture
def host(url: str, tmp_path: Path) -> Config:
    """The host's Alembic, on the same database."""
    folder = tmp_path / "host"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENVIRONMENT)
    for name, (before, change) in REVISIONS.items():
        text = REVISION.format(name=name, before=before, change=change)
        (folder / "versions" / f"{name}.py").write_text(text)
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = sa.create_engine(url, poolclass=sa.NullPool)
    return config


def tables(host: Config) -> set[str]:
    found = sa.inspect(host.attributes["engine"]).get_table_names()
    return {name for name in found if not name.startswith("sqlite_")}


OURS: Final = {*schema.metadata.tables, schema.VERSION_TABLE}


def test_a_host_application(url: str, host: Config, opened: Callable[[str], SQLStore]) -> None:
    """Its upgrades, downgrades and checks and the store's go on side by side."""
    command.upgrade(host, "one")
    store = opened(url)
    fill(store)
    assert tables(host) == OURS | {"accounts", "alembic_version"}
    command.upgrade(host, "head")
    command.check(host)  # that the models are what the database has, but for our tables
    before = opened(url).environment("ci")
    command.downgrade(host, "one")
    assert tables(host) == OURS | {"accounts", "alembic_version"}
    assert opened(url).environment("ci") == store.environment("ci") == before
    assert len(store.credentials("ci")) == 2


def test_a_store_before_its_host(url: str, host: Config, opened: Callable[[str], SQLStore]) -> None:
    """A database that has a store is one that the host's first migration can run in."""
    store = opened(url)
    fill(store)
    command.upgrade(host, "head")
    assert tables(host) == OURS | {"accounts", "bills", "alembic_version"}
    assert store.environment("ci").additions == 3
