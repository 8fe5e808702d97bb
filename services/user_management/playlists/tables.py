"""Tables `playlists`, `playlist_tracks`, `playlist_members`.

`playlists.track_count` is kept by triggers of the migration, so that it is right whoever removes a track.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, func, text

from services.user_management.metadata import ID, INSTANT, metadata
from services.user_management.revisions import revision_column

playlists: Final = Table(
    "playlists",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("public", Boolean, nullable=False, server_default=text("false")),
    Column("collaborative", Boolean, nullable=False, server_default=text("false")),
    Column("track_count", Integer, nullable=False, server_default="0"),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    revision_column(),
    Index(None, "owner_id", "id"),
)

# Ordered by `rank`, with gaps between: whoever changes the order holds the playlist's row, so no two are alike.
playlist_tracks: Final = Table(
    "playlist_tracks",
    metadata,
    Column("playlist_id", ID, ForeignKey("playlists.id", ondelete="CASCADE"), primary_key=True),
    Column("track_id", ID, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True),
    Column("rank", BigInteger, nullable=False),
    Column("added_by", ID, ForeignKey("users.id", ondelete="SET NULL")),
    Column("added_at", INSTANT, nullable=False, server_default=func.now()),
    Index(None, "playlist_id", "rank"),
    Index(None, "track_id"),
    Index(None, "added_by"),
)

playlist_members: Final = Table(
    "playlist_members",
    metadata,
    Column("playlist_id", ID, ForeignKey("playlists.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("added_at", INSTANT, nullable=False, server_default=func.now()),
    # NULL: invited, and has not said yes.
    Column("accepted_at", INSTANT),
    Index(None, "user_id", "playlist_id"),
    Index("playlist_members_invited_idx", "user_id", "playlist_id", postgresql_where=text("accepted_at IS NULL")),
)
