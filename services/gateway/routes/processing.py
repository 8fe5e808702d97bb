"""Shaping audio that exists."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from protos.processing.v1 import processing_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of
from services.gateway.media.conditional import is_unchanged
from services.gateway.responses import also
from services.gateway.schemas.body import Body
from services.gateway.schemas.jobs import Job
from services.gateway.schemas.processing import (
    AnalyzeRequest,
    Catalogue,
    ConvertRequest,
    MasterRequest,
    MixRequest,
    SeparateRequest,
    TranscribeRequest,
)
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/processing", tags=["processing"], route_class=GatewayRoute)

_GENERATE = [Depends(Admission("generate"))]
_READ = [Depends(Admission("read"))]
_ALSO = also(404, 409, 507)

# Catalogues come with the program: only their entity tag says whether they changed.
_NEVER = datetime.max.replace(tzinfo=UTC)


class _Submission:
    """What the calls that create a job share: the caller, the key, and the answer's headers."""

    def __init__(
        self,
        request: Request,
        response: Response,
        caller: Caller,
        gateway: Gateway,
        idempotency_key: IdempotencyKey = None,
    ) -> None:
        self._request = request
        self._response = response
        self._caller: Principal = caller
        self._gateway: Collaborators = gateway
        self._key = idempotency_key

    async def create(self, kind: str, body: Body) -> Job:
        """The job; `Location` says where it is."""
        idempotency = idempotency_of(self._request, self._key, body)
        text = orjson.dumps(body.model_dump(mode="json", exclude_none=True)).decode()
        submitted = await self._gateway.processing.submit(self._caller, kind, text, idempotency)
        job = Job.from_message(submitted.job, self._gateway.links.of(self._caller))
        self._response.headers["location"] = job.links["self"]
        if submitted.replayed:
            self._response.headers["idempotency-replayed"] = "true"
        return job


Submission = Annotated[_Submission, Depends()]


@router.post("/separate", status_code=202, dependencies=_GENERATE, responses=_ALSO)
async def separate(body: SeparateRequest, submission: Submission) -> Job:
    """Take a track apart into stems; each becomes a track of yours. With its residual kept, they sum to the track."""
    return await submission.create("separate", body)


@router.post("/mix", status_code=202, dependencies=_GENERATE, responses=_ALSO)
async def mix(body: MixRequest, submission: Submission) -> Job:
    """Render a session of tracks and stems; the result is a new track."""
    return await submission.create("mix", body)


@router.post("/master", status_code=202, dependencies=_GENERATE, responses=_ALSO)
async def master(body: MasterRequest, submission: Submission) -> Job:
    """Bring a track to a stated loudness and true peak, or near a reference; the result is a new track."""
    return await submission.create("master", body)


@router.post("/transcribe", status_code=202, dependencies=_GENERATE, responses=_ALSO)
async def transcribe(body: TranscribeRequest, submission: Submission) -> Job:
    """Write a track's notes down as MIDI; the job's `files` hold them."""
    return await submission.create("transcribe", body)


@router.post("/analyze", status_code=202, dependencies=_GENERATE, responses=_ALSO)
async def analyze(body: AnalyzeRequest, submission: Submission) -> Job:
    """Find a track's tempo, beats, key, chords, sections, loudness and spectrum; the job's `result` holds them."""
    return await submission.create("analyze", body)


@router.post("/convert", status_code=202, dependencies=_GENERATE, responses=_ALSO)
async def convert(body: ConvertRequest, submission: Submission) -> Job:
    """Make a file of a track in another format, sample rate, bit depth or bit rate; the job's `links` lead to it."""
    return await submission.create("convert", body)


@router.get("/effects", dependencies=_READ, response_model=Catalogue, responses=also(304))
async def list_effects(request: Request, caller: Caller, gateway: Gateway) -> Response:
    """The mixer's effects, channel and clip parameters with units, ranges and defaults, and automation curves."""
    return await _catalogue(request, caller, gateway, processing_pb2.CATALOGUE_EFFECTS)


@router.get("/presets", dependencies=_READ, response_model=Catalogue, responses=also(304))
async def list_presets(request: Request, caller: Caller, gateway: Gateway) -> Response:
    """The mastering chain's presets: what each aims at."""
    return await _catalogue(request, caller, gateway, processing_pb2.CATALOGUE_PRESETS)


async def _catalogue(
    request: Request, caller: Principal, gateway: Collaborators, catalogue: processing_pb2.Catalogue.ValueType
) -> Response:
    document = (await gateway.processing.catalogue(caller, catalogue)).encode()
    etag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
    headers = {"etag": etag, "cache-control": "private, max-age=300"}
    if is_unchanged(request.headers.get("if-none-match"), None, etag, _NEVER):
        return Response(status_code=304, headers=headers)
    return Response(document, media_type="application/json", headers=headers)
