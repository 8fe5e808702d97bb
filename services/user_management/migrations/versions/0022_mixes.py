"""Sessions that people work on, as chains of versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mixes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("mixes_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("mixes_pkey")),
    )
    op.create_index(op.f("mixes_owner_id_id_idx"), "mixes", ["owner_id", "id"])
    op.create_table(
        "mix_versions",
        sa.Column("mix_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("session", postgresql.JSONB(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("restored_from", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["mix_id"], ["mixes.id"], name=op.f("mix_versions_mix_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mix_id", "number", name=op.f("mix_versions_pkey")),
    )


def downgrade() -> None:
    op.drop_table("mix_versions")
    op.drop_table("mixes")
