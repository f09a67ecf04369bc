"""Datasets gain an owner, purposes, a state and what was found in each version; those in use stay in use."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("purposes", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("jurisdiction", sa.String(length=80), nullable=True),
        sa.Column("legal_basis", sa.String(length=40), nullable=True),
        sa.Column("columns", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("state", sa.String(length=20), nullable=False, server_default="registered"),
        sa.Column("state_reason", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("datasets", column)
    op.create_index("ix_datasets_state", "datasets", ["state"])
    op.execute("UPDATE datasets SET state = 'indexed' WHERE active_version IS NOT NULL")
    op.execute("UPDATE datasets SET state = 'retired' WHERE retired_at IS NOT NULL")
    for name in ("profile", "quality", "scan", "approval"):
        op.add_column("dataset_versions", sa.Column(name, sa.JSON(), nullable=True))
