"""Accounts remember whether all that opens them was set by whoever reads their mails."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("users", sa.Column("owned_since", _INSTANT, nullable=True))


def downgrade() -> None:
    op.drop_column("users", "owned_since")
