"""What an account's export holds: everything that is its owner's, and no secret."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Table, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore
from services.user_management.accounts.tables import users
from services.user_management.audit.tables import audit_entries
from services.user_management.auth.tables import api_keys, identities, sessions
from services.user_management.database import Database
from services.user_management.exports.archive import ArchiveFile
from services.user_management.jobs.tables import jobs
from services.user_management.library.tables import stems, tracks
from services.user_management.mixes.tables import mix_versions, mixes
from services.user_management.moderation.tables import reports
from services.user_management.notifications.tables import notification_preferences, notifications
from services.user_management.playlists.tables import playlist_members, playlist_tracks, playlists
from services.user_management.projects.tables import projects
from services.user_management.quotas.tables import quota_accounts, quota_entries
from services.user_management.sharing.tables import share_links
from services.user_management.social.tables import blocks, comments, follows, likes, mutes
from services.user_management.webhooks.tables import webhooks

_PAGE: Final = 200
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_TITLE: Final = 60

_README = """This archive holds everything of your account at Music Gen AI.

*.json        your profile, tracks, projects, mixes, share links, playlists with their tracks and members, which
              playlists of others you belong to and what you added there, likes, comments, whom you follow, block and
              mute, what you reported and what became of it, what you were told, jobs, sessions, keys, webhooks, quota
              and audit log
audio/        the lossless master of each track, its stems, its MIDI file, and the picture that you gave it
missing.json  files that storage did not have any more; empty as a rule

Passwords, secrets and second factors are not in here: nobody can read them. Nor is who reported you.

