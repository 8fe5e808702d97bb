"""Links that open one track for whoever holds them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "share_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.Column("opened_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_opened_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("share_links_track_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("share_links_pkey")),
        sa.UniqueConstraint("token_sha256", name=op.f("share_links_token_sha256_key")),
    )
    op.create_index(op.f("share_links_track_id_id_idx"), "share_links", ["track_id", "id"])


def downgrade() -> None:
    op.drop_table("share_links")
