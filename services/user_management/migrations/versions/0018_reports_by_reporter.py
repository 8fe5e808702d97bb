"""What somebody reported is found by who reported it: for their export, and when their account goes."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("reports_reporter_id_id_idx"), "reports", ["reporter_id", "id"])


def downgrade() -> None:
    op.drop_index(op.f("reports_reporter_id_id_idx"), table_name="reports")
