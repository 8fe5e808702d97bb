"""Whoever is let into a playlist says yes first, and is told that they are asked."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_INVITATION = sa.text("kind = 'invitation'")


def upgrade() -> None:
    op.add_column("playlist_members", sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True))
    # Who is in stays in.
    op.execute("UPDATE playlist_members SET accepted_at = added_at")
    op.create_index(
        "playlist_members_invited_idx",
        "playlist_members",
        ["user_id", "playlist_id"],
        postgresql_where=sa.text("accepted_at IS NULL"),
    )
    op.add_column("notifications", sa.Column("playlist_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("notifications_playlist_id_fkey"),
        "notifications",
        "playlists",
        ["playlist_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index(
        "notifications_one_invitation_idx",
        "notifications",
        ["playlist_id", "person_id"],
        unique=True,
        postgresql_where=_INVITATION,
    )
    op.add_column(
        "notification_preferences",
        sa.Column("invitation", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("notification_preferences", "invitation")
    op.execute("DELETE FROM notifications WHERE kind = 'invitation'")
    op.drop_column("notifications", "playlist_id")
    # Nobody gets in who has not said yes.
    op.execute("DELETE FROM playlist_members WHERE accepted_at IS NULL")
    op.drop_index("playlist_members_invited_idx", table_name="playlist_members")
    op.drop_column("playlist_members", "accepted_at")
