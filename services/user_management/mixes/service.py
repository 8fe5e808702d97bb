"""`musicgen.users.v1.MixService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import mixes_pb2, mixes_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.jobs.idempotency import IdempotencyRepository
from services.user_management.jobs.wire import idempotency_key
from services.user_management.library.rules import description, title
from services.user_management.mixes.repository import Mix, MixRepository, MixVersion
from services.user_management.revisions import check, expected
from services.user_management.wire import cursor_id, cursor_of, json_object, json_text, page_limit, parse_id, timestamp

Context = Any

MOST_MIXES: Final = 200
MOST_VERSIONS: Final = 1_000
LARGEST_SESSION_BYTES: Final = 256 * 1024
# Of all versions of all mixes of one person.
MOST_BYTES: Final = 64 * 1024 * 1024

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_BEYOND_ALL: Final = 2**31 - 1


class MixServicer(mixes_pb2_grpc.MixServiceServicer):
    """The caller's sessions and their versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def CreateMix(self, request: mixes_pb2.CreateMixRequest, context: Context) -> mixes_pb2.CreateMixResponse:
        """Keep a session as the first version of a new mix."""
        owner_id, key, mix_id = user_id(), idempotency_key(request.idempotency), UUID(new_id())
        name, note, session = title(request.title), _note(request.note), _session(request.session_json)
        size_bytes = len(request.session_json.encode())

        async def work(connection: AsyncConnection) -> tuple[Mix, bool]:
            repository = MixRepository(connection)
            earlier = await IdempotencyRepository(connection).claim(owner_id, key, mix_id) if key else None
            if earlier is not None:
                return _existing(await repository.get(earlier, owner_id)), True
            count, held_bytes = await repository.held(owner_id)
            if count >= MOST_MIXES:
                raise AppError(
                    ErrorCode.CONFLICT, f"You have {MOST_MIXES} mixes, which is the limit. Remove one first."
                )
            _check_room(held_bytes, size_bytes)
            await repository.insert(mix_id, owner_id, name)
            made = _existing(await repository.get(mix_id, owner_id))
            await repository.append(made, session, size_bytes, note)
            return _existing(await repository.get(mix_id, owner_id)), False

        mix, replayed = await self._database.write(work, repeatable=key is not None)
        return mixes_pb2.CreateMixResponse(mix=_mix_message(mix), replayed=replayed)

    async def ListMixes(self, request: mixes_pb2.ListMixesRequest, context: Context) -> mixes_pb2.ListMixesResponse:
        """The caller's, newest first."""
        owner_id, limit, before_id = user_id(), page_limit(request.page.limit), cursor_id(request.page.cursor)
        found = await self._database.read(
            lambda connection: MixRepository(connection).page(owner_id, before_id, limit + 1)
        )
        return mixes_pb2.ListMixesResponse(
            mixes=[_mix_message(mix) for mix in found[:limit]],
            next_cursor=cursor_of(found[limit - 1].id) if len(found) > limit else "",
        )

    async def GetMix(self, request: mixes_pb2.GetMixRequest, context: Context) -> mixes_pb2.GetMixResponse:
        """One mix of the caller."""
        owner_id, mix_id = user_id(), _mix_id(request.mix_id)
        found = await self._database.read(lambda connection: MixRepository(connection).get(mix_id, owner_id))
        return mixes_pb2.GetMixResponse(mix=_mix_message(_existing(found)))

    async def DeleteMix(self, request: mixes_pb2.DeleteMixRequest, context: Context) -> mixes_pb2.DeleteMixResponse:
        """Remove a mix with all its versions."""
        owner_id, mix_id, versions = user_id(), _mix_id(request.mix_id), expected(request.expected_versions)

        async def work(connection: AsyncConnection) -> None:
            repository = MixRepository(connection)
            mix = _existing(await repository.get(mix_id, owner_id, lock=True))
            check(mix.version, versions)
            await repository.delete(mix.id)

        await self._database.write(work)
        return mixes_pb2.DeleteMixResponse()

    async def SaveMixVersion(
        self, request: mixes_pb2.SaveMixVersionRequest, context: Context
    ) -> mixes_pb2.SaveMixVersionResponse:
        """Keep a session as the newest version."""
        owner_id, mix_id, note = user_id(), _mix_id(request.mix_id), _note(request.note)
        session, size_bytes = _session(request.session_json), len(request.session_json.encode())
        versions = expected(request.expected_versions)

        async def work(connection: AsyncConnection) -> MixVersion:
            repository = MixRepository(connection)
            _, held_bytes = await repository.held(owner_id)
            mix = _existing(await repository.get(mix_id, owner_id, lock=True))
            newest = _existing_version(await repository.version(mix.id, mix.version))
            # Sent twice, or saved without a change: there is such a version, and no reason for another.
            if newest.session == session and (not note or note == newest.note):
                return newest
            check(mix.version, versions)
            if request.base_version not in (0, mix.version):
                raise AppError(
                    ErrorCode.CONFLICT,
                    f"Version {mix.version} was saved meanwhile, and yours began from {request.base_version}. Open the "
                    "newest one, or save without `base_version` to put yours in front of it.",
                )
            _check_room(held_bytes, size_bytes)
            return await _appended(repository, mix, session, size_bytes, note)

        made = await self._database.write(work, repeatable=True)
        return mixes_pb2.SaveMixVersionResponse(version=_version_message(made))

    async def ListMixVersions(
        self, request: mixes_pb2.ListMixVersionsRequest, context: Context
    ) -> mixes_pb2.ListMixVersionsResponse:
        """The versions of a mix, newest first."""
        owner_id, mix_id, limit = user_id(), _mix_id(request.mix_id), page_limit(request.page.limit)
        before = _before(request.page.cursor)

        async def query(connection: AsyncConnection) -> list[MixVersion]:
            repository = MixRepository(connection)
            mix = _existing(await repository.get(mix_id, owner_id))
            return await repository.versions(mix.id, before, limit + 1)

        found = await self._database.read(query)
        return mixes_pb2.ListMixVersionsResponse(
            versions=[_version_message(version) for version in found[:limit]],
            next_cursor=str(found[limit - 1].number) if len(found) > limit else "",
        )

    async def GetMixVersion(
        self, request: mixes_pb2.GetMixVersionRequest, context: Context
    ) -> mixes_pb2.GetMixVersionResponse:
        """One version with its session."""
        owner_id, mix_id = user_id(), _mix_id(request.mix_id)

        async def query(connection: AsyncConnection) -> MixVersion:
            repository = MixRepository(connection)
            mix = _existing(await repository.get(mix_id, owner_id))
            return _existing_version(await repository.version(mix.id, request.number))

        return mixes_pb2.GetMixVersionResponse(version=_version_message(await self._database.read(query)))

    async def RestoreMixVersion(
        self, request: mixes_pb2.RestoreMixVersionRequest, context: Context
    ) -> mixes_pb2.RestoreMixVersionResponse:
        """Make the session of an older version the newest one."""
        owner_id, mix_id = user_id(), _mix_id(request.mix_id)

        async def work(connection: AsyncConnection) -> MixVersion:
            repository = MixRepository(connection)
            _, held_bytes = await repository.held(owner_id)
            mix = _existing(await repository.get(mix_id, owner_id, lock=True))
            wanted = _existing_version(await repository.version(mix.id, request.number))
            newest = _existing_version(await repository.version(mix.id, mix.version))
            if newest.session == wanted.session:
                return newest
            session = wanted.session or {}
            size_bytes = len(json_text(session).encode())
            _check_room(held_bytes, size_bytes)
            return await _appended(repository, mix, session, size_bytes, "", wanted.number)

        made = await self._database.write(work, repeatable=True)
        return mixes_pb2.RestoreMixVersionResponse(version=_version_message(made))


