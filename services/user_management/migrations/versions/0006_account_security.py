"""Verified addresses, second factors, API keys, mail, suspension, deletion, and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name in ("email_verified_at", "suspended_at", "deletion_due_at", "totp_confirmed_at"):
        op.add_column("users", sa.Column(name, _INSTANT, nullable=True))
    op.add_column("users", sa.Column("suspended_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("users", sa.Column("totp_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("totp_last_step", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(
        "users_deletion_due_at_idx",
        "users",
        ["deletion_due_at"],
        unique=False,
        postgresql_where=sa.text("deletion_due_at IS NOT NULL"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("recovery_codes_user_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code_sha256", name=op.f("recovery_codes_pkey")),
    )
    op.create_table(
        "mail_tokens",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.CheckConstraint("purpose IN ('verify', 'reset', 'change')", name=op.f("mail_tokens_purpose_check")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("mail_tokens_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("mail_tokens_pkey")),
    )
    op.create_index(op.f("mail_tokens_user_id_purpose_idx"), "mail_tokens", ["user_id", "purpose"], unique=False)
    op.create_index(op.f("mail_tokens_expires_at_idx"), "mail_tokens", ["expires_at"], unique=False)
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("mails_pkey")),
    )
    op.create_index(op.f("mails_due_at_idx"), "mails", ["due_at"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.Column("last_used_at", _INSTANT, nullable=True),
        sa.Column("revoked_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("api_keys_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
        sa.UniqueConstraint("secret_sha256", name=op.f("api_keys_secret_sha256_key")),
    )
    op.create_index(op.f("api_keys_user_id_id_idx"), "api_keys", ["user_id", "id"], unique=False)
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.CheckConstraint("outcome IN ('ok', 'refused')", name=op.f("audit_entries_outcome_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_entries_pkey")),
    )
    op.create_index(op.f("audit_entries_actor_id_id_idx"), "audit_entries", ["actor_id", "id"], unique=False)
    op.create_index(op.f("audit_entries_subject_id_id_idx"), "audit_entries", ["subject_id", "id"], unique=False)
    op.create_index(op.f("audit_entries_action_id_idx"), "audit_entries", ["action", "id"], unique=False)
    # What was written stays as it was, whoever has the service's own rights.
    op.execute(
        "CREATE FUNCTION audit_entries_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '42501'; END$$"
    )
    op.execute(
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION audit_entries_refuse_change()")
    op.drop_table("api_keys")
    op.drop_table("mails")
    op.drop_table("mail_tokens")
    op.drop_table("recovery_codes")
    op.drop_index("users_deletion_due_at_idx", table_name="users")
    for name in (
        "totp_last_step",
        "totp_sealed",
        "suspended_reason",
        "totp_confirmed_at",
        "deletion_due_at",
        "suspended_at",
        "email_verified_at",
    ):
        op.drop_column("users", name)
