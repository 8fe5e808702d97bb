"""How many mails of a kind an address got lately."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_counts",
        sa.Column("recipient_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("posted", sa.Integer(), server_default=sa.text("'1'"), nullable=False),
        sa.PrimaryKeyConstraint("recipient_sha256", "kind", name=op.f("mail_counts_pkey")),
    )
    op.create_index(op.f("mail_counts_since_idx"), "mail_counts", ["since"])


def downgrade() -> None:
    op.drop_table("mail_counts")
