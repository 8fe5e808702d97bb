"""Social life: profiles, ties, likes, comments, what others may find, notifications."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NAMES = "to_tsvector('simple', translate(username || ' ' || display_name, '-', ' '))"

# Forward decay: what happens a week later weighs twice as much, so that the order of two sums never changes by itself.
_HEAT = """
CREATE FUNCTION heat_at(timestamptz) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN power(2::double precision,
             (extract(epoch FROM $1) - 1767225600)::double precision / 604800)
"""

# A new account, and one that is shut out, let in again, about to go, or stays.
_PERSON = """
CREATE FUNCTION person_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    alive boolean := NEW.suspended_at IS NULL AND NEW.deletion_due_at IS NULL;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO person_standings (person_id, active) VALUES (NEW.id, alive);
        RETURN NULL;
    END IF;
    UPDATE person_standings SET active = alive WHERE person_id = NEW.id AND active <> alive;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE track_standings AS standing
    SET listed = alive,
        listed_at = CASE WHEN alive THEN coalesce(standing.listed_at, now()) ELSE standing.listed_at END,
        heat = CASE WHEN alive AND standing.listed_at IS NULL THEN standing.heat + heat_at(now()) ELSE standing.heat END
    FROM tracks
    WHERE tracks.id = standing.track_id AND tracks.owner_id = NEW.id
        AND tracks.public AND tracks.deleted_at IS NULL AND tracks.hidden_at IS NULL AND standing.listed <> alive;
    RETURN NULL;
END
$$
"""

# A new track, and one that is made public or private, thrown away or restored, hidden or shown. The lock makes it wait
# for an owner's suspension that is under way, and the other way round.
_TRACK = """
CREATE FUNCTION track_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    shown boolean;
    since timestamptz := CASE WHEN TG_OP = 'INSERT' THEN NEW.created_at ELSE now() END;
BEGIN
    SELECT active INTO shown FROM person_standings WHERE person_id = NEW.owner_id FOR NO KEY UPDATE;
    shown := coalesce(shown, false) AND NEW.public AND NEW.deleted_at IS NULL AND NEW.hidden_at IS NULL;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO track_standings (track_id, owner_id, listed, listed_at, heat)
        VALUES (
            NEW.id, NEW.owner_id, shown,
            CASE WHEN shown THEN since END, CASE WHEN shown THEN heat_at(since) ELSE 0 END
        );
    ELSE
        UPDATE track_standings
        SET listed = shown,
            listed_at = CASE WHEN shown THEN coalesce(listed_at, since) ELSE listed_at END,
            heat = CASE WHEN shown AND listed_at IS NULL THEN heat + heat_at(since) ELSE heat END
        WHERE track_id = NEW.id AND listed <> shown;
    END IF;
    RETURN NULL;
END
$$
"""

_LISTED = """
CREATE FUNCTION track_listed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.listed THEN
        UPDATE person_standings SET tracks = tracks - 1 WHERE person_id = OLD.owner_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.listed THEN
        UPDATE person_standings SET tracks = tracks + 1 WHERE person_id = NEW.owner_id;
    END IF;
    RETURN NULL;
END
$$
"""

# Statements of many rows are counted at once, and their counters locked in one order: no two wait for each other.
_FOLLOWS = """
CREATE FUNCTION follows_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM 1 FROM person_standings
    WHERE person_id IN (SELECT person_id FROM changed UNION SELECT other_id FROM changed)
    ORDER BY person_id FOR NO KEY UPDATE;
    UPDATE person_standings AS standing
    SET following = standing.following + sign * delta.following,
        followers = standing.followers + sign * delta.followers
    FROM (
        SELECT id, sum(following) AS following, sum(followers) AS followers
        FROM (
            SELECT person_id AS id, 1 AS following, 0 AS followers FROM changed
            UNION ALL
            SELECT other_id, 0, 1 FROM changed
        ) AS ends GROUP BY id
    ) AS delta
    WHERE standing.person_id = delta.id;
    RETURN NULL;
END
$$
"""

_LIKES = """
CREATE FUNCTION likes_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM 1 FROM track_standings WHERE track_id IN (SELECT track_id FROM changed)
    ORDER BY track_id FOR NO KEY UPDATE;
    UPDATE track_standings AS standing
    SET likes = standing.likes + sign * delta.likes, heat = greatest(standing.heat + sign * delta.heat, 0)
    FROM (SELECT track_id, count(*) AS likes, sum(heat_at(created_at)) AS heat FROM changed GROUP BY track_id) AS delta
    WHERE standing.track_id = delta.track_id;
    RETURN NULL;
