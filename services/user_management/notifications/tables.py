"""Tables `notifications` (what people are told of) and `notification_preferences` (what they want to be told of)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Table, Text, func, text

from services.user_management.metadata import ID, INSTANT, metadata
from services.user_management.revisions import revision_column

# A follow or like is told once, however often it is taken back and done again.
notifications: Final = Table(
    "notifications",
    metadata,
    Column("id", ID, primary_key=True),
    Column("person_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("track_id", ID, ForeignKey("tracks.id", ondelete="CASCADE")),
    Column("comment_id", ID, ForeignKey("comments.id", ondelete="CASCADE")),
    Column("playlist_id", ID, ForeignKey("playlists.id", ondelete="CASCADE")),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("read_at", INSTANT),
    Index(None, "person_id", "id"),
    Index("notifications_unread_idx", "person_id", "id", postgresql_where=text("read_at IS NULL")),
    Index(
        "notifications_one_follow_idx", "person_id", "actor_id", unique=True, postgresql_where=text("kind = 'follow'")
    ),
    Index(
        "notifications_one_like_idx",
        "track_id",
        "actor_id",
        "person_id",
        unique=True,
        postgresql_where=text("kind = 'like'"),
    ),
    # Whoever says no is not asked again by a notification.
    Index(
        "notifications_one_invitation_idx",
        "playlist_id",
        "person_id",
        unique=True,
        postgresql_where=text("kind = 'invitation'"),
    ),
    Index(None, "actor_id"),
    Index(None, "track_id", postgresql_where=text("track_id IS NOT NULL")),
    Index(None, "comment_id", postgresql_where=text("comment_id IS NOT NULL")),
    Index(None, "created_at"),
)

# Without a row everything is told, and nothing by mail.
notification_preferences: Final = Table(
    "notification_preferences",
    metadata,
    Column("person_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("follow", Boolean, nullable=False, server_default=text("true")),
    Column("like", Boolean, nullable=False, server_default=text("true")),
    Column("comment", Boolean, nullable=False, server_default=text("true")),
    Column("invitation", Boolean, nullable=False, server_default=text("true")),
    Column("digest", Text, nullable=False, server_default="off"),
    # When the next mail is due, and up to when the last one told; NULL: none is wanted.
    Column("digest_due_at", INSTANT),
    Column("digested_at", INSTANT),
    revision_column(),
    CheckConstraint("digest IN ('off', 'daily', 'weekly')", name="digest"),
    Index(None, "digest_due_at", postgresql_where=text("digest_due_at IS NOT NULL")),
)
