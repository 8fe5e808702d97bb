"""Since when a mail's link was opened: whoever opens it once more is told that the address is proven."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mail_tokens", sa.Column("used_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.execute("DELETE FROM mail_tokens WHERE used_at IS NOT NULL")
    op.drop_column("mail_tokens", "used_at")