async def _appended(
    repository: MixRepository, mix: Mix, session: dict[str, Any], size_bytes: int, note: str, restored_from: int = 0
) -> MixVersion:
    if mix.version >= MOST_VERSIONS:
        raise AppError(
            ErrorCode.CONFLICT,
            f"This mix has {MOST_VERSIONS} versions, which is the limit. Go on with a new mix of its newest one.",
        )
    return await repository.append(mix, session, size_bytes, note, restored_from)


def _check_room(held_bytes: int, size_bytes: int) -> None:
    if held_bytes + size_bytes > MOST_BYTES:
        limit = MOST_BYTES // 1024**2
        raise AppError(ErrorCode.CONFLICT, f"Your mixes take {limit} MiB, which is the limit. Remove one first.")


def _session(text: str) -> dict[str, Any]:
    return json_object(text, "/session", largest_bytes=LARGEST_SESSION_BYTES)


def _note(text: str) -> str:
    try:
        return description(text)
    except AppError as error:
        raise AppError.field("/note", error.message.replace("A description", "A note")) from None


def _before(cursor: str) -> int:
    if not cursor:
        return _BEYOND_ALL
    if _NUMBER.fullmatch(cursor) is None:
        raise AppError.field("/cursor", "This is not a cursor. Take next_cursor of the page before.")
    return int(cursor)


def _no_such_mix() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such mix.")


def _mix_id(text: str) -> UUID:
    mix_id = parse_id(text)
    if mix_id is None:
        raise _no_such_mix()
    return mix_id


def _existing(mix: Mix | None) -> Mix:
    if mix is None:
        raise _no_such_mix()
    return mix


def _existing_version(version: MixVersion | None) -> MixVersion:
    if version is None:
        raise AppError(ErrorCode.NOT_FOUND, "The mix has no version of this number.")
    return version


def _mix_message(mix: Mix) -> mixes_pb2.Mix:
    return mixes_pb2.Mix(
        id=str(mix.id),
        title=mix.title,
        version=mix.version,
        created_at=timestamp(mix.created_at),
        updated_at=timestamp(mix.updated_at),
    )


def _version_message(version: MixVersion) -> mixes_pb2.MixVersion:
    return mixes_pb2.MixVersion(
        mix_id=str(version.mix_id),
        number=version.number,
        note=version.note,
        restored_from=version.restored_from,
        created_at=timestamp(version.created_at),
        session_json=json_text(version.session),
    )
