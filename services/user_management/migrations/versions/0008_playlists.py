"""Playlists, and tracks that moderators hide."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
# However tracks leave (by themselves, with the track, with its owner), the count goes with them.
_COUNTER = """
CREATE FUNCTION count_playlist_tracks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE playlists
  SET track_count = track_count + CASE TG_OP WHEN 'INSERT' THEN changed.number ELSE -changed.number END,
      updated_at = now()
  FROM (SELECT playlist_id, count(*)::integer AS number FROM changed_rows GROUP BY playlist_id) AS changed
  WHERE playlists.id = changed.playlist_id;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.add_column("tracks", sa.Column("hidden_at", _INSTANT, nullable=True))
    op.create_table(
        "playlists",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("public", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("collaborative", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("track_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("playlists_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("playlists_pkey")),
    )
    op.create_index(op.f("playlists_owner_id_id_idx"), "playlists", ["owner_id", "id"])
    op.create_table(
        "playlist_tracks",
        sa.Column("playlist_id", sa.Uuid(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["playlists.id"], name=op.f("playlist_tracks_playlist_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("playlist_tracks_track_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["added_by"], ["users.id"], name=op.f("playlist_tracks_added_by_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("playlist_id", "track_id", name=op.f("playlist_tracks_pkey")),
    )
    op.create_index(op.f("playlist_tracks_playlist_id_rank_idx"), "playlist_tracks", ["playlist_id", "rank"])
    op.create_index(op.f("playlist_tracks_track_id_idx"), "playlist_tracks", ["track_id"])
    op.create_index(op.f("playlist_tracks_added_by_idx"), "playlist_tracks", ["added_by"])
    op.create_table(
        "playlist_members",
        sa.Column("playlist_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["playlists.id"], name=op.f("playlist_members_playlist_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("playlist_members_user_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("playlist_id", "user_id", name=op.f("playlist_members_pkey")),
    )
    op.create_index(op.f("playlist_members_user_id_playlist_id_idx"), "playlist_members", ["user_id", "playlist_id"])
    op.execute(_COUNTER)
    for event, rows in (("INSERT", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER playlist_tracks_{event.lower()} AFTER {event} ON playlist_tracks "
            f"REFERENCING {rows} TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION count_playlist_tracks()"
        )


def downgrade() -> None:
    for name in ("playlist_members", "playlist_tracks", "playlists"):
        op.drop_table(name)
    op.execute("DROP FUNCTION count_playlist_tracks()")
    # What moderators hid stays out of sight.
    op.execute("UPDATE tracks SET public = false WHERE hidden_at IS NOT NULL")
    op.drop_column("tracks", "hidden_at")
