"""Jobs: how far they are, what they say, and their end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from protos.users.v1 import jobs_pb2
from services.gateway.admission import Admission, GatewayRoute, hold_long_answer
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit, known_id
from services.gateway.media.objects import Representation, object_response
from services.gateway.responses import ANY_FILE, EVENTS, also
from services.gateway.schemas.jobs import (
    FILE_DAYS,
    TO_WIRE,
    Job,
    JobList,
    JobStatus,
    files_of,
    request_of,
    status_of,
)
from services.gateway.streams.disconnect import ClientGone, Closing, nobody_there, while_connected
from services.gateway.streams.events import MEDIA_TYPE, JobEvents
from services.gateway.streams.response import StreamedResponse
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]


@router.get("", dependencies=_READ)
async def list_jobs(
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 20,
    cursor: Cursor = "",
    status: Annotated[JobStatus | None, Query(description="Only jobs in this state.")] = None,
) -> JobList:
    """Your jobs, newest first."""
    wanted = TO_WIRE[status] if status is not None else jobs_pb2.JOB_STATUS_UNSPECIFIED
    page = await gateway.jobs.list(caller, limit=limit, cursor=cursor, status=wanted)
    return JobList(
        items=[Job.from_message(job, gateway.links.of(caller)) for job in page.jobs],
        next_cursor=page.next_cursor or None,
    )


@router.get("/{job_id}", dependencies=_READ, response_model=Job)
async def get_job(
    job_id: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    wait: Annotated[
        float, Query(ge=0, le=60, description="Answer when the job ends, at most after so many seconds.")
    ] = 0,
) -> Job | Response:
    """One job."""
    known_id(job_id, "job")
    if wait > 0:
        hold_long_answer(request, caller)
        try:
            waiting = gateway.jobs.get(caller, job_id, wait_seconds=wait)
            return Job.from_message(await while_connected(request, waiting, gateway.closing), gateway.links.of(caller))
        except ClientGone:
            return nobody_there()
        except Closing:
            pass
    return Job.from_message(await gateway.jobs.get(caller, job_id), gateway.links.of(caller))


@router.post("/{job_id}/cancel", status_code=202, dependencies=[Depends(Admission("write", place="", guests=True))])
async def cancel_job(job_id: str, caller: Caller, gateway: Gateway) -> Job:
    """Ask for the end of a job: one that waits ends at once, one that runs within a second. Harmless to repeat."""
    return Job.from_message(await gateway.jobs.cancel(caller, known_id(job_id, "job")), gateway.links.of(caller))


@router.get(
    "/{job_id}/events",
    dependencies=[Depends(Admission("stream", takes_links=True))],
    response_class=StreamedResponse,
    responses=EVENTS,
)
async def read_events(
    job_id: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    last_event_id: Annotated[
        str, Header(alias="Last-Event-ID", max_length=64, description="Only events after this one.")
    ] = "",
) -> Response:
    """The job's events as they happen (server-sent events): `status`, `progress`, `preview`, `done`, `error`."""
    job = await gateway.jobs.get(caller, known_id(job_id, "job"))
    if request.scope["state"].get("head"):
        return Response(media_type=MEDIA_TYPE)
    if last_event_id and status_of(job).is_final and not await _has_more(gateway, caller, job_id, last_event_id):
        # Tells an EventSource that has heard everything to stop asking (WHATWG HTML §9.2.2).
        return Response(status_code=204)
    events = JobEvents(
        gateway.jobs,
        caller,
        job_id,
        closing=gateway.closing,
        is_revoked=gateway.window.is_revoked,
        links=gateway.links.of(caller),
        heartbeat_seconds=gateway.settings.heartbeat_seconds,
    )
    return StreamedResponse(
        gateway.sessions.until_ended(caller.session_id, events.read(last_event_id)),
        kind="events",
        media_type=MEDIA_TYPE,
        # Proxies that buffer would hold the events back.
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.get(
    "/{job_id}/file",
    dependencies=[Depends(Admission("audio", takes_links=True))],
    response_class=StreamedResponse,
    responses={**ANY_FILE, **also(409)},
)
async def get_file(job_id: str, request: Request, caller: Caller, gateway: Gateway) -> Response:
    """The file of a job that made one, such as a conversion. Takes Range, If-Range, If-None-Match and
    If-Modified-Since. It is kept for 7 days, or until the track that it comes from is deleted.
    """
    job = await _ended_job(gateway, caller, job_id)
    found = files_of(job)
    if len(found) != 1:
        detail = "The job made no file." if not found else "The job made several files: name one, …/files/{name}."
        raise AppError(ErrorCode.NOT_FOUND, detail)
    return await _file_response(request, gateway, caller, job, found[0])


@router.get(
    "/{job_id}/files/{name}",
    dependencies=[Depends(Admission("audio", takes_links=True))],
    response_class=StreamedResponse,
    responses={**ANY_FILE, **also(409)},
)
async def get_named_file(job_id: str, name: str, request: Request, caller: Caller, gateway: Gateway) -> Response:
    """A file that the job left beside tracks: MIDI, pictures, reports, conversions. Takes Range, If-Range,
    If-None-Match and If-Modified-Since. It is kept for 7 days, or until a track that it comes from is deleted.
    """
    job = await _ended_job(gateway, caller, job_id)
    found = {file["name"]: file for file in files_of(job)}
    if name not in found:
        raise AppError(ErrorCode.NOT_FOUND, f"The job has no file of this name. It has: {', '.join(found) or 'none'}.")
    return await _file_response(request, gateway, caller, job, found[name])


async def _ended_job(gateway: Collaborators, caller: Principal, job_id: str) -> jobs_pb2.Job:
    job = await gateway.jobs.get(caller, known_id(job_id, "job"))
    if not status_of(job).is_final:
        raise AppError(ErrorCode.CONFLICT, "The job has not ended yet. Wait with GET /api/v1/jobs/{id}?wait=60.")
    return job


async def _file_response(
    request: Request, gateway: Collaborators, caller: Principal, job: jobs_pb2.Job, file: Mapping[str, Any]
) -> Response:
    stem, _, extension = file["name"].rpartition(".")
    title = await _title_of(gateway, caller, job)
    what = Representation(
        key=file["object_key"],
        size_bytes=file["size_bytes"],
        media_type=file["media_type"],
        etag=f'"{file["sha256"]}"',
        modified=job.finished_at.ToDatetime(tzinfo=UTC),
        # "audio" says nothing that the ending does not say.
        title=title if title and stem == "audio" else f"{title} {stem}".strip(),
        extension=extension,
    )
    try:
        return await object_response(request, gateway.store, what, attachment=True)
    except AppError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        raise AppError(
            ErrorCode.NOT_FOUND,
            f"The file is gone: a job's files are kept for {FILE_DAYS} days, and go with the tracks that they come "
            "from. Run the job again.",
        ) from error


async def _title_of(gateway: Collaborators, caller: Principal, job: jobs_pb2.Job) -> str:
    """The title of the track that a job was about; it may be gone by now."""
    try:
        track = await gateway.tracks.get(caller, str(request_of(job).get("track_id", "")))
    except AppError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return ""
    return track.content.title


async def _has_more(gateway: Collaborators, caller: Principal, job_id: str, after_event_id: str) -> bool:
    """Whether an ended job has events after the given one."""
    async with aclosing(gateway.jobs.watch(caller, job_id, after_event_id=after_event_id)) as events:
        return await anext(events, None) is not None
