"""The audit log lets its oldest entries go, and nothing else; mails say where they are unsubscribed from."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Whatever the configuration says and whoever has the service's rights: what is younger than 30 days stays.
_REFUSE_DELETION = """
CREATE FUNCTION audit_entries_refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('musicgen.audit_pruning', true) = 'on' AND OLD.at < now() - interval '30 days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '42501';
END $$
"""


def upgrade() -> None:
    op.add_column("mails", sa.Column("unsubscribe_url", sa.Text(), server_default="", nullable=False))
    op.execute(_REFUSE_DELETION)
    op.execute("DROP TRIGGER audit_entries_append_only ON audit_entries")
    op.execute(
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_entries_keep BEFORE DELETE ON audit_entries "
        "FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse_deletion()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_entries_keep ON audit_entries")
    op.execute("DROP TRIGGER audit_entries_append_only ON audit_entries")
    op.execute(
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse_change()"
    )
    op.execute("DROP FUNCTION audit_entries_refuse_deletion()")
    op.drop_column("mails", "unsubscribe_url")
