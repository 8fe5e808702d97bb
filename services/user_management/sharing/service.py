"""`musicgen.users.v1.SharingService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import sharing_pb2, sharing_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_service
from services.shared.ids import new_id
from services.user_management.accounts.wire import actor_of, device_of
from services.user_management.audit.entry import Action, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.rules import token_sha256
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.library.wire import track_message
from services.user_management.sharing.guesses import Guesses
from services.user_management.sharing.repository import SharedTrack, ShareRepository
from services.user_management.sharing.share import (
    LONGEST_PASSWORD,
    MOST_SHARES,
    SHOWN_CHARACTERS,
    NewShare,
    Share,
    life,
    new_share_token,
    password,
)
from services.user_management.wire import parse_id, timestamp

Context = Any


class SharingServicer(sharing_pb2_grpc.SharingServiceServicer):
    """Links to tracks. `passwords` are of their own: whoever guesses at links keeps nobody's sign-in waiting."""

    def __init__(self, database: Database, passwords: Passwords, guesses: Guesses) -> None:
        self._database = database
        self._passwords = passwords
        self._guesses = guesses

    async def CreateShare(
        self, request: sharing_pb2.CreateShareRequest, context: Context
    ) -> sharing_pb2.CreateShareResponse:
        """Make a link to a track of the caller."""
        owner_id, actor, track_id = user_id(), actor_of(request.device), _track_id(request.track_id)
        lasts, secret = life(request.expires_in_hours), password(request.password)

        async def room(connection: AsyncConnection) -> bool:
            repository = ShareRepository(connection)
            if not await repository.own_track(track_id, owner_id):
                raise _no_such_track()
            return await repository.count_alive(track_id) < MOST_SHARES

        # Before the password is hashed, which costs more than all the rest; asked again below, under a lock.
        if not await self._database.read(room):
            raise _too_many()
        password_hash = await self._passwords.hash(secret) if secret else None
        new, token, share_id = NewShare(track_id, lasts, password_hash), new_share_token(), UUID(new_id())

        async def work(connection: AsyncConnection) -> Share:
            repository = ShareRepository(connection)
            if not await repository.own_track(track_id, owner_id, lock=True):
                raise _no_such_track()
            await repository.forget_expired(track_id)
            if len(await repository.of_track(track_id)) >= MOST_SHARES:
                raise _too_many()
            made = await repository.insert(share_id, new, token_sha256(token), token[:SHOWN_CHARACTERS])
            details = {"share_id": str(share_id), "track_id": str(track_id), "password": password_hash is not None}
            await AuditLog(connection).append(Entry(Action.SHARE_MADE, actor, details=details))
            return made

        return sharing_pb2.CreateShareResponse(share=_message(await self._database.write(work)), token=token)

    async def ListShares(
        self, request: sharing_pb2.ListSharesRequest, context: Context
    ) -> sharing_pb2.ListSharesResponse:
        """The links of one of the caller's tracks."""
        owner_id, track_id = user_id(), _track_id(request.track_id)

        async def query(connection: AsyncConnection) -> list[Share]:
            repository = ShareRepository(connection)
            if not await repository.own_track(track_id, owner_id):
                raise _no_such_track()
            return await repository.of_track(track_id)

        shares = await self._database.read(query)
        return sharing_pb2.ListSharesResponse(shares=[_message(share) for share in shares])

    async def RevokeShare(
        self, request: sharing_pb2.RevokeShareRequest, context: Context
    ) -> sharing_pb2.RevokeShareResponse:
        """End a link."""
        owner_id, actor, track_id = user_id(), actor_of(request.device), _track_id(request.track_id)
        share_id = parse_id(request.share_id)

        async def work(connection: AsyncConnection) -> bool:
            repository = ShareRepository(connection)
            if share_id is None or not await repository.delete(share_id, track_id, owner_id):
                return False
            details = {"share_id": str(share_id), "track_id": str(track_id)}
            await AuditLog(connection).append(Entry(Action.SHARE_REVOKED, actor, details=details))
            return True

        if not await self._database.write(work):
            raise AppError(ErrorCode.NOT_FOUND, "There is no such link.")
        return sharing_pb2.RevokeShareResponse()

    async def OpenShare(self, request: sharing_pb2.OpenShareRequest, context: Context) -> sharing_pb2.OpenShareResponse:
        """What a token leads to, for whoever knows its password if it has one."""
        require_service()
        hashed = token_sha256(request.token)
        found = _existing(await self._database.read(lambda connection: ShareRepository(connection).by_token(hashed)))
        if found.password_hash is not None:
            await self._judge(found.share.id, found.password_hash, request.password, device_of(request.device).address)
        share = await self._database.write(lambda connection: ShareRepository(connection).count_opening(found.share.id))
        if share is None:
            raise _leads_nowhere()
        return sharing_pb2.OpenShareResponse(share=_message(share), track=track_message(found.track))

    async def _judge(self, share_id: UUID, stored: str, typed: str, address: str) -> None:
        if not typed:
            raise AppError.field("/password", "This link asks for a password. Send it with the token.")
        await self._guesses.take(share_id, address)
        try:
            right = await self._passwords.verify(stored, typed[: LONGEST_PASSWORD + 1])
        except AppError:
            # Too many guesses at once: this one was not judged.
            await self._guesses.give_back(share_id, address)
            raise
        if not right:
            raise AppError.field("/password", "This is not the link's password.")
        await self._guesses.give_back(share_id, address)

    async def GetShared(self, request: sharing_pb2.GetSharedRequest, context: Context) -> sharing_pb2.GetSharedResponse:
        """What a link that was opened leads to now."""
        require_service()
        share_id = parse_id(request.share_id)
        if share_id is None:
            raise _leads_nowhere()
        found = _existing(await self._database.read(lambda connection: ShareRepository(connection).by_id(share_id)))
        return sharing_pb2.GetSharedResponse(share=_message(found.share), track=track_message(found.track))


def _message(share: Share) -> sharing_pb2.Share:
    return sharing_pb2.Share(
        id=str(share.id),
        track_id=str(share.track_id),
        prefix=share.prefix,
        has_password=share.has_password,
        created_at=timestamp(share.created_at),
        expires_at=timestamp(share.expires_at),
        opened_count=share.opened_count,
        last_opened_at=timestamp(share.last_opened_at),
    )


def _track_id(text: str) -> UUID:
    track_id = parse_id(text)
    if track_id is None:
        raise _no_such_track()
    return track_id


def _existing(found: SharedTrack | None) -> SharedTrack:
    if found is None:
        raise _leads_nowhere()
    return found


def _too_many() -> AppError:
    return AppError(ErrorCode.CONFLICT, f"The track has {MOST_SHARES} links, which is the limit. Revoke one first.")


def _no_such_track() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such track.")


def _leads_nowhere() -> AppError:
    # One sentence for every reason: what there was is nobody's business any more.
    return AppError(
        ErrorCode.NOT_FOUND, "This link leads nowhere: it has expired, was revoked, or never was. Ask for a new one."
    )
