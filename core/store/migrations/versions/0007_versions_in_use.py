"""The versions in use are read from an index, without the catalog's rows."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_datasets_in_use", "datasets", ["state", "active_version"])
