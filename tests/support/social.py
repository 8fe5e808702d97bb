"""What people do in tests of social life, as one call each; over gRPC, with the rights of whoever does it."""

from typing import Any

import asyncpg

from protos.common.v1 import common_pb2
from protos.users.v1 import accounts_pb2, discovery_pb2, notifications_pb2, social_pb2, tracks_pb2
from services.shared.grpc_client import call
from tests.support.user_management import Person, UserManagement

# As the gateway asks what may be asked twice.
RETRIES = 6


class Society:
    """One service, and what its people do."""

    def __init__(self, service: UserManagement) -> None:
        self.service = service

    async def join(self, username: str | None = None) -> Person:
        return await self.service.sign_up(username)

    async def track(self, person: Person, title: str = "Rain", *, public: bool = True, **fields: Any) -> str:
        fields = {"duration_seconds": 30.0} | fields
        return (await self.service.make_track(person, title=title, public=public, **fields)).track_ids[0]

    async def tie(self, person: Person, other: Person | str, tie: Any = social_pb2.TIE_FOLLOW, on: bool = True) -> None:
        name = other if isinstance(other, str) else other.username
        request = social_pb2.SetTieRequest(username=name, tie=tie, tied=on)
        await call(self.service.social.SetTie, request, token=self.service.token(person), retries=RETRIES)

    async def block(self, person: Person, other: Person, on: bool = True) -> None:
        await self.tie(person, other, social_pb2.TIE_BLOCK, on)

    async def mute(self, person: Person, other: Person, on: bool = True) -> None:
        await self.tie(person, other, social_pb2.TIE_MUTE, on)

    async def profile(self, viewer: Person, name: str) -> social_pb2.Profile:
        request = social_pb2.GetProfileRequest(username=name)
        return (await call(self.service.social.GetProfile, request, token=self.service.token(viewer))).profile

    async def people(
        self, viewer: Person, circle: Any, of: str = "", limit: int = 20, cursor: str = ""
    ) -> tuple[list[str], str]:
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        request = social_pb2.ListPeopleRequest(username=of or viewer.username, circle=circle, page=page)
        answer = await call(self.service.social.ListPeople, request, token=self.service.token(viewer))
        return [profile.username for profile in answer.profiles], answer.next_cursor

    async def like(self, person: Person, track_id: str, on: bool = True) -> int:
        request = social_pb2.SetLikeRequest(track_id=track_id, liked=on)
        stub = self.service.social.SetLike
        return (await call(stub, request, token=self.service.token(person), retries=RETRIES)).likes

    async def get(self, viewer: Person, track_id: str) -> tracks_pb2.Track:
        request = tracks_pb2.GetTrackRequest(track_id=track_id)
        return (await call(self.service.tracks.GetTrack, request, token=self.service.token(viewer))).track

    async def publish(self, person: Person, track_id: str, public: bool = True) -> None:
        request = tracks_pb2.UpdateTrackRequest(track_id=track_id, public=public)
        await call(self.service.tracks.UpdateTrack, request, token=self.service.token(person))

    async def say(self, person: Person, track_id: str, body: str = "Nice", **fields: Any) -> social_pb2.Comment:
        request = social_pb2.AddCommentRequest(track_id=track_id, body=body, **fields)
        retries = RETRIES if "idempotency" in fields else 0
        stub = self.service.social.AddComment
        return (await call(stub, request, token=self.service.token(person), retries=retries)).comment

    async def remove(self, person: Person, comment: social_pb2.Comment) -> None:
        request = social_pb2.RemoveCommentRequest(track_id=comment.track_id, comment_id=comment.id)
        await call(self.service.social.RemoveComment, request, token=self.service.token(person))

    async def said(
        self, viewer: Person, track_id: str, order: Any = 0, limit: int = 20, cursor: str = ""
    ) -> tuple[list[str], str]:
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        request = social_pb2.ListCommentsRequest(track_id=track_id, order=order, page=page)
        answer = await call(self.service.social.ListComments, request, token=self.service.token(viewer))
        return [comment.body for comment in answer.comments], answer.next_cursor

    async def feed(self, viewer: Person, limit: int = 20, cursor: str = "") -> tuple[list[str], str]:
        request = discovery_pb2.GetFeedRequest(page=common_pb2.PageRequest(limit=limit, cursor=cursor))
        return titles(await call(self.service.discovery.GetFeed, request, token=self.service.token(viewer)))

    async def explore(
        self, viewer: Person, order: Any = 0, tags: tuple[str, ...] = (), limit: int = 20, cursor: str = ""
    ) -> tuple[list[str], str]:
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        request = discovery_pb2.ExploreRequest(page=page, order=order, tags=tags)
        return titles(await call(self.service.discovery.Explore, request, token=self.service.token(viewer)))

    async def search(
        self, viewer: Person, query: str, kind: Any = discovery_pb2.SEARCH_KIND_TRACKS, limit: int = 20, **fields: Any
    ) -> tuple[list[str], str]:
        page = common_pb2.PageRequest(limit=limit, cursor=fields.pop("cursor", ""))
        request = discovery_pb2.SearchRequest(query=query, kind=kind, page=page, **fields)
        answer = await call(self.service.discovery.Search, request, token=self.service.token(viewer))
        found, cursor = titles(answer)
        return found or [profile.username for profile in answer.profiles], cursor

    async def tracks_of(
        self, viewer: Person, owner: Person, limit: int = 20, cursor: str = ""
    ) -> tuple[list[str], str]:
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        request = social_pb2.ListPublicTracksRequest(username=owner.username, page=page)
        return titles(await call(self.service.social.ListPublicTracks, request, token=self.service.token(viewer)))

    async def liked(self, viewer: Person, limit: int = 20, cursor: str = "") -> tuple[list[str], str]:
        request = social_pb2.ListLikedTracksRequest(page=common_pb2.PageRequest(limit=limit, cursor=cursor))
        return titles(await call(self.service.social.ListLikedTracks, request, token=self.service.token(viewer)))

    async def told(self, person: Person, **fields: Any) -> notifications_pb2.ListNotificationsResponse:
        request = notifications_pb2.ListNotificationsRequest(**fields)
        stub = self.service.notifications.ListNotifications
        return await call(stub, request, token=self.service.token(person))

    async def prefer(self, person: Person, **fields: Any) -> notifications_pb2.NotificationPreferences:
        request = notifications_pb2.UpdatePreferencesRequest(**fields)
        stub = self.service.notifications.UpdatePreferences
        return (await call(stub, request, token=self.service.token(person))).preferences