An account has one archive, which does not count to its storage: it is deleted after 7 days, and the next one, which can
be asked for a day later, replaces it.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One JSON file: the rows of a table that are the owner's. `hidden` columns are secrets, or the platform's own."""

    name: str
    table: Table
    mine: Callable[[UUID], ColumnElement[bool]]
    order: tuple[str, ...] = ("id",)
    hidden: frozenset[str] = field(default_factory=frozenset)


def _of_person(table: Table, owner: UUID) -> ColumnElement[bool]:
    return table.c.person_id == owner


SECTIONS: Final = (
    Section(
        "profile",
        users,
        lambda owner: users.c.id == owner,
        hidden=frozenset({"email_folded", "password_hash", "totp_sealed", "totp_last_step", "names"}),
    ),
    Section("quota", quota_accounts, lambda owner: quota_accounts.c.owner_id == owner, order=("owner_id",)),
    Section("quota_entries", quota_entries, lambda owner: quota_entries.c.owner_id == owner),
    Section(
        "tracks",
        tracks,
        lambda owner: tracks.c.owner_id == owner,
        hidden=frozenset({"words", "master_object_key", "midi_object_key", "cover_object_key"}),
    ),
    Section(
        "jobs",
        jobs,
        lambda owner: jobs.c.owner_id == owner,
        hidden=frozenset(
            {
                "fencing_token",
                "lease_id",
                "lease_worker",
                "lease_expires_at",
                "promised_to",
                "promised_until",
                "overtaken",
            }
        ),
    ),
    Section("projects", projects, lambda owner: projects.c.owner_id == owner),
    Section("mixes", mixes, lambda owner: mixes.c.owner_id == owner),
    Section(
        "mix_versions",
        mix_versions,
        lambda owner: mix_versions.c.mix_id.in_(select(mixes.c.id).where(mixes.c.owner_id == owner)),
        order=("mix_id", "number"),
    ),
    Section(
        "share_links",
        share_links,
        lambda owner: share_links.c.track_id.in_(select(tracks.c.id).where(tracks.c.owner_id == owner)),
        hidden=frozenset({"token_sha256", "password_hash"}),
    ),
    Section("playlists", playlists, lambda owner: playlists.c.owner_id == owner),
    Section(
        "playlist_tracks",
        playlist_tracks,
        lambda owner: playlist_tracks.c.playlist_id.in_(select(playlists.c.id).where(playlists.c.owner_id == owner)),
        order=("playlist_id", "track_id"),
    ),
    Section(
        "playlist_members",
        playlist_members,
        lambda owner: playlist_members.c.playlist_id.in_(select(playlists.c.id).where(playlists.c.owner_id == owner)),
        order=("playlist_id", "user_id"),
    ),
    # In playlists of others: that somebody belongs to them and what they brought is theirs, all the rest is not.
    Section(
        "playlist_memberships",
        playlist_members,
        lambda owner: playlist_members.c.user_id == owner,
        order=("playlist_id",),
    ),
    Section(
        "playlist_tracks_added",
        playlist_tracks,
        lambda owner: and_(
            playlist_tracks.c.added_by == owner,
            playlist_tracks.c.playlist_id.not_in(select(playlists.c.id).where(playlists.c.owner_id == owner)),
        ),
        order=("playlist_id", "track_id"),
        hidden=frozenset({"rank"}),
    ),
    Section(
        "reports_made",
        reports,
        lambda owner: reports.c.reporter_id == owner,
        # What moderators did about somebody else, what they say of it, and who they are.
        hidden=frozenset({"decision", "note", "decided_by"}),
    ),
    Section("likes", likes, lambda owner: likes.c.person_id == owner, order=("track_id",)),
    Section("comments", comments, lambda owner: comments.c.author_id == owner, hidden=frozenset({"words"})),
    *(
        Section(table.name, table, partial(_of_person, table), order=("other_id",))
        for table in (follows, blocks, mutes)
    ),
    Section("notifications", notifications, lambda owner: notifications.c.person_id == owner),
    Section(
        "notification_preferences",
        notification_preferences,
        lambda owner: notification_preferences.c.person_id == owner,
        order=("person_id",),
    ),
    Section("identities", identities, lambda owner: identities.c.user_id == owner, order=("issuer", "subject")),
    Section("sessions", sessions, lambda owner: sessions.c.user_id == owner, hidden=frozenset({"secret_sha256"})),
    Section("api_keys", api_keys, lambda owner: api_keys.c.user_id == owner, hidden=frozenset({"secret_sha256"})),
    Section("webhooks", webhooks, lambda owner: webhooks.c.owner_id == owner, hidden=frozenset({"secret_sealed"})),
    Section(
        "audit_log",
        audit_entries,
        # What others did about this account tells who they are and where: who reported it, who moderates.
        lambda owner: or_(
            audit_entries.c.actor_id == owner,
            and_(audit_entries.c.subject_id == owner, audit_entries.c.actor_id.is_(None)),
        ),
    ),
)


@dataclass(slots=True)
class Contents:
    """The files of one account's archive. `told` hears how many of how many parts are done."""

    database: Database
    store: ObjectStore
    owner_id: UUID
    told: Callable[[int, int], Awaitable[None]]
    missing: list[str] = field(default_factory=list)

    async def files(self) -> AsyncGenerator[ArchiveFile, None]:
        """Every file, read while it is asked for."""
        now = datetime.now(UTC)
        total = len(SECTIONS) + await self._tracks()
        done = 0
        yield ArchiveFile("README.txt", now, _once(_README.encode()))
        for section in SECTIONS:
            yield ArchiveFile(f"{section.name}.json", now, self._json(section))
            done += 1
            await self.told(done, total)
        async for track in self._rows_of_tracks():
            async for file in self._audio(track):
                yield file
            done += 1
            await self.told(done, max(total, done))
        yield ArchiveFile("missing.json", now, _once(orjson.dumps(self.missing, option=orjson.OPT_INDENT_2)))

    async def _tracks(self) -> int:
        query = select(tracks.c.id).where(tracks.c.owner_id == self.owner_id)
        return len(await self._all(query))

    async def _json(self, section: Section) -> AsyncIterator[bytes]:
        columns = [column for column in section.table.c if column.name not in section.hidden]
        yield b"["
        between = b"\n"
        async for row in self._rows(section, columns):
            document = {name: _plain(value) for name, value in row.items()}
            if isinstance(document.get("request"), dict):
                # Keys that begin with an underscore are the services' own.
                document["request"] = {k: v for k, v in document["request"].items() if not k.startswith("_")}
            yield between + orjson.dumps(document, default=str)
            between = b",\n"
        yield b"\n]\n"

    async def _rows(self, section: Section, columns: Sequence[Any]) -> AsyncIterator[dict[str, Any]]:
        """A page at a time: no transaction stays open while storage takes its time."""
        keys = [section.table.c[name] for name in section.order]
        last: tuple[Any, ...] | None = None
        while True:
            query = select(*columns).where(section.mine(self.owner_id)).order_by(*keys).limit(_PAGE)
            if last is not None:
                query = query.where(tuple_(*keys) > tuple_(*last))
            page = await self._all(query)
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            last = tuple(page[-1][name] for name in section.order)

    async def _rows_of_tracks(self) -> AsyncIterator[dict[str, Any]]:
        section = Section("tracks", tracks, lambda owner: tracks.c.owner_id == owner)
        names = ("id", "title", "created_at", "master_object_key", "midi_object_key", "cover_object_key")
        async for row in self._rows(section, [tracks.c[name] for name in names]):
            yield row

    async def _audio(self, track: dict[str, Any]) -> AsyncIterator[ArchiveFile]:
        folder = f"audio/{track['id']}{_slug(track['title'])}"
        parts = await self._all(
            select(stems.c.name, stems.c.object_key).where(stems.c.track_id == track["id"]).order_by(stems.c.position)
        )
        found = [(f"{folder}/master", track["master_object_key"])]
        found += [
            (f"{folder}/stems/{number:02}{_slug(part['name'])}", part["object_key"])
            for number, part in enumerate(parts, 1)
        ]
        if track["midi_object_key"]:
            found.append((f"{folder}/song", track["midi_object_key"]))
        if track["cover_object_key"]:
            found.append((f"{folder}/cover", track["cover_object_key"]))
        for name, key in found:
            path = f"{name}.{key.rpartition('.')[2]}"
            try:
                await self.store.head(key)
            except AppError as error:
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
                self.missing.append(path)
                continue
            yield ArchiveFile(path, track["created_at"], self.store.stream(key))

    async def _all(self, query: Any) -> list[dict[str, Any]]:
        async def work(connection: AsyncConnection) -> list[dict[str, Any]]:
            rows = (await connection.execute(query)).mappings()
            return [{str(name): value for name, value in row.items()} for row in rows]

        return await self.database.read(work)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _slug(title: str) -> str:
    """A title as part of a path that every system takes; what it is called in full stands in the JSON."""
    words = _UNSAFE.sub("-", title)[:_LONGEST_TITLE].strip("-")
    return f"-{words}" if words else ""


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return float(value)
    return value
