"""The audio of a job while it is made, for one listener."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from protos.users.v1 import jobs_pb2
from services.gateway.clients.generation import GenerationClient
from services.gateway.clients.jobs import JobsClient
from services.gateway.media.formats import WireFormat
from services.gateway.schemas.jobs import status_of
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

log = structlog.get_logger(__name__)

# Between two looks at a job whose channel is not open yet. The generation service itself waits for a queued job's
# channel.
_PAUSE_SECONDS = 0.1
# A restart of the generation service is bridged for so long.
_BRIDGED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What there is to hear: live chunks, or, when they are None, what the ended job left behind."""

    job: jobs_pb2.Job
    chunks: AsyncGenerator[bytes, None] | None


class LiveAudio:
    """Opens a job's live audio and carries it over restarts of the generation service."""

    def __init__(
        self,
        generation: GenerationClient,
        jobs: JobsClient,
        *,
        start_seconds: float,
        is_revoked: Callable[[str], Awaitable[bool]],
        check_seconds: float,
    ) -> None:
        self._generation = generation
        self._jobs = jobs
        self._start_seconds = start_seconds
        self._is_revoked = is_revoked
        self._check_seconds = check_seconds

    async def open(self, caller: Principal, job: jobs_pb2.Job, wire: WireFormat) -> Opened:
        """Wait for the job's first sound, or its end. Raises `AppError` (UNAVAILABLE) when neither comes in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._start_seconds
        while not status_of(job).is_final:
            chunks = self._generation.watch(caller, job.id, wire.proto)
            try:
                async with asyncio.timeout_at(deadline):
                    first = await anext(chunks, None)
                if first is not None:
                    return Opened(job, self._relay(caller, job.id, wire, first, chunks))
            except TimeoutError as error:
                await chunks.aclose()
                raise _not_begun(job) from error
            except AppError as error:
                # NOT_FOUND: the channel is gone or not there yet; the job's state tells which.
                if error.code not in {ErrorCode.NOT_FOUND, ErrorCode.UNAVAILABLE}:
                    raise
            except BaseException:
                await chunks.aclose()
                raise
            if loop.time() > deadline:
                raise _not_begun(job)
            await asyncio.sleep(_PAUSE_SECONDS)
            job = await self._jobs.get(caller, job.id)
        return Opened(job, None)

    async def _relay(
        self, caller: Principal, job_id: str, wire: WireFormat, first: bytes, chunks: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        sent, size = hashlib.sha256(first), len(first)
        clock = asyncio.get_running_loop().time
        checked_at = clock()
        try:
            yield first
            while True:
                try:
                    async for chunk in chunks:
                        sent.update(chunk)
                        size += len(chunk)
                        yield chunk
                        if clock() - checked_at > self._check_seconds:
                            checked_at = clock()
                            await self._check_session(caller)
                except AppError as error:
                    if error.code is not ErrorCode.UNAVAILABLE:
                        raise
                    log.info("live audio interrupted, resuming", job_id=job_id, sent_bytes=size)
                else:
                    return
                rest, chunks = await self._reopen(caller, job_id, wire, size, sent.digest())
                if rest:
                    sent.update(rest)
                    size += len(rest)
                    yield rest
        finally:
            await chunks.aclose()

    async def _check_session(self, caller: Principal) -> None:
        if await self._is_revoked(caller.session_id):
            raise AppError(ErrorCode.UNAUTHENTICATED, "The session was ended.")

    async def _reopen(
        self, caller: Principal, job_id: str, wire: WireFormat, size: int, digest: bytes
    ) -> tuple[bytes, AsyncGenerator[bytes, None]]:
        """A new run of the same stream, behind its first `size` bytes, which have to be those that were sent."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _BRIDGED_SECONDS
        while True:
            chunks = self._generation.watch(caller, job_id, wire.proto)
            try:
                async with asyncio.timeout_at(deadline):
                    return await _skip(chunks, size, digest), chunks
            except AppError as error:
                await chunks.aclose()
                if error.code is not ErrorCode.UNAVAILABLE or loop.time() > deadline:
                    raise
            except BaseException:
                await chunks.aclose()
                raise
            await asyncio.sleep(_PAUSE_SECONDS)


async def _skip(chunks: AsyncGenerator[bytes, None], size: int, digest: bytes) -> bytes:
    """Read `size` bytes and return what the last chunk held beyond them.

    Raises `AppError` (CONFLICT) for other bytes.
    """
    seen, missing, rest = hashlib.sha256(), size, b""
    while missing > 0:
        chunk = await anext(chunks, None)
        if chunk is None:
            raise AppError(ErrorCode.CONFLICT, "The live audio ended earlier than before.")
        seen.update(chunk[:missing])
        rest = chunk[missing:]
        missing -= len(chunk)
    if seen.digest() != digest:
        raise AppError(ErrorCode.CONFLICT, "The live audio is not the same as before.")
    return rest


def _not_begun(job: jobs_pb2.Job) -> AppError:
    place = f" It is number {job.queue_position} in the queue." if job.queue_position else ""
    return AppError(
        ErrorCode.UNAVAILABLE, f"There is nothing to hear yet.{place} Ask again in a moment.", retry_after_seconds=5
    )
