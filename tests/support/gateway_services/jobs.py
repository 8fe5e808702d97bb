# ruff: noqa: N802 — the methods are named as in the protos
"""Jobs, their events and their live audio, as a test lets them go; over real gRPC."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from google.protobuf.json_format import MessageToDict

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.shared.errors import AppError
from services.shared.identity import require_user
from services.shared.ids import new_id
from tests.support.gateway_services.library import not_found

FINAL = {jobs_pb2.JOB_STATUS_SUCCEEDED, jobs_pb2.JOB_STATUS_FAILED, jobs_pb2.JOB_STATUS_CANCELLED}


@dataclass
class Song:
    """What a test lets a job make."""

    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False
    gone: bool = False
    watchers: int = 0
    failures: list[AppError] = field(default_factory=list)


class Jobs(jobs_pb2_grpc.JobServiceServicer):
    """Jobs, their events and their live audio."""

    def __init__(self) -> None:
        self.jobs: dict[str, jobs_pb2.Job] = {}
        self.events: dict[str, list[jobs_pb2.WatchResponse]] = {}
        self.songs: dict[str, Song] = {}
        self.watchers: dict[str, int] = {}
        self.watch_failures: list[AppError] = []
        self.changed = asyncio.Condition()

    async def add(
        self, owner_id: str, *, kind: str = "generate", request: dict[str, object] | None = None
    ) -> jobs_pb2.Job:
        job = jobs_pb2.Job(
            id=new_id(),
            owner_id=owner_id,
            kind=kind,
            queue="generation",
            status=jobs_pb2.JOB_STATUS_QUEUED,
            queue_position=1,
            request_json=json.dumps(request or {"prompt": "x", "duration": 30.0, "_trace": {}}),
        )
        job.created_at.GetCurrentTime()
        self.jobs[job.id] = job
        self.events[job.id] = []
        self.songs[job.id] = Song()
        await self.publish(job.id, "status", {"status": "queued"})
        return job

    async def publish(self, job_id: str, event_type: str, data: dict[str, object]) -> str:
        events = self.events[job_id]
        event = jobs_pb2.WatchResponse(event_id=f"{len(events) + 1}-0", type=event_type, data_json=json.dumps(data))
        async with self.changed:
            events.append(event)
            self.changed.notify_all()
        return event.event_id

    async def sound(self, job_id: str, *chunks: bytes) -> None:
        async with self.changed:
            self.jobs[job_id].status = jobs_pb2.JOB_STATUS_RUNNING
            self.jobs[job_id].queue_position = 0
            self.songs[job_id].chunks.extend(chunks)
            self.changed.notify_all()

    async def end(
        self,
        job_id: str,
        status: int,
        *,
        track_ids: tuple[str, ...] = (),
        error: tuple[str, str] | None = None,
        pointers: tuple[str, ...] = (),
    ) -> None:
        job = self.jobs[job_id]
        async with self.changed:
            job.status = status
            job.progress = 1.0
            job.queue_position = 0
            job.track_ids.extend(track_ids)
            job.finished_at.GetCurrentTime()
            if error:
                job.error.code, job.error.message = error
                for pointer in pointers:
                    job.error.violations.add(pointer=pointer, detail=job.error.message)
            self.songs[job_id].ended = True
            self.changed.notify_all()
        words = {jobs_pb2.JOB_STATUS_SUCCEEDED: "succeeded", jobs_pb2.JOB_STATUS_FAILED: "failed"}
        await self.publish(job_id, "status", {"status": words.get(status, "cancelled")})
        if status == jobs_pb2.JOB_STATUS_SUCCEEDED:
            await self.publish(job_id, "done", {"id": job_id})
        elif status == jobs_pb2.JOB_STATUS_FAILED:
            await self.publish(job_id, "error", MessageToDict(job.error))

    def own(self, job_id: str) -> jobs_pb2.Job:
        job = self.jobs.get(job_id)
        if job is None or job.owner_id != require_user().subject:
            raise not_found("job")
        return job

    async def Get(self, request, context):
        job = self.own(request.job_id)
        if request.wait_seconds:
            try:
                async with asyncio.timeout(request.wait_seconds), self.changed:
                    await self.changed.wait_for(lambda: job.status in FINAL)
            except TimeoutError:
                pass
        return jobs_pb2.GetResponse(job=job)

    async def List(self, request, context):
        caller = require_user()
        found = [job for job in self.jobs.values() if job.owner_id == caller.subject]
        found = [job for job in found if request.status in {0, job.status}]
        found.sort(key=lambda job: job.id, reverse=True)
        start = int(request.page.cursor or 0)
        end = start + (request.page.limit or 20)
        return jobs_pb2.ListResponse(jobs=found[start:end], next_cursor=str(end) if end < len(found) else "")

    async def Cancel(self, request, context):
        job = self.own(request.job_id)
        if job.status not in FINAL:
            await self.end(job.id, jobs_pb2.JOB_STATUS_CANCELLED)
        return jobs_pb2.CancelResponse(job=job)

    async def Watch(self, request, context) -> AsyncIterator[jobs_pb2.WatchResponse]:
        job = self.own(request.job_id)
        after = int(request.after_event_id.partition("-")[0] or 0) if request.after_event_id else 0
        events = self.events[job.id]
        self.watchers[job.id] = self.watchers.get(job.id, 0) + 1
        try:
            if self.watch_failures:
                raise self.watch_failures.pop()
            while True:
                while after < len(events):
                    after += 1
                    yield events[after - 1]
                if events[-1].type in {"done", "error"} or job.status == jobs_pb2.JOB_STATUS_CANCELLED:
                    return
                async with self.changed:
                    await self.changed.wait_for(partial(lambda seen: len(events) > seen, after))
        finally:
            self.watchers[job.id] -= 1
