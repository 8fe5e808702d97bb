"""The library."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tracks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        sa.Column("channels", sa.SmallInteger(), nullable=False),
        sa.Column("loudness_lufs", sa.Double(), nullable=False),
        sa.Column("true_peak_dbtp", sa.Double(), nullable=False),
        sa.Column("bpm", sa.Double(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("master_object_key", sa.Text(), nullable=False),
        sa.Column("midi_object_key", sa.Text(), nullable=False),
        sa.Column("licence_name", sa.Text(), nullable=False),
        sa.Column("licence_commercial_use", sa.Boolean(), nullable=False),
        sa.Column("licence_attributions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("model_revision", sa.Text(), nullable=False),
        sa.Column("engine_version", sa.Text(), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("precision", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("mastering_gain_db", sa.Double(), nullable=False),
        sa.Column("master_sha256", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("tracks_job_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("tracks_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("tracks_pkey")),
    )
    op.create_index(op.f("tracks_job_id_idx"), "tracks", ["job_id"], unique=False)
    op.create_index(op.f("tracks_owner_id_id_idx"), "tracks", ["owner_id", "id"], unique=False)
    op.create_table(
        "stems",
        sa.Column("track_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("stems_track_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("track_id", "position", name=op.f("stems_pkey")),
    )


def downgrade() -> None:
    op.drop_table("stems")
    op.drop_table("tracks")
