"""Projects that tracks lie in, and how tracks came from their parents."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_RELATIONS = """
UPDATE tracks SET relation = CASE
  WHEN jobs.kind = 'generate' AND parents.owner_id <> tracks.owner_id THEN 'remix'
  WHEN jobs.kind = 'generate' AND jobs.request ? 'variation_of_id' THEN 'variation'
  WHEN jobs.kind = 'generate' AND jobs.request ? 'continue_from_id' THEN 'continuation'
  WHEN jobs.kind = 'generate' THEN 'melody'
  WHEN jobs.kind = 'separate' THEN 'stem'
  WHEN jobs.kind IN ('mix', 'master') THEN jobs.kind
  ELSE '' END
FROM jobs, tracks AS parents
WHERE jobs.id = tracks.job_id AND parents.id = tracks.parent_id
"""


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", _INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("projects_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("projects_pkey")),
    )
    op.create_index(op.f("projects_owner_id_id_idx"), "projects", ["owner_id", "id"])
    op.add_column("tracks", sa.Column("project_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("tracks_project_id_fkey"), "tracks", "projects", ["project_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(
        "tracks_project_id_id_idx",
        "tracks",
        ["project_id", "id"],
        postgresql_where=sa.text("project_id IS NOT NULL"),
    )
    op.add_column("tracks", sa.Column("relation", sa.Text(), server_default="", nullable=False))
    op.execute(_RELATIONS)
    # A popular song has many children; those of one person are found without reading them all.
    op.drop_index("tracks_parent_id_idx", "tracks")
    op.create_index(
        "tracks_parent_id_owner_id_idx",
        "tracks",
        ["parent_id", "owner_id"],
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("tracks_parent_id_owner_id_idx", "tracks")
    op.create_index("tracks_parent_id_idx", "tracks", ["parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL"))
    op.drop_column("tracks", "relation")
    op.drop_column("tracks", "project_id")
    op.drop_table("projects")