def titles(answer: Any) -> tuple[list[str], str]:
    """A page's titles, and the cursor of the next."""
    return [track.content.title for track in answer.tracks], answer.next_cursor


async def strangers(sql: asyncpg.Connection, count: int) -> list[Person]:
    """Accounts without passwords: that they exist is all that matters."""
    rows = await sql.fetch(
        "INSERT INTO users (id, username, email, email_folded)"
        " SELECT gen_random_uuid(), 'fan-' || n, 'f' || n, 'f' || n FROM generate_series(1, $1) n"
        " RETURNING id, username",
        count,
    )
    return [Person(str(row["id"]), row["username"], accounts_pb2.TokenPair()) for row in rows]


async def miscounted(sql: asyncpg.Connection) -> list[str]:
    """Counters that are not the number of rows that they count."""
    checks = {
        "followers": "SELECT person_id FROM person_standings s WHERE followers <>"
        " (SELECT count(*) FROM follows WHERE other_id = s.person_id)",
        "following": "SELECT person_id FROM person_standings s WHERE following <>"
        " (SELECT count(*) FROM follows WHERE person_id = s.person_id)",
        "tracks": "SELECT person_id FROM person_standings s WHERE tracks <>"
        " (SELECT count(*) FROM track_standings WHERE owner_id = s.person_id AND listed)",
        "likes": "SELECT track_id FROM track_standings s WHERE likes <>"
        " (SELECT count(*) FROM likes WHERE track_id = s.track_id)",
        "comments": "SELECT track_id FROM track_standings s WHERE comments <>"
        " (SELECT count(*) FROM comments WHERE track_id = s.track_id)",
        "listed": "SELECT track_id FROM track_standings s JOIN tracks t ON t.id = s.track_id"
        " JOIN users u ON u.id = t.owner_id WHERE listed <>"
        " (t.public AND t.deleted_at IS NULL AND t.hidden_at IS NULL"
        " AND u.suspended_at IS NULL AND u.deletion_due_at IS NULL)",
        "tracks without a standing": "SELECT id FROM tracks WHERE id NOT IN (SELECT track_id FROM track_standings)",
        "people without a standing": "SELECT id FROM users WHERE id NOT IN (SELECT person_id FROM person_standings)",
    }
    return [name for name, query in checks.items() if await sql.fetch(query)]
