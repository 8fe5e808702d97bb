"""The gRPC face of processing: derivatives, waveforms, jobs. Holds no database and no HTTP."""

from __future__ import annotations

from typing import Any, Final

from prometheus_client import Counter

from protos.processing.v1 import processing_pb2, processing_pb2_grpc
from protos.users.v1 import jobs_pb2, jobs_pb2_grpc, tracks_pb2, tracks_pb2_grpc
from services.processing.analysis.waveforms import Waveforms
from services.processing.conversion import request as conversion
from services.processing.media.derivatives import Derivatives
from services.processing.media.formats import format_of
from services.shared.errors import AppError
from services.shared.grpc_client import call
from services.shared.identity import require_user
from services.shared.telemetry import inject_headers

SERVICE_NAME: Final = "musicgen.processing.v1.ProcessingService"
QUEUE: Final = "processing"
_KINDS: Final = (conversion.KIND,)
_IDEMPOTENT_RETRIES: Final = 3

_SUBMITTED = Counter("processing_submitted_total", "Accepted jobs by kind.", ["kind"])


class ProcessingServicer(processing_pb2_grpc.ProcessingServiceServicer):
    """Answers the calls of `ProcessingService`."""

    def __init__(
        self,
        derivatives: Derivatives,
        waveforms: Waveforms,
        jobs: jobs_pb2_grpc.JobServiceStub,
        tracks: tracks_pb2_grpc.TrackServiceStub,
    ) -> None:
        self._derivatives = derivatives
        self._waveforms = waveforms
        self._jobs = jobs
        self._tracks = tracks

    async def EnsureDerivative(  # noqa: N802 — the wire's name
        self, request: processing_pb2.EnsureDerivativeRequest, context: Any
    ) -> processing_pb2.EnsureDerivativeResponse:
        """Make a lossless object available in another format."""
        made = await self._derivatives.ensure(request.object_key, format_of(request.format))
        return processing_pb2.EnsureDerivativeResponse(
            object_key=made.object_key, size_bytes=made.size_bytes, media_type=made.media_type, etag=made.etag
        )

    async def GetWaveform(  # noqa: N802 — the wire's name
        self, request: processing_pb2.GetWaveformRequest, context: Any
    ) -> processing_pb2.GetWaveformResponse:
        """Minima and maxima of equal parts of a lossless object."""
        found = await self._waveforms.get(request.object_key, request.points)
        return processing_pb2.GetWaveformResponse(
            minima=found.minima.tolist(), maxima=found.maxima.tolist(), duration_seconds=found.duration_seconds
        )

    async def Submit(  # noqa: N802 — the wire's name
        self, request: processing_pb2.SubmitRequest, context: Any
    ) -> processing_pb2.SubmitResponse:
        """Check a processing request and create its job in the caller's name."""
        caller = require_user()
        if request.kind not in _KINDS:
            raise AppError.field(
                "/kind", f"{request.kind[:40]!r} is not offered here; choose one of: {', '.join(_KINDS)}."
            )
        asked = conversion.parse(request.request_json)
        # The track is read with the caller's own rights, so that nobody converts what they may not hear.
        found: tracks_pb2.GetTrackResponse = await call(
            self._tracks.GetTrack,
            tracks_pb2.GetTrackRequest(track_id=asked.track_id),
            token=caller.token,
            retries=_IDEMPOTENT_RETRIES,
        )
        create = jobs_pb2.CreateRequest(
            kind=conversion.KIND,
            queue=QUEUE,
            request_json=conversion.encode(asked, found.track.content.master_object_key, inject_headers({})),
            cost=1,
            idempotency=request.idempotency,
        )
        # Only a call with a key may be repeated by us: without one, a lost answer would make two jobs.
        retries = _IDEMPOTENT_RETRIES if request.idempotency.key else 0
        answer: jobs_pb2.CreateResponse = await call(self._jobs.Create, create, token=caller.token, retries=retries)
        if not answer.replayed:
            _SUBMITTED.labels(request.kind).inc()
        return processing_pb2.SubmitResponse(job=answer.job, replayed=answer.replayed)
