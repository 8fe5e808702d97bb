"""The job ledger."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("cost", sa.Integer(), server_default="1", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("reserved_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("stage", sa.Text(), server_default="", nullable=False),
        sa.Column("eta_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("runs", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("lease_worker", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("error_code", sa.Text(), server_default="", nullable=False),
        sa.Column("error_message", sa.Text(), server_default="", nullable=False),
        sa.Column("result", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("metrics", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("track_ids", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("overtaken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("promised_to", sa.Text(), server_default="", nullable=False),
        sa.Column("promised_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleanup_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'running') = (lease_expires_at IS NOT NULL)", name=op.f("jobs_lease_check")),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
            name=op.f("jobs_finished_check"),
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("jobs_status_check")
        ),
        sa.CheckConstraint("cost >= 1", name=op.f("jobs_cost_check")),
        sa.CheckConstraint("priority BETWEEN -10 AND 10", name=op.f("jobs_priority_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("jobs_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("jobs_pkey")),
    )
    op.create_index(
        "jobs_cleanup_idx",
        "jobs",
        ["cleanup_due_at"],
        unique=False,
        postgresql_where=sa.text("cleanup_due_at IS NOT NULL"),
    )
    op.create_index(
        "jobs_hard_to_place_idx",
        "jobs",
        ["queue", "queued_at"],
        unique=False,
        postgresql_where=sa.text("status = 'queued' AND (crashes > 0 OR cost > 1)"),
    )
    op.create_index(
        "jobs_leases_idx", "jobs", ["lease_expires_at"], unique=False, postgresql_where=sa.text("status = 'running'")
    )
    op.create_index(
        "jobs_next_of_owner_idx",
        "jobs",
        ["queue", "owner_id", sa.literal_column("priority DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(op.f("jobs_owner_id_id_idx"), "jobs", ["owner_id", "id"], unique=False)
    op.create_index(
        "jobs_recent_idx",
        "jobs",
        ["queue", sa.literal_column("finished_at DESC")],
        unique=False,
        postgresql_where=sa.text("status = 'succeeded'"),
    )
    op.create_table(
        "job_counters",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("queued", sa.Integer(), server_default="0", nullable=False),
        sa.Column("running", sa.Integer(), server_default="0", nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("queued >= 0", name=op.f("job_counters_queued_check")),
        sa.CheckConstraint("running >= 0", name=op.f("job_counters_running_check")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("job_counters_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("queue", "owner_id", name=op.f("job_counters_pkey")),
    )
    op.create_index(
        "job_counters_fair_idx",
        "job_counters",
        ["queue", "running", sa.literal_column("served_at ASC NULLS FIRST"), "waiting_since"],
        unique=False,
        postgresql_where=sa.text("queued > 0"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("idempotency_keys_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "route", "key", name=op.f("idempotency_keys_pkey")),
    )
    op.create_index(op.f("idempotency_keys_expires_at_idx"), "idempotency_keys", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("job_counters")
    op.drop_table("jobs")
