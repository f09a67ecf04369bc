"""Agents gain a domain, texts that the privacy rails let pass, and how far they keep to what they are for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("domain", sa.String(length=20), nullable=False, server_default="general"))
    op.add_column("agents", sa.Column("allow", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("agents", sa.Column("scope", sa.String(length=20), nullable=False, server_default="open"))
