"""People who try the platform without an account."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_EMPTY = sa.text("''")


def upgrade() -> None:
    op.drop_constraint(op.f("users_role_check"), "users", type_="check")
    op.create_check_constraint(op.f("users_role_check"), "users", "role IN ('guest', 'user', 'moderator', 'admin')")
    op.create_table(
        "guests",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("wanted_username", sa.Text(), server_default=_EMPTY, nullable=False),
        sa.Column("wanted_email", sa.Text(), server_default=_EMPTY, nullable=False),
        sa.Column("wanted_full_name", sa.Text(), server_default=_EMPTY, nullable=False),
        sa.Column("wanted_password_hash", sa.Text(), server_default=_EMPTY, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("guests_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("guests_pkey")),
    )
    op.create_index(op.f("guests_network_idx"), "guests", ["network"])


def downgrade() -> None:
    op.drop_table("guests")
    # Nobody can sign in as a guest where there are none.
    op.execute("DELETE FROM users WHERE role = 'guest'")
    op.drop_constraint(op.f("users_role_check"), "users", type_="check")
    op.create_check_constraint(op.f("users_role_check"), "users", "role IN ('user', 'moderator', 'admin')")
