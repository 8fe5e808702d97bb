"""SQL of notifications and of what people want to be told of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.accounts.holding import hold
from services.user_management.accounts.tables import users
from services.user_management.library.tables import tracks
from services.user_management.metadata import ID
from services.user_management.notifications.notification import (
    EXCERPT,
    KEPT,
    PERIODS,
    Digest,
    Kind,
    Notification,
    Preferences,
)
from services.user_management.notifications.tables import notification_preferences, notifications
from services.user_management.playlists.tables import playlists
from services.user_management.revisions import check
from services.user_management.social.tables import comments, person_standings
from services.user_management.social.visibility import apart, muted_by, seen_by

MOST_COUNTED: Final = 1_000
SWEPT_AT_ONCE: Final = 5_000

_columns: Final = notifications.c


class NotificationRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def tell(
        self,
        kind: Kind,
        person_id: UUID,
        actor_id: UUID,
        *,
        track_id: UUID | None = None,
        comment_id: UUID | None = None,
        playlist_id: UUID | None = None,
    ) -> UUID | None:
        """Tell a person what somebody did: the notification's id; None when they do not want to know, or know it.

        Nobody is told of themselves, of whom they mute, or of whom they are apart from.
        """
        wanted = notification_preferences.c[kind.value]
        asked = select(wanted).where(notification_preferences.c.person_id == person_id).scalar_subquery()
        actor = literal(actor_id, ID)
        values: dict[str, Any] = {
            "id": literal(UUID(new_id()), ID),
            "person_id": literal(person_id, ID),
            "kind": literal(kind.value),
            "actor_id": actor,
            "track_id": literal(track_id, ID),
            "comment_id": literal(comment_id, ID),
            "playlist_id": literal(playlist_id, ID),
        }
        told = select(*values.values()).where(
            func.coalesce(asked, True),
            literal(person_id != actor_id),
            ~muted_by(actor, person_id),
            ~apart(actor, person_id),
        )
        new = insert(notifications).from_select(list(values), told).on_conflict_do_nothing().returning(_columns.id)
        found: UUID | None = (await self._connection.execute(new)).scalar_one_or_none()
        return found

    async def of_ids(self, ids: Sequence[UUID]) -> list[Notification]:
        """Notifications by id, in the order in which they were made."""
        return await self._found(_notifications().where(_columns.id.in_(ids)).order_by(_columns.id))

    async def page(self, person_id: UUID, *, unread: bool, before_id: UUID | None, limit: int) -> list[Notification]:
        """What a person was told, latest first; without people who are muted or apart by now."""
        query = _told(person_id)
        if unread:
            query = query.where(_columns.read_at.is_(None))
        if before_id is not None:
            query = query.where(_columns.id < before_id)
        return await self._found(query.order_by(_columns.id.desc()).limit(limit))

    async def unread(self, person_id: UUID) -> int:
        """How many are unread; counted up to 1,000."""
        some = _told(person_id).with_only_columns(literal(1)).where(_columns.read_at.is_(None)).limit(MOST_COUNTED)
        return (await self._connection.execute(select(func.count()).select_from(some.subquery()))).scalar_one()

    async def mark_read(self, person_id: UUID, ids: Sequence[UUID] | None) -> None:
        """Mark those of a person as read; None: all."""
        marked = update(notifications).where(_columns.person_id == person_id, _columns.read_at.is_(None))
        if ids is not None:
            marked = marked.where(_columns.id.in_(ids))
        await self._connection.execute(marked.values(read_at=func.now()))

    async def forget_between(self, person_id: UUID, actor_id: UUID) -> None:
        """Take back what a person was told of somebody."""
        await self._connection.execute(
            delete(notifications).where(_columns.person_id == person_id, _columns.actor_id == actor_id)
        )

    async def forget_old(self, kept: timedelta = KEPT) -> int:
        """Delete what has had its time; how many, at most 5,000 a call."""
        old = select(_columns.id).where(_columns.created_at < func.now() - kept).limit(SWEPT_AT_ONCE)
        return (await self._connection.execute(delete(notifications).where(_columns.id.in_(old)))).rowcount

    async def preferences(self, person_id: UUID) -> Preferences:
        """What a person wants to be told of."""
        columns = notification_preferences.c
        asked = (columns.follow, columns.like, columns.comment, columns.invitation, columns.digest, columns.revision)
        query = select(*asked)
        row = (await self._connection.execute(query.where(columns.person_id == person_id))).first()
        if row is None:
            return Preferences()
        return Preferences(row.follow, row.like, row.comment, row.invitation, Digest(row.digest), row.revision)

    async def set_preferences(
        self, person_id: UUID, changes: Mapping[str, Any], revisions: Collection[int] = ()
    ) -> None:
        """Change them. Another rhythm of mails begins now: nothing older is told.

        Raises `AppError` (PRECONDITION_FAILED) when they have none of the revisions, if any are named.
        """
        # Without a row there is nothing to lock but the person.
        await hold(self._connection, person_id)
        if revisions:
            columns = notification_preferences.c
            query = select(columns.revision).where(columns.person_id == person_id).with_for_update()
            present = (await self._connection.execute(query)).scalar_one_or_none()
            check(present or 0, revisions)
        if not changes:
            return
        values = dict(changes)
        columns = notification_preferences.c
        new = insert(notification_preferences)
        update_values: dict[str, Any] = dict(values)
        if "digest" in values:
            period = PERIODS.get(values["digest"])
            values |= {"digested_at": func.now(), "digest_due_at": func.now() + period if period else None}
            same = columns.digest == values["digest"]
            update_values |= {
                name: case((same, columns[name]), else_=values[name]) for name in ("digested_at", "digest_due_at")
            }
        await self._connection.execute(
            new.values(person_id=person_id, **values).on_conflict_do_update(
                index_elements=[columns.person_id], set_=update_values
            )
        )

    async def end_digest(self, person_id: UUID) -> None:
        """Send a person no more mails; what they are told of stays as they chose it."""
        ended = update(notification_preferences).where(notification_preferences.c.person_id == person_id)
        await self._connection.execute(ended.values(digest=Digest.OFF, digest_due_at=None))

    async def claim_digest(self) -> tuple[UUID, Digest, datetime] | None:
        """Somebody whose mail is due, and up to when the last one told; locked until the transaction ends."""
        columns = notification_preferences.c
        due = (
            select(columns.person_id, columns.digest, columns.digested_at)
            .where(columns.digest_due_at <= func.now())
            .order_by(columns.digest_due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = (await self._connection.execute(due)).first()
        return (row.person_id, Digest(row.digest), row.digested_at) if row else None

    async def digested(self, person_id: UUID, digest: Digest) -> None:
        """Put the next mail off by its period."""
        period = PERIODS.get(digest)
        due = func.now() + period if period else None
        await self._connection.execute(
            update(notification_preferences)
            .where(notification_preferences.c.person_id == person_id)
            .values(digest_due_at=due, digested_at=func.now())
        )

    async def recipient(self, person_id: UUID) -> str | None:
        """Where mails reach a person; None when the address was never proven, or the account is not active."""
        query = (
            select(users.c.email)
            .join(person_standings, person_standings.c.person_id == users.c.id)
            .where(users.c.id == person_id, users.c.email_verified_at.is_not(None), person_standings.c.active)
        )
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def unread_since(self, person_id: UUID, since: datetime, limit: int) -> tuple[list[Notification], int]:
        """What is unread and newer, latest first, at most `limit`; and how many there are, counted up to 1,000."""
        query = _told(person_id).where(_columns.read_at.is_(None), _columns.created_at > since)
        found = await self._found(query.order_by(_columns.id.desc()).limit(limit))
        some = query.with_only_columns(literal(1)).limit(MOST_COUNTED)
        return found, (await self._connection.execute(select(func.count()).select_from(some.subquery()))).scalar_one()

    async def _found(self, query: Select[Any]) -> list[Notification]:
        return [Notification(*row) for row in await self._connection.execute(query)]


def _notifications() -> Select[Any]:
    return (
        select(
            _columns.id,
            _columns.kind,
            _columns.actor_id,
            users.c.username,
            users.c.display_name,
            _columns.track_id,
            tracks.c.title,
            _columns.comment_id,
            func.left(comments.c.body, EXCERPT),
            _columns.playlist_id,
            playlists.c.title.label("playlist_title"),
            _columns.created_at,
            _columns.read_at,
        )
        .select_from(notifications)
        .join(users, users.c.id == _columns.actor_id)
        .outerjoin(tracks, tracks.c.id == _columns.track_id)
        .outerjoin(comments, comments.c.id == _columns.comment_id)
        .outerjoin(playlists, playlists.c.id == _columns.playlist_id)
    )


def _told(person_id: UUID) -> Select[Any]:
    """Those of a person whose actors they see and do not mute."""
    return _notifications().where(
        _columns.person_id == person_id, ~muted_by(_columns.actor_id, person_id), seen_by(users, person_id)
    )
