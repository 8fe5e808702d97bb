"""When a guest became an account: what it made before counts among the guests' for the day."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("guests", sa.Column("signed_up_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.execute("DELETE FROM guests WHERE signed_up_at IS NOT NULL")
    op.drop_column("guests", "signed_up_at")
