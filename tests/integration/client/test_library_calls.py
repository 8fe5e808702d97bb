"""The SDK's calls about the library, held against the real user_management."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from musicgen_client import ApiError, AsyncClient, ForbiddenError, MemoryTokenStore, NotFoundError
from musicgen_client.tokens import Tokens

from tests.support.account_server import AccountServer, accounts, sql, start_accounts
from tests.support.user_management import Person

__all__ = ["accounts", "sql", "start_accounts"]

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def somebody(accounts: AccountServer) -> AsyncIterator[tuple[Person, AsyncClient]]:
    person = await accounts.users.sign_up()
    store = MemoryTokenStore()
    pair = person.tokens
    store.save(Tokens(pair.access_token, pair.refresh_token, expires_at=9e9, username=person.username))
    async with AsyncClient(accounts.url, tokens=store) as client:
        yield person, client


async def test_playlists_by_the_sdk(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, music), somebody(accounts) as (ben, his):
        songs = [(await accounts.users.make_track(ann)).track_ids[0] for _ in range(2)]
        made = await music.create_playlist("Sunday", collaborative=True)
        assert (made.title, made.role, made.collaborative) == ("Sunday", "owner", True)
        for song in songs:
            await music.put_playlist_track(made.id, song)
        assert (await music.put_playlist_track(made.id, songs[1], position=0)).position == 0
        assert (await music.put_playlist_track(made.id, songs[1], after=songs[0])).position == 1
        assert [item.track.id for item in (await music.playlist_tracks(made.id)).items] == songs
        await music.remove_playlist_track(made.id, songs[0])
        assert (await music.update_playlist(made.id, public=True)).public
        assert (await music.put_playlist_member(made.id, ben.username)).accepted_at is None
        assert [item.id for item in (await his.playlist_invitations()).items] == [made.id]
        await his.decline_playlist_invitation(made.id)
        await music.put_playlist_member(made.id, ben.username)
        assert (await his.accept_playlist_invitation(made.id)).role == "member"
        assert [item.username for item in (await his.playlist_members(made.id)).items] == [ben.username]
        assert [item.id for item in (await his.playlists(owner=ann.username)).items] == [made.id]
        await his.remove_playlist_member(made.id, ben.username)
        assert (await his.playlist(made.id)).role == "reader"
        await music.delete_playlist(made.id)
        with pytest.raises(ApiError) as gone:
            await music.playlist(made.id)
        assert gone.value.status == 404


async def test_projects_links_and_many_tracks_by_the_sdk(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, music), AsyncClient(accounts.url) as stranger:
        songs = [(await accounts.users.make_track(ann)).track_ids[0] for _ in range(2)]
        album = await music.create_project("Album")
        assert (await music.move_track(songs[0], album.id)).project_id == album.id
        assert [item.id for item in (await music.tracks(project_id=album.id)).items] == songs[:1]
        changed = await music.change_tracks([*songs, "x"], add_tags=["live"], project_id=album.id)
        assert [(item.track_id, item.done) for item in changed.items] == [
            (songs[0], True),
            (songs[1], True),
            ("x", False),
        ]
        assert (await music.project(album.id)).track_count == 2
        assert (await music.update_project(album.id, title="LP")).title == "LP"
        await music.change_tracks(songs, without_project=True)
        assert len((await music.tracks(project_id="none")).items) == 2
        await music.delete_project(album.id)
        assert (await music.projects()).items == []

        shared = await music.share_track(songs[0], expires_in_hours=None, password="sesame")
        assert (shared.share.has_password, shared.share.expires_at) == (True, None)
        opened = await stranger.open_share(shared.token, password="sesame")
        assert (opened.title, opened.by, set(opened.links)) == ("Rain", ann.username, {"audio", "cover", "waveform"})
        assert [item.opened_count for item in (await music.shares(songs[0])).items] == [1]
        await music.revoke_share(songs[0], shared.share.id)
        with pytest.raises(ApiError) as gone:
            await stranger.open_share(shared.token, password="sesame")
        assert gone.value.status == 404


async def test_reports_by_the_sdk(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    async with somebody(accounts) as (ann, _), somebody(accounts) as (_, his), somebody(accounts) as (mod, staff):
        await sql.execute("UPDATE users SET role = 'moderator' WHERE id = $1", uuid.UUID(mod.id))
        song = (await accounts.users.make_track(ann, public=True)).track_ids[0]
        told = await his.report("track", song, "spam", "buy now")
        assert (told.status, told.details) == ("open", "buy now")
        [queued] = (await staff.reports()).items
        assert (await staff.moderated_report(queued.id)).owner == queued.owner
        assert (await staff.decide_report(told.id, "hide", "an advertisement")).hidden
        await staff.show_track(song)
        assert (await his.track(song)).id == song
        await staff.hide_track(song, "after all")
        refusals = await asyncio.gather(his.track(song), his.reports(), return_exceptions=True)
        assert [error.status for error in refusals if isinstance(error, ApiError)] == [404, 403]


async def test_lists_are_walked_to_their_end_by_the_sdk(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, music):
        songs = [(await accounts.users.make_track(ann)).track_ids[0] for _ in range(3)]
        walked = [track.id async for track in music.all_tracks(limit=1, sort="oldest")]
        assert walked == songs
        assert [track.id async for track in music.all_tracks(query="nothing has these words")] == []
        assert (await music.stems(songs[0])).next_cursor is None


async def test_accounts_are_administered_by_the_sdk(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    async with somebody(accounts) as (ann, his), somebody(accounts) as (boss, staff):
        await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", uuid.UUID(boss.id))
        with pytest.raises(ForbiddenError):
            await his.admin_stats()
        with pytest.raises(NotFoundError):
            await staff.admin_user(str(uuid.uuid4()))
        assert (await staff.admin_stats()).users >= 2
        assert ann.username in [user.username async for user in staff.all_admin_users(limit=1, search=ann.username)]
        before = (await staff.admin_user(ann.id)).balance_seconds
        assert (await staff.grant_quota(ann.id, 60)).balance_seconds == before + 60
        assert (await staff.change_user(ann.id, role="moderator")).role == "moderator"
        assert (await staff.admin_jobs(user_id=ann.id)).items == []
        assert ann.id in [entry.subject_id async for entry in staff.all_audit_log(user_id=ann.id, limit=2)]
