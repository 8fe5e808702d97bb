"""Listening to a song while it is made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from protos.users.v1 import jobs_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, known_id
from services.gateway.media.formats import WIRE_FORMATS, StreamFormat, WireFormat
from services.gateway.responses import LIVE_AUDIO
from services.gateway.routes.tracks import audio_response
from services.gateway.schemas.jobs import LIVE_KINDS, JobStatus, status_of
from services.gateway.streams.disconnect import ClientGone, nobody_there, while_connected
from services.gateway.streams.live import LiveAudio
from services.gateway.streams.response import StreamedResponse
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/stream", tags=["generate"], route_class=GatewayRoute)

# While the song grows there is nothing to cache and no size to take ranges of.
_LIVE_HEADERS = {"cache-control": "no-store", "accept-ranges": "none", "x-accel-buffering": "no"}

_ENDS = {JobStatus.FAILED: "failed", JobStatus.CANCELLED: "was cancelled"}


@router.get(
    "/{job_id}",
    dependencies=[Depends(Admission("stream", takes_links=True))],
    response_class=StreamedResponse,
    responses=LIVE_AUDIO,
)
async def stream_job(
    job_id: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    audio_format: Annotated[StreamFormat, Query(alias="format", description="Container and codec.")] = StreamFormat.WAV,
) -> Response:
    """The audio of a job from its first sample: live while it runs, for a late listener too; the finished track
    afterwards.
    """
    job = await gateway.jobs.get(caller, known_id(job_id, "job"))
    if job.kind not in LIVE_KINDS:
        raise AppError(ErrorCode.CONFLICT, f"A job of the kind {job.kind} makes no new sound. Read its result instead.")
    wire = WIRE_FORMATS[audio_format]
    if not status_of(job).is_final:
        if request.scope["state"].get("head"):
            return Response(media_type=wire.media_type, headers=_LIVE_HEADERS)
        live = LiveAudio(
            gateway.generation,
            gateway.jobs,
            start_seconds=gateway.settings.stream_start_seconds,
            is_revoked=gateway.window.is_revoked,
            check_seconds=gateway.settings.heartbeat_seconds,
        )
        try:
            opened = await while_connected(request, live.open(caller, job, wire))
        except ClientGone:
            return nobody_there()
        if opened.chunks is not None:
            chunks = gateway.sessions.until_ended(caller.session_id, opened.chunks)
            return StreamedResponse(chunks, kind="live", media_type=wire.media_type, headers=_LIVE_HEADERS)
        job = opened.job
    return await _finished(request, gateway, caller, job, wire)


async def _finished(
    request: Request, gateway: Collaborators, caller: Principal, job: jobs_pb2.Job, wire: WireFormat
) -> Response:
    status = status_of(job)
    if status is not JobStatus.SUCCEEDED or not job.track_ids:
        reason = f" {job.error.message}" if job.HasField("error") else ""
        raise AppError(
            ErrorCode.CONFLICT, f"There is nothing to hear: the job {_ENDS.get(status, 'made no track')}.{reason}"
        )
    track = await gateway.tracks.get(caller, job.track_ids[0])
    return await audio_response(
        request, gateway, caller, track, track.content.master_object_key, wire, attachment=False
    )
