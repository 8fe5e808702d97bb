"""Sessions of browsers, which hold a secret in a cookie."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("secret_sha256", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(op.f("sessions_secret_sha256_key"), "sessions", ["secret_sha256"])


def downgrade() -> None:
    # Without their secrets nobody could use them, or see that they are no devices of the older kind.
    op.execute("DELETE FROM sessions WHERE secret_sha256 IS NOT NULL")
    op.drop_constraint(op.f("sessions_secret_sha256_key"), "sessions", type_="unique")
    op.drop_column("sessions", "secret_sha256")
