"""What Alembic runs: the revisions, on the connection it is given, in its transaction."""

from __future__ import annotations

from alembic import context

from wharfinger.stores.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
