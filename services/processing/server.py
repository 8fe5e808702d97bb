"""The gRPC face of processing: derivatives, waveforms, jobs. Holds no database and no HTTP."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from prometheus_client import Counter

from protos.processing.v1 import processing_pb2, processing_pb2_grpc
from services.processing.analysis.waveforms import Waveforms
from services.processing.covers.covers import Covers
from services.processing.jobs.catalogues import document
from services.processing.jobs.submission import Submissions
from services.processing.media.derivatives import Derivatives
from services.processing.media.formats import format_of
from services.processing.media.pictures import Pictures
from services.processing.media.tagging import FileTags
from services.shared.identity import require_user

SERVICE_NAME: Final = "musicgen.processing.v1.ProcessingService"

_SUBMITTED = Counter("processing_submitted_total", "Accepted jobs by kind.", ["kind"])


class ProcessingServicer(processing_pb2_grpc.ProcessingServiceServicer):
    """Answers the calls of `ProcessingService`."""

    def __init__(
        self,
        derivatives: Derivatives,
        waveforms: Waveforms,
        pictures: Pictures,
        covers: Covers,
        submissions: Submissions,
    ) -> None:
        self._derivatives = derivatives
        self._waveforms = waveforms
        self._pictures = pictures
        self._covers = covers
        self._submissions = submissions

    async def EnsureDerivative(  # noqa: N802 — the wire's name
        self, request: processing_pb2.EnsureDerivativeRequest, context: Any
    ) -> processing_pb2.EnsureDerivativeResponse:
        """Make a lossless object available in another format."""
        wanted = format_of(request.format)
        if request.HasField("tags"):
            words, picture = (
                request.tags,
                await self._covers.embedded(
                    request.tags.master_object_key or request.object_key, request.tags.cover_object_key
                ),
            )
            said = FileTags(words.title, words.artist, words.copyright, words.comment)
            made = await self._derivatives.tagged(request.object_key, wanted, said, picture.object_key)
        else:
            made = await self._derivatives.ensure(request.object_key, wanted)
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

    async def EnsureSpectrogram(  # noqa: N802 — the wire's name
        self, request: processing_pb2.EnsureSpectrogramRequest, context: Any
    ) -> processing_pb2.EnsureSpectrogramResponse:
        """Draw a lossless object."""
        made = await self._pictures.spectrogram(request.object_key, request.width, request.height, request.scheme)
        return processing_pb2.EnsureSpectrogramResponse(
            object_key=made.object_key, size_bytes=made.size_bytes, etag=made.etag
        )

    async def EnsureWaveformPicture(  # noqa: N802 — the wire's name
        self, request: processing_pb2.EnsureWaveformPictureRequest, context: Any
    ) -> processing_pb2.EnsureWaveformPictureResponse:
        """Draw the waveform of a lossless object."""
        made = await self._pictures.waveform(
            request.object_key, request.width, request.height, request.scheme, vector=request.vector
        )
        return processing_pb2.EnsureWaveformPictureResponse(
            object_key=made.object_key, size_bytes=made.size_bytes, etag=made.etag
        )

    async def SetCover(  # noqa: N802 — the wire's name
        self, request: processing_pb2.SetCoverRequest, context: Any
    ) -> processing_pb2.SetCoverResponse:
        """Make a picture that the caller sent the cover of a track of theirs."""
        track = await self._covers.take(request.track_id, request.upload_object_key, require_user())
        return processing_pb2.SetCoverResponse(track=track)

    async def EnsureCover(  # noqa: N802 — the wire's name
        self, request: processing_pb2.EnsureCoverRequest, context: Any
    ) -> processing_pb2.EnsureCoverResponse:
        """The cover of a track in a size."""
        made = await self._covers.ensure(request.object_key, request.cover_object_key, request.size)
        return processing_pb2.EnsureCoverResponse(
            object_key=made.object_key, size_bytes=made.size_bytes, etag=made.etag
        )

    async def GetCatalogue(  # noqa: N802 — the wire's name
        self, request: processing_pb2.GetCatalogueRequest, context: Any
    ) -> processing_pb2.GetCatalogueResponse:
        """Effects or presets."""
        # In a thread: the first call imports the package that knows.
        return processing_pb2.GetCatalogueResponse(document_json=await asyncio.to_thread(document, request.catalogue))

    async def Submit(  # noqa: N802 — the wire's name
        self, request: processing_pb2.SubmitRequest, context: Any
    ) -> processing_pb2.SubmitResponse:
        """Check a processing request and create its job in the caller's name."""
        answer = await self._submissions.create(request, require_user())
        if not answer.replayed:
            _SUBMITTED.labels(answer.job.kind).inc()
        return processing_pb2.SubmitResponse(job=answer.job, replayed=answer.replayed)
