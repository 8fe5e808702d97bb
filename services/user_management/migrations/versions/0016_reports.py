"""Reports of what breaks the rules."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_OPEN = sa.text("status = 'open'")


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reporter_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("subject_text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("decision", sa.Text(), server_default="", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('track', 'user', 'comment')", name=op.f("reports_kind_check")),
        sa.CheckConstraint("status IN ('open', 'dismissed', 'acted')", name=op.f("reports_status_check")),
        sa.ForeignKeyConstraint(
            ["reporter_id"], ["users.id"], name=op.f("reports_reporter_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("reports_owner_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f("reports_decided_by_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("reports_pkey")),
    )
    op.create_index(op.f("reports_status_id_idx"), "reports", ["status", "id"])
    op.create_index(
        op.f("reports_reporter_id_kind_subject_id_idx"),
        "reports",
        ["reporter_id", "kind", "subject_id"],
        unique=True,
        postgresql_where=_OPEN,
    )
    op.create_index(op.f("reports_kind_subject_id_idx"), "reports", ["kind", "subject_id"], postgresql_where=_OPEN)
    op.create_index(op.f("reports_owner_id_idx"), "reports", ["owner_id"])
    op.create_index(op.f("reports_decided_by_idx"), "reports", ["decided_by"])


def downgrade() -> None:
    op.drop_table("reports")
