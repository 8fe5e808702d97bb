"""What each job takes in storage."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("stored_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index(
        "jobs_stored_idx",
        "jobs",
        ["owner_id"],
        postgresql_include=["stored_bytes"],
        postgresql_where=sa.text("stored_bytes > 0"),
    )
    # The next sweeps count what is there.
    op.execute("UPDATE jobs SET cleanup_due_at = now() WHERE status = 'succeeded' AND cleanup_due_at IS NULL")


def downgrade() -> None:
    op.drop_index("jobs_stored_idx", "jobs")
    op.drop_column("jobs", "stored_bytes")
