"""Pictures that people give their tracks."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tracks", sa.Column("cover_object_key", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("tracks", "cover_object_key")
