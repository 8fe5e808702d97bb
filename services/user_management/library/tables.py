"""Tables `tracks` and `stems`: finished pieces of audio and what belongs to them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from services.user_management.metadata import ID, INSTANT, metadata
from services.user_management.revisions import revision_column

# The words of a track, by weight; `tags_text` is made by the migration.
_WORDS: Final = (
    "setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', tags_text(tags)), 'B')"
    " || setweight(to_tsvector('simple', prompt), 'C')"
)

# Field by field `musicgen.users.v1.TrackContent`, whose comments hold units and meanings.
tracks: Final = Table(
    "tracks",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner_id", ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", ID, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("duration_seconds", Double, nullable=False),
    Column("sample_rate_hz", Integer, nullable=False),
    Column("channels", SmallInteger, nullable=False),
    Column("loudness_lufs", Double, nullable=False),
    Column("true_peak_dbtp", Double, nullable=False),
    Column("bpm", Double, nullable=False),
    Column("key", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("master_object_key", Text, nullable=False),
    Column("midi_object_key", Text, nullable=False),
    Column("licence_name", Text, nullable=False),
    Column("licence_commercial_use", Boolean, nullable=False),
    Column("licence_attributions", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("model_revision", Text, nullable=False),
    Column("engine_version", Text, nullable=False),
    Column("runtime", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("spec", JSONB(none_as_null=True)),
    Column("mastering_gain_db", Double, nullable=False),
    Column("master_sha256", Text, nullable=False),
    Column("public", Boolean, nullable=False, server_default=text("false")),
    # No foreign key: a parent may be deleted, and that its child came from it stays true.
    Column("parent_id", ID),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    # Since when it lies in the trash.
    Column("deleted_at", INSTANT),
    # Since when moderators keep it from everybody but its owner.
    Column("hidden_at", INSTANT),
    Column("project_id", ID, ForeignKey("projects.id", ondelete="SET NULL")),
    # How it came from its parent (`library.lineage`).
    Column("relation", Text, nullable=False, server_default=""),
    # The picture that its owner gave it; below its job's folder, so that it is swept, counted and deleted with it.
    Column("cover_object_key", Text, nullable=False, server_default=""),
    Column("words", TSVECTOR, Computed(_WORDS, persisted=True)),
    revision_column(),
    Index(None, "owner_id", "id"),
    Index(None, "job_id"),
    Index(None, "words", postgresql_using="gin"),
    Index(None, "tags", postgresql_using="gin"),
    Index(None, "owner_id", "title", "id"),
    Index(None, "parent_id", "owner_id", postgresql_where=text("parent_id IS NOT NULL")),
    Index(None, "project_id", "id", postgresql_where=text("project_id IS NOT NULL")),
    Index(None, "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
)

stems: Final = Table(
    "stems",
    metadata,
    Column("track_id", ID, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("object_key", Text, nullable=False),
)
