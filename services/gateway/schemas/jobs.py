"""Jobs as their owner sees them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

import orjson
from google.protobuf.json_format import ParseDict
from pydantic import BaseModel, Field

from protos.users.v1 import jobs_pb2
from services.gateway.problems import kind_of
from services.gateway.schemas.problems import Problem, ProblemError
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.tokens.links import Links

# Kinds of job whose sound can be heard while it is made.
LIVE_KINDS = frozenset({"generate"})

# How long a job's own files are kept after its end; tracks stay until they are deleted.
FILE_DAYS = 7


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self not in {JobStatus.QUEUED, JobStatus.RUNNING}


_FROM_WIRE: Mapping[int, JobStatus] = {
    jobs_pb2.JOB_STATUS_QUEUED: JobStatus.QUEUED,
    jobs_pb2.JOB_STATUS_RUNNING: JobStatus.RUNNING,
    jobs_pb2.JOB_STATUS_SUCCEEDED: JobStatus.SUCCEEDED,
    jobs_pb2.JOB_STATUS_FAILED: JobStatus.FAILED,
    jobs_pb2.JOB_STATUS_CANCELLED: JobStatus.CANCELLED,
}
TO_WIRE: Mapping[JobStatus, jobs_pb2.JobStatus.ValueType] = {
    JobStatus.QUEUED: jobs_pb2.JOB_STATUS_QUEUED,
    JobStatus.RUNNING: jobs_pb2.JOB_STATUS_RUNNING,
    JobStatus.SUCCEEDED: jobs_pb2.JOB_STATUS_SUCCEEDED,
    JobStatus.FAILED: jobs_pb2.JOB_STATUS_FAILED,
    JobStatus.CANCELLED: jobs_pb2.JOB_STATUS_CANCELLED,
}


def status_of(message: jobs_pb2.Job) -> JobStatus:
    """The public word for a job's state."""
    return _FROM_WIRE[message.status]


class JobFile(BaseModel):
    """A file that a job left beside tracks; kept for 7 days, or until a track that it comes from is deleted."""

    name: Annotated[str, Field(description="Name for `…/files/{name}`.", examples=["transcription.mid"])]
    media_type: Annotated[str, Field(examples=["audio/midi"])]
    size_bytes: Annotated[int, Field(examples=[2048])]
    sha256: Annotated[str, Field(description="Of its bytes, hexadecimal; its entity tag too.")]
    link: Annotated[str, Field(description="Signed: for a while it needs no header.")]


class JobResult(BaseModel):
    """What a job made. Each kind adds what it found out."""

    model_config = {"extra": "allow"}

    track_ids: Annotated[list[str], Field(description="The tracks that it made.")]
    files: Annotated[list[JobFile], Field(description="What it left beside tracks.")] = []


class Job(BaseModel):
    """A piece of work and how far it is."""

    id: str
    kind: Annotated[str, Field(examples=["generate"])]
    status: JobStatus
    progress: Annotated[float, Field(ge=0, le=1, examples=[0.4])]
    stage: Annotated[str, Field(description="What is being done, in words.", examples=["making the bass"])]
    queue_position: Annotated[int | None, Field(description="1 is next; null when it does not wait.")]
    eta_seconds: Annotated[float | None, Field(description="Seconds until the end, estimated.")]
    attempts: Annotated[int, Field(description="How often a worker died while it ran the job.")]
    error: Annotated[Problem | None, Field(description="Why it failed.")]
    request: Annotated[dict[str, Any], Field(description="What was asked for, with every default filled in.")]
    result: JobResult | None
    metrics: Annotated[dict[str, Any] | None, Field(description="Measurements of the run.")]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    links: Annotated[
        dict[str, str],
        Field(
            description="Where to go on. `stream`, `events` and `file` are signed: for a while they need no header.",
            examples=[{"self": "/api/v1/jobs/…", "stream": "/api/v1/stream/…?expires=…&signature=…"}],
        ),
    ]

    @classmethod
    def from_message(cls, message: jobs_pb2.Job, links: Links) -> Self:
        """From the wire."""
        status = status_of(message)
        return cls(
            id=message.id,
            kind=message.kind,
            status=status,
            progress=min(1.0, max(0.0, message.progress)),
            stage=message.stage,
            queue_position=message.queue_position or None,
            eta_seconds=message.eta_seconds or None,
            attempts=message.attempts,
            error=problem_of(message.error) if message.HasField("error") else None,
            request=request_of(message),
            result=_result_of(message, links) if status is JobStatus.SUCCEEDED else None,
            metrics=_object(message.metrics_json) if message.metrics_json else None,
            created_at=to_datetime(message.created_at),
            started_at=optional_datetime(message, "started_at"),
            finished_at=optional_datetime(message, "finished_at"),
            cancel_requested=message.cancel_requested,
            links=_links_of(message, links),
        )


class JobList(BaseModel):
    """One page of jobs, newest first."""

    items: list[Job]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


def problem_of(error: jobs_pb2.JobError) -> Problem:
    """Why a job failed, as a problem document; its pointers go into the request that the job was made of."""
    kind = kind_of(error.code)
    errors = [ProblemError(pointer=item.pointer, detail=item.detail) for item in error.violations]
    return Problem(type=kind.type, title=kind.title, status=kind.status, detail=error.message, errors=errors or None)


def problem_of_event(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON, of what an `error` event carries."""
    problem = problem_of(ParseDict(dict(data), jobs_pb2.JobError(), ignore_unknown_fields=True))
    return problem.model_dump(mode="json", by_alias=True, exclude_none=True)


def request_of(message: jobs_pb2.Job) -> dict[str, Any]:
    """What was asked for, with every default filled in."""
    # Keys that begin with an underscore are the services' own.
    return {name: value for name, value in _object(message.request_json).items() if not name.startswith("_")}


def _result_of(message: jobs_pb2.Job, links: Links) -> JobResult:
    path = f"/api/v1/jobs/{message.id}/files"
    # Where a file lies is the platform's own business; clients get a link.
    files = [
        JobFile(
            name=file["name"],
            media_type=file["media_type"],
            size_bytes=file["size_bytes"],
            sha256=file["sha256"],
            link=links.link(f"{path}/{file['name']}"),
        )
        for file in files_of(message)
    ]
    return JobResult(**{**result_of(message), "track_ids": list(message.track_ids), "files": files})


def files_of(message: jobs_pb2.Job) -> list[dict[str, Any]]:
    """The files that a job left: name, object_key, media_type, size_bytes, sha256."""
    return list(result_of(message).get("files", ()))


def result_of(message: jobs_pb2.Job) -> dict[str, Any]:
    """What the job's worker said of its outcome, beside tracks."""
    return _object(message.result_json)


def _object(text: str) -> dict[str, Any]:
    value = orjson.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def _links_of(message: jobs_pb2.Job, links: Links) -> dict[str, str]:
    path = f"/api/v1/jobs/{message.id}"
    found = {"self": path, "events": links.link(f"{path}/events"), "cancel": f"{path}/cancel"}
    if message.kind in LIVE_KINDS:
        found["stream"] = links.link(f"/api/v1/stream/{message.id}")
    if len(files_of(message)) == 1:
        found["file"] = links.link(f"{path}/file")
    if message.track_ids:
        found["track"] = f"/api/v1/tracks/{message.track_ids[0]}"
    return found
