"""Agents say what they are used for; datasets from when until when their data holds."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("used_for", sa.String(length=80), nullable=True))
    for name in ("valid_from", "valid_until"):
        op.add_column("datasets", sa.Column(name, sa.String(length=10), nullable=True))
