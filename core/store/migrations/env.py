"""Runs migrations on the connection that `core.store.migrate` hands over, inside its transaction."""

from alembic import context

from core.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # true of SQLite too: our connections begin explicitly
)
with context.begin_transaction():
    context.run_migrations()
