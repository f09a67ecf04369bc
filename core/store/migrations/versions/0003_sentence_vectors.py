"""Chunks gain a vector for each sentence; those of a chunk from before are made each time it is read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("sentence_vectors", sa.LargeBinary(), nullable=True))
