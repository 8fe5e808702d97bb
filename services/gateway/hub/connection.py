"""One socket of the hub: a person's feed, the progress of their running jobs, and the socket's end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.websockets import WebSocket, WebSocketDisconnect

from protos.users.v1 import jobs_pb2
from services.gateway.clients.jobs import JobsClient
from services.gateway.hub.messages import (
    GOING_AWAY,
    POLICY_VIOLATION,
    SESSION_ENDED,
    TRY_AGAIN_LATER,
    HubMessage,
)
from services.gateway.hub.outbox import Outbox
from services.gateway.schemas.jobs import Job, JobStatus, problem_of_event
from services.gateway.sessions_watch import SessionWatch
from services.gateway.signals import Signals
from services.gateway.tokens.links import Links
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal
from services.shared.user_feed import FeedEntry, feed_position, read_feed

log = structlog.get_logger(__name__)

# A feed is also looked at without a signal.
_LOOK_SECONDS = 3.0
_LONGEST_MESSAGE = 1_024
# More than any page needs: it may send pings.
_MESSAGES_PER_10_SECONDS = 50
_MOST_WATCHED_JOBS = 100
_STOP_SECONDS = 1.0


class HubConnection:
    """Serves one accepted socket until either side ends it."""

    def __init__(
        self,
        socket: WebSocket,
        caller: Principal,
        *,
        redis: Redis,
        signals: Signals,
        sessions: SessionWatch,
        jobs: JobsClient,
        links: Links,
        closing: asyncio.Event,
    ) -> None:
        self._socket = socket
        self._caller = caller
        self._redis = redis
        self._signals = signals
        self._sessions = sessions
        self._jobs = jobs
        self._links = links
        self._closing = closing
        self._outbox = Outbox()
        self._watches: dict[str, asyncio.Task[None]] = {}

    async def serve(self, last_event_id: str) -> None:
        """Send everything after `last_event_id`, then what happens, until the end."""
        ends = {
            asyncio.create_task(self._send()): TRY_AGAIN_LATER,
            asyncio.create_task(self._receive()): POLICY_VIOLATION,
            asyncio.create_task(self._follow(last_event_id)): TRY_AGAIN_LATER,
            asyncio.create_task(self._sessions.ended(self._caller.session_id)): SESSION_ENDED,
            asyncio.create_task(_wait(self._closing)): GOING_AWAY,
        }
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = [*ends, *self._watches.values()]
            await _stop(tasks)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        gone = any(isinstance(outcome, WebSocketDisconnect) for outcome in outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect | AppError | RedisError):
                log.error("a socket of the hub failed", error=repr(outcome))
        if not gone:
            await self._socket.close(max(ends[task] for task in done))

    async def _follow(self, last_event_id: str) -> None:
        user_id = self._caller.subject
        with self._signals.grown_feed(user_id) as grown:
            position, resumed = await feed_position(self._redis, user_id, last_event_id)
            hello = {"resumed": resumed, "user_id": user_id}
            await self._outbox.put(HubMessage(type="hello", id=position, data=hello))
            running = await self._jobs.list(
                self._caller, limit=_MOST_WATCHED_JOBS, cursor="", status=jobs_pb2.JOB_STATUS_RUNNING
            )
            for job in running.jobs:
                self._watch(job.id)
            while True:
                grown.clear()
                for entry in await self._read(position):
                    position = entry.entry_id
                    await self._tell(entry)
                if not grown.is_set():
                    try:
                        async with asyncio.timeout(_LOOK_SECONDS):
                            await grown.wait()
                    except TimeoutError:
                        continue

    async def _read(self, position: str) -> list[FeedEntry]:
        try:
            return await read_feed(self._redis, self._caller.subject, position)
        except (RedisError, OSError):
            # It comes back; what was said meanwhile stays in the feed.
            await asyncio.sleep(0.2)
            return []

    async def _tell(self, entry: FeedEntry) -> None:
        data, job_id = entry.data, entry.job_id or None
        if "status" in data:
            data = {**data, "status": str(data["status"]).removeprefix("JOB_STATUS_").lower()}
        match entry.type:
            case "status" if job_id is not None:
                if data.get("status") == JobStatus.RUNNING:
                    self._watch(job_id)
                elif data.get("status") != JobStatus.QUEUED:
                    self._unwatch(job_id)
                await self._put("status", entry.entry_id, job_id, data)
            case "done" if job_id is not None:
                try:
                    job = await self._jobs.get(self._caller, job_id)
                except AppError as error:
                    if error.code is ErrorCode.NOT_FOUND:
                        return
                    raise
                await self._put(
                    "done", entry.entry_id, job_id, Job.from_message(job, self._links).model_dump(mode="json")
                )
            case "error" if job_id is not None:
                await self._put("error", entry.entry_id, job_id, problem_of_event(data))
            case "notification":
                await self._put("notification", entry.entry_id, job_id, data)
            case _:
                log.warning("an entry of a feed is of no known type", type=entry.type)

    async def _put(self, kind: Any, entry_id: str | None, job_id: str | None, data: dict[str, Any]) -> None:
        await self._outbox.put(HubMessage(type=kind, id=entry_id, job_id=job_id, data=data))

    def _watch(self, job_id: str) -> None:
        if job_id not in self._watches and len(self._watches) < _MOST_WATCHED_JOBS:
            self._watches[job_id] = asyncio.create_task(self._relay_progress(job_id))

    def _unwatch(self, job_id: str) -> None:
        watch = self._watches.pop(job_id, None)
        if watch is not None:
            watch.cancel()

    async def _relay_progress(self, job_id: str) -> None:
        """What the feed does not hold: how a running job gets on, from its beginning."""
        async with aclosing(self._jobs.watch(self._caller, job_id, after_event_id="")) as events:
            async for event in events:
                if event.type in {"progress", "preview"}:
                    await self._put(event.type, None, job_id, orjson.loads(event.data_json or "{}"))

    async def _send(self) -> None:
        while True:
            message = await self._outbox.get()
            await self._socket.send_text(message.text())

    async def _receive(self) -> None:
        """Answer pings; ends when the client says more, or more often, than it may."""
        window, said = time.monotonic(), 0
        while True:
            text = await self._socket.receive_text()
            if time.monotonic() - window > 10:
                window, said = time.monotonic(), 0
            said += 1
            if said > _MESSAGES_PER_10_SECONDS or len(text) > _LONGEST_MESSAGE:
                return
            try:
                asked = orjson.loads(text)
            except orjson.JSONDecodeError:
                return
            if not isinstance(asked, dict) or asked.get("type") != "ping":
                return
            await self._put("pong", None, None, {})


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them until they end: what they wait for may keep a cancel to itself."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_STOP_SECONDS)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
