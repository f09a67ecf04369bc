"""Each dataset remembers the files it came from; a chunk says whether it is found by meaning or by words alone."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("by_meaning", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "dataset_sources",
        sa.Column("dataset_id", sa.String(length=80), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=True),
        sa.Column("stamp", sa.String(length=71), nullable=False),
        sa.Column("version", sa.String(length=71), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.Column("erased", sa.JSON(), nullable=False, server_default="[]"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_dataset_sources_dataset_id_datasets"),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_dataset_sources"),
    )
