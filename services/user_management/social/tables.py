"""Tables of social life: who is tied to whom, what they like and say; and the counters that everybody sees.

The counters (`person_standings`, `track_standings`) belong to triggers, which the migration makes (ADR 18): they stay
right under concurrency, when an account goes with all that it did, and in bulk. Code reads them and never writes them.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)

from services.user_management.metadata import ID, INSTANT, metadata


def _person(name: str, *, key: bool = False) -> Column[object]:
    return Column(name, ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=key, nullable=False)


def _track(name: str, *, key: bool = False) -> Column[object]:
    return Column(name, ID, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=key, nullable=False)


def _made() -> Column[object]:
    return Column("created_at", INSTANT, nullable=False, server_default=func.now())


def _tie(name: str) -> Table:
    """Who (`person_id`) is tied to whom (`other_id`), readable from both ends in the order of time."""
    return Table(
        name,
        metadata,
        _person("person_id", key=True),
        _person("other_id", key=True),
        _made(),
        CheckConstraint("person_id <> other_id", name="not_oneself"),
        Index(None, "person_id", "created_at", "other_id"),
        Index(None, "other_id", "created_at", "person_id"),
    )


follows: Final = _tie("follows")
blocks: Final = _tie("blocks")
mutes: Final = _tie("mutes")

likes: Final = Table(
    "likes",
    metadata,
    _track("track_id", key=True),
    _person("person_id", key=True),
    _made(),
    Index(None, "person_id", "created_at", "track_id"),
)

comments: Final = Table(
    "comments",
    metadata,
    Column("id", ID, primary_key=True),
    _track("track_id"),
    _person("author_id"),
    Column("body", Text, nullable=False),
    # The place in the track that it is about; NULL: all of it.
    Column("position_seconds", Double),
    _made(),
    Column("edited_at", INSTANT),
    Index(None, "track_id", "id"),
    Index(None, "track_id", "position_seconds", "id", postgresql_where=text("position_seconds IS NOT NULL")),
    Index(None, "author_id", "id"),
)

# Each account's. `active`: neither shut out nor about to go.
person_standings: Final = Table(
    "person_standings",
    metadata,
    _person("person_id", key=True),
    Column("active", Boolean, nullable=False),
    Column("followers", BigInteger, nullable=False, server_default="0"),
    Column("following", Integer, nullable=False, server_default="0"),
    # How many tracks are listed.
    Column("tracks", Integer, nullable=False, server_default="0"),
    Index(None, "followers", "person_id", postgresql_where=text("active")),
)

# Each track's. `listed`: public, not in the trash, and its owner active: what others may find at all. `heat`: the sum
# of `heat_at` of the moments when it was first listed and liked; tracks that are liked these days have most of it.
track_standings: Final = Table(
    "track_standings",
    metadata,
    _track("track_id", key=True),
    _person("owner_id"),
    Column("listed", Boolean, nullable=False),
    # When it was listed first: hiding and showing a track does not make it new.
    Column("listed_at", INSTANT),
    Column("likes", BigInteger, nullable=False, server_default="0"),
    Column("comments", BigInteger, nullable=False, server_default="0"),
    Column("heat", Double, nullable=False, server_default="0"),
    Index(None, "heat", "track_id", postgresql_where=text("listed")),
    Index(None, "listed_at", "track_id", postgresql_where=text("listed")),
    Index(None, "owner_id", "listed_at", "track_id", postgresql_where=text("listed")),
)
