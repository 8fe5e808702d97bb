"""Accounts have a tier, which says what they may make in a day and a month, keep, and have run at once."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("quota_accounts", sa.Column("tier", sa.Text(), server_default="standard", nullable=False))


def downgrade() -> None:
    op.drop_column("quota_accounts", "tier")
