"""Tracks are found by their words, and lie in the trash before they go."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# array_to_string is only STABLE, because of types whose output depends on settings; text is not one of them.
_TAGS_TEXT = """
CREATE FUNCTION tags_text(text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_string($1, ' ')
"""
_WORDS = (
    "setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', tags_text(tags)), 'B')"
    " || setweight(to_tsvector('simple', prompt), 'C')"
)


def upgrade() -> None:
    op.execute(_TAGS_TEXT)
    op.add_column("tracks", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "tracks", sa.Column("words", postgresql.TSVECTOR(), sa.Computed(_WORDS, persisted=True), nullable=True)
    )
    op.create_index("tracks_words_idx", "tracks", ["words"], postgresql_using="gin")
    op.create_index("tracks_tags_idx", "tracks", ["tags"], postgresql_using="gin")
    op.create_index("tracks_owner_id_title_id_idx", "tracks", ["owner_id", "title", "id"])
    op.create_index("tracks_parent_id_idx", "tracks", ["parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL"))
    op.create_index(
        "tracks_deleted_at_idx", "tracks", ["deleted_at"], postgresql_where=sa.text("deleted_at IS NOT NULL")
    )


def downgrade() -> None:
    # What was thrown away comes back, but nobody else may hear it.
    op.execute("UPDATE tracks SET public = false WHERE deleted_at IS NOT NULL")
    for name in ("deleted_at", "parent_id", "owner_id_title_id", "tags", "words"):
        op.drop_index(f"tracks_{name}_idx", "tracks")
    op.drop_column("tracks", "words")
    op.drop_column("tracks", "deleted_at")
    op.execute("DROP FUNCTION tags_text(text[])")
