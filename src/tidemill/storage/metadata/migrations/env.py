"""What the migration library runs for each upgrade; it works on the connection it is given and opens none."""

from __future__ import annotations

from alembic import context

from tidemill.storage.metadata.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    on_version_apply=context.config.attributes["after_step"],
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
