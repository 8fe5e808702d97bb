"""Revisions of what people edit: whoever changes a thing may say which revision they saw, and undoes nobody's work."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# What counts as an edit of each table's rows; what is counted by others (likes, tracks of a playlist) does not.
_EDITED = {
    "tracks": ("title", "tags", "public", "project_id", "deleted_at", "hidden_at", "cover_object_key"),
    "projects": ("title", "description"),
    "playlists": ("title", "description", "public", "collaborative"),
    "users": ("full_name", "display_name", "bio", "links"),
    "notification_preferences": ("follow", '"like"', "comment", "invitation", "digest"),
}
_COUNT = """
CREATE FUNCTION count_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    op.execute(_COUNT)
    for table, edited in _EDITED.items():
        op.add_column(table, sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False))
        before, after = (", ".join(f"{side}.{column}" for column in edited) for side in ("OLD", "NEW"))
        op.execute(
            f"CREATE TRIGGER {table}_revision BEFORE UPDATE OF {', '.join(edited)} ON {table} FOR EACH ROW "
            f"WHEN (({before}) IS DISTINCT FROM ({after})) EXECUTE FUNCTION count_revision()"
        )


def downgrade() -> None:
    for table in _EDITED:
        op.execute(f"DROP TRIGGER {table}_revision ON {table}")
        op.drop_column(table, "revision")
    op.execute("DROP FUNCTION count_revision()")