END
$$
"""

_COMMENTS = """
CREATE FUNCTION comments_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM 1 FROM track_standings WHERE track_id IN (SELECT track_id FROM changed)
    ORDER BY track_id FOR NO KEY UPDATE;
    UPDATE track_standings AS standing SET comments = standing.comments + sign * delta.comments
    FROM (SELECT track_id, count(*) AS comments FROM changed GROUP BY track_id) AS delta
    WHERE standing.track_id = delta.track_id;
    RETURN NULL;
END
$$
"""

_TRIGGERS = (
    "CREATE TRIGGER person_stands_new AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION person_stands()",
    "CREATE TRIGGER person_stands AFTER UPDATE OF suspended_at, deletion_due_at ON users"
    " FOR EACH ROW EXECUTE FUNCTION person_stands()",
    "CREATE TRIGGER track_stands_new AFTER INSERT ON tracks FOR EACH ROW EXECUTE FUNCTION track_stands()",
    "CREATE TRIGGER track_stands AFTER UPDATE OF public, deleted_at, hidden_at ON tracks"
    " FOR EACH ROW WHEN (OLD.public <> NEW.public OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)"
    " OR (OLD.hidden_at IS NULL) <> (NEW.hidden_at IS NULL)) EXECUTE FUNCTION track_stands()",
    "CREATE TRIGGER track_listed_new AFTER INSERT ON track_standings"
    " FOR EACH ROW WHEN (NEW.listed) EXECUTE FUNCTION track_listed()",
    "CREATE TRIGGER track_listed AFTER UPDATE OF listed ON track_standings"
    " FOR EACH ROW WHEN (OLD.listed <> NEW.listed) EXECUTE FUNCTION track_listed()",
    "CREATE TRIGGER track_listed_old AFTER DELETE ON track_standings"
    " FOR EACH ROW WHEN (OLD.listed) EXECUTE FUNCTION track_listed()",
    *(
        f"CREATE TRIGGER {table}_counted_{event.lower()} AFTER {event} ON {table}"
        f" REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION {table}_counted()"
        for table in ("follows", "likes", "comments")
        for event, rows in (("INSERT", "NEW"), ("DELETE", "OLD"))
    ),
)


def _tie(name: str) -> None:
    op.create_table(
        name,
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("person_id <> other_id", name=op.f(f"{name}_not_oneself_check")),
        sa.ForeignKeyConstraint(["person_id"], ["users.id"], name=op.f(f"{name}_person_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_id"], ["users.id"], name=op.f(f"{name}_other_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "other_id", name=op.f(f"{name}_pkey")),
    )
    op.create_index(f"{name}_person_id_created_at_other_id_idx", name, ["person_id", "created_at", "other_id"])
    op.create_index(f"{name}_other_id_created_at_person_id_idx", name, ["other_id", "created_at", "person_id"])


def upgrade() -> None:
    op.execute(_HEAT)
    op.add_column("users", sa.Column("display_name", sa.Text(), server_default="", nullable=False))
    op.add_column("users", sa.Column("bio", sa.Text(), server_default="", nullable=False))
    op.add_column("users", sa.Column("links", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column(
        "users", sa.Column("names", postgresql.TSVECTOR(), sa.Computed(_NAMES, persisted=True), nullable=True)
    )
    op.create_index("users_names_idx", "users", ["names"], postgresql_using="gin")
    for name in ("follows", "blocks", "mutes"):
        _tie(name)
    op.create_table(
        "likes",
        sa.Column("track_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("likes_track_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["users.id"], name=op.f("likes_person_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("track_id", "person_id", name=op.f("likes_pkey")),
    )
    op.create_index("likes_person_id_created_at_track_id_idx", "likes", ["person_id", "created_at", "track_id"])
    op.create_table(
        "comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("position_seconds", sa.Double(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.id"], name=op.f("comments_track_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("comments_author_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("comments_pkey")),
    )
    op.create_index("comments_track_id_id_idx", "comments", ["track_id", "id"])
    op.create_index(
        "comments_track_id_position_seconds_id_idx",
        "comments",
        ["track_id", "position_seconds", "id"],
        postgresql_where=sa.text("position_seconds IS NOT NULL"),
    )
    op.create_index("comments_author_id_id_idx", "comments", ["author_id", "id"])
    _standings()
    _notifications()
    for statement in (_PERSON, _TRACK, _LISTED, _FOLLOWS, _LIKES, _COMMENTS, *_TRIGGERS):
        op.execute(statement)
    op.execute(
        "INSERT INTO person_standings (person_id, active)"
        " SELECT id, suspended_at IS NULL AND deletion_due_at IS NULL FROM users"
    )
    op.execute(
        "INSERT INTO track_standings (track_id, owner_id, listed, listed_at, heat)"
        " SELECT id, owner_id, shown, CASE WHEN shown THEN created_at END,"
        "        CASE WHEN shown THEN heat_at(created_at) ELSE 0 END"
        " FROM (SELECT tracks.*, public AND deleted_at IS NULL AND hidden_at IS NULL AND active AS shown"
        "       FROM tracks JOIN person_standings ON person_id = owner_id) AS stood"
    )


def _standings() -> None:
    op.create_table(
        "person_standings",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("followers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("following", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tracks", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["users.id"], name=op.f("person_standings_person_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("person_standings_pkey")),
    )
    op.create_index(
        "person_standings_followers_person_id_idx",
        "person_standings",
        ["followers", "person_id"],
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "track_standings",
        sa.Column("track_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("likes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("comments", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("heat", sa.Double(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["track_id"], ["tracks.id"], name=op.f("track_standings_track_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("track_standings_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("track_id", name=op.f("track_standings_pkey")),
    )
    for columns in (["heat", "track_id"], ["listed_at", "track_id"], ["owner_id", "listed_at", "track_id"]):
        op.create_index(
            f"track_standings_{'_'.join(columns)}_idx",
            "track_standings",
            columns,
            postgresql_where=sa.text("listed"),
        )


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("track_id", sa.Uuid(), nullable=True),
        sa.Column("comment_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"notifications_{column}_fkey"), ondelete="CASCADE")
            for column, target in (
                ("person_id", "users.id"),
                ("actor_id", "users.id"),
                ("track_id", "tracks.id"),
                ("comment_id", "comments.id"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("notifications_pkey")),
    )
    op.create_index("notifications_person_id_id_idx", "notifications", ["person_id", "id"])
    op.create_index(
        "notifications_unread_idx", "notifications", ["person_id", "id"], postgresql_where=sa.text("read_at IS NULL")
    )
    op.create_index(
        "notifications_one_follow_idx",
        "notifications",
        ["person_id", "actor_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'follow'"),
    )
    op.create_index(
        "notifications_one_like_idx",
        "notifications",
        ["track_id", "actor_id", "person_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'like'"),
    )
    op.create_index("notifications_actor_id_idx", "notifications", ["actor_id"])
    for column in ("track_id", "comment_id"):
        op.create_index(
            f"notifications_{column}_idx",
            "notifications",
            [column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_index("notifications_created_at_idx", "notifications", ["created_at"])
    op.create_table(
        "notification_preferences",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        *(
            sa.Column(kind, sa.Boolean(), server_default=sa.text("true"), nullable=False)
            for kind in ("follow", "like", "comment")
        ),
        sa.Column("digest", sa.Text(), server_default="off", nullable=False),
        sa.Column("digest_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digested_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("digest IN ('off', 'daily', 'weekly')", name=op.f("notification_preferences_digest_check")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["users.id"], name=op.f("notification_preferences_person_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("notification_preferences_pkey")),
    )
    op.create_index(
        "notification_preferences_digest_due_at_idx",
        "notification_preferences",
        ["digest_due_at"],
        postgresql_where=sa.text("digest_due_at IS NOT NULL"),
    )


def downgrade() -> None:
    for trigger, table in (
        ("person_stands_new", "users"),
        ("person_stands", "users"),
        ("track_stands_new", "tracks"),
        ("track_stands", "tracks"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for name in ("notification_preferences", "notifications", "comments", "likes", "mutes", "blocks", "follows"):
        op.drop_table(name)
    op.drop_table("track_standings")
    op.drop_table("person_standings")
    for name in (
        "person_stands",
        "track_stands",
        "track_listed",
        *(f"{n}_counted" for n in ("follows", "likes", "comments")),
    ):
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_index("users_names_idx", "users")
    for name in ("names", "links", "bio", "display_name"):
        op.drop_column("users", name)
    op.execute("DROP FUNCTION heat_at(timestamptz)")
