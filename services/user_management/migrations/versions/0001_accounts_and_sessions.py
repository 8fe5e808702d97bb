"""Accounts, sign-in and quotas."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_folded", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="user", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('user', 'moderator', 'admin')", name=op.f("users_role_check")),
        sa.CheckConstraint("username = lower(username)", name=op.f("users_username_lower_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
        sa.UniqueConstraint("email_folded", name=op.f("users_email_folded_key")),
        sa.UniqueConstraint("username", name=op.f("users_username_key")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("sessions_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("sessions_pkey")),
    )
    op.create_index(op.f("sessions_expires_at_idx"), "sessions", ["expires_at"], unique=False)
    op.create_index(
        "sessions_revoked_at_idx",
        "sessions",
        ["revoked_at"],
        unique=False,
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )
    op.create_index(op.f("sessions_user_id_id_idx"), "sessions", ["user_id", "id"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("refresh_tokens_session_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("refresh_tokens_pkey")),
    )
    op.create_index(op.f("refresh_tokens_session_id_idx"), "refresh_tokens", ["session_id"], unique=False)
    op.create_table(
        "quota_accounts",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("balance_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reserved_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("reserved_ms >= 0", name=op.f("quota_accounts_reserved_check")),
        sa.CheckConstraint("used_ms >= 0", name=op.f("quota_accounts_used_check")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("quota_accounts_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("quota_accounts_pkey")),
    )
    op.create_table(
        "quota_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('grant', 'reserve', 'settle', 'release')", name=op.f("quota_entries_kind_check")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["quota_accounts.owner_id"], name=op.f("quota_entries_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("quota_entries_pkey")),
    )
    op.create_index(
        "quota_entries_one_credit_idx",
        "quota_entries",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("kind IN ('settle', 'release')"),
    )
    op.create_index(
        "quota_entries_one_debit_idx",
        "quota_entries",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'reserve'"),
    )
    op.create_index(op.f("quota_entries_owner_id_id_idx"), "quota_entries", ["owner_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("quota_entries")
    op.drop_table("quota_accounts")
    op.drop_table("refresh_tokens")
    op.drop_table("sessions")
    op.drop_table("users")
