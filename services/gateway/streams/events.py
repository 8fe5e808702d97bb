"""A job's events as server-sent events (WHATWG HTML §9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import orjson

from protos.users.v1 import jobs_pb2
from services.gateway.clients.jobs import JobsClient
from services.gateway.schemas.jobs import Job, JobStatus, problem_of_event
from services.gateway.tokens.links import Links
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

MEDIA_TYPE = "text/event-stream"

# How long a client waits before it connects again.
_PREAMBLE = b"retry: 2000\n\n"
_HEARTBEAT = b": keep-alive\n\n"

# A restart of user_management is bridged for so long; then the client connects again by itself, with its Last-Event-ID.
_BRIDGED_SECONDS = 10.0
_PAUSE_SECONDS = 0.25


def is_last(event_type: str, data: dict[str, Any]) -> bool:
    """Whether nothing follows an event."""
    return event_type in {"done", "error"} or (event_type == "status" and data.get("status") == JobStatus.CANCELLED)


def encode(event: jobs_pb2.WatchResponse, data: dict[str, Any]) -> bytes:
    """One event as text; the data is one line of JSON."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.event_id.encode(), event.type.encode(), orjson.dumps(data))


class JobEvents:
    """The events of one job for one listener."""

    def __init__(
        self,
        jobs: JobsClient,
        caller: Principal,
        job_id: str,
        *,
        closing: asyncio.Event,
        is_revoked: Callable[[str], Awaitable[bool]],
        links: Links,
        heartbeat_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._caller = caller
        self._job_id = job_id
        self._closing = closing
        self._is_revoked = is_revoked
        self._links = links
        self._heartbeat_seconds = heartbeat_seconds

    async def read(self, after_event_id: str) -> AsyncGenerator[bytes, None]:
        """Everything after the given event until the job's end, the process's end, or the end of the listener's
        session.
        """
        yield _PREAMBLE
        last, away_since = after_event_id, None
        clock = asyncio.get_running_loop().time
        while True:
            try:
                async with aclosing(self._watch(last)) as events:
                    async for event in events:
                        away_since = None
                        if event is None:
                            if await self._is_revoked(self._caller.session_id):
                                return
                            yield _HEARTBEAT
                            continue
                        last = event.event_id
                        data = await self._public(event)
                        yield encode(event, data)
                        if is_last(event.type, data):
                            return
            except AppError as error:
                if error.code is not ErrorCode.UNAVAILABLE:
                    return
                away_since = away_since or clock()
                if clock() - away_since > _BRIDGED_SECONDS:
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _public(self, event: jobs_pb2.WatchResponse) -> dict[str, Any]:
        """What clients get to see of an event: the job as `GET /jobs/{id}` shows it, a problem, or the data as they
        are.
        """
        data: dict[str, Any] = orjson.loads(event.data_json or "{}")
        if event.type == "done":
            job = await self._jobs.get(self._caller, self._job_id)
            return Job.from_message(job, self._links).model_dump(mode="json")
        if event.type == "error":
            return problem_of_event(data)
        if "status" in data:
            data["status"] = str(data["status"]).removeprefix("JOB_STATUS_").lower()
        return data

    async def _watch(self, after_event_id: str) -> AsyncGenerator[jobs_pb2.WatchResponse | None, None]:
        """The events, and None whenever nothing came for a while; ends with the job or the process."""
        events = self._jobs.watch(self._caller, self._job_id, after_event_id=after_event_id)
        closed = asyncio.ensure_future(self._closing.wait())
        upcoming = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                await asyncio.wait(
                    {upcoming, closed}, timeout=self._heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                if closed.done():
                    return
                if not upcoming.done():
                    yield None
                    continue
                event = upcoming.result()
                if event is None:
                    return
                yield event
                upcoming = asyncio.ensure_future(anext(events, None))
        finally:
            closed.cancel()
            # Cancelling the pending read runs the call's own end; a call between two reads is closed.
            if upcoming.done():
                await events.aclose()
            else:
                upcoming.cancel()
