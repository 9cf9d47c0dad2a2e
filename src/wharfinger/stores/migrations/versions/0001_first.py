"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "wharfinger_environments",
        sa.Column("id", _number, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("orchestration", sa.String(32), nullable=False),
        sa.Column("additions", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "wharfinger_registries",
        sa.Column(
            "environment_id",
            _number,
            sa.ForeignKey("wharfinger_environments.id", ondelete="CASCADE"),
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
        sa.Column("secret", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "wharfinger_registries_address",
        "wharfinger_registries",
        ["environment_id", "address", "sequence"],
    )
    op.create_index("wharfinger_registries_key_id", "wharfinger_registries", ["key_id"])
    op.create_table(
        "wharfinger_events",
        sa.Column("sequence", _number, primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("environment", sa.String(255), nullable=False),
        sa.Column("registry", sa.BigInteger),
        sa.Column("address", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "wharfinger_events_environment", "wharfinger_events", ["environment", "sequence"]
    )
    op.create_table(
        "wharfinger_settings",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table("wharfinger_keys", sa.Column("key_id", sa.String(16), primary_key=True))
