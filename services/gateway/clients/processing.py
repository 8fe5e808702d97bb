"""The processing service, as the gateway calls it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import grpc

from protos.common.v1 import common_pb2
from protos.processing.v1 import processing_pb2, processing_pb2_grpc
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.identity import Principal

# Ten minutes of audio are encoded in seconds, as Opus in half a minute; on a busy machine it takes longer.
_DERIVATIVE_SECONDS = 60.0
# Processing goes on for longer than this when the deadline has passed, so that whoever asks again finds the file.
_ASK_AGAIN_SECONDS = 5.0
_SUBMIT_SECONDS = 10.0
# A picture is decoded within this, or refused; others may have to be looked at before.
_COVER_SECONDS = 90.0


@contextlib.contextmanager
def _still_being_made() -> Iterator[None]:
    """A deadline that passes is no failure here: a repeated request joins the work."""
    try:
        yield
    except AppError as error:
        if error.code is not ErrorCode.DEADLINE_EXCEEDED:
            raise
        raise AppError(
            ErrorCode.UNAVAILABLE, "The file is still being made. Ask again.", retry_after_seconds=_ASK_AGAIN_SECONDS
        ) from error


class ProcessingClient:
    """Derivatives of stored audio, and processing jobs."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = processing_pb2_grpc.ProcessingServiceStub(channel)
        self._tokens = tokens

    async def ensure_derivative(
        self,
        caller: Principal | None,
        object_key: str,
        audio_format: common_pb2.AudioFormat.ValueType,
        tags: processing_pb2.FileTags | None = None,
    ) -> processing_pb2.EnsureDerivativeResponse:
        """Make a lossless object available in a format, with words and a picture in it where there are `tags`.

        Without a caller the gateway asks for itself.
        """
        with _still_being_made():
            response: processing_pb2.EnsureDerivativeResponse = await call(
                self._stub.EnsureDerivative,
                processing_pb2.EnsureDerivativeRequest(object_key=object_key, format=audio_format, tags=tags),
                token=self._tokens.token(caller) if caller is not None else None,
                timeout=_DERIVATIVE_SECONDS,
                retries=RETRIES,
            )
        return response

    async def waveform(
        self, caller: Principal | None, object_key: str, points: int
    ) -> processing_pb2.GetWaveformResponse:
        """Peaks of a lossless object."""
        with _still_being_made():
            response: processing_pb2.GetWaveformResponse = await call(
                self._stub.GetWaveform,
                processing_pb2.GetWaveformRequest(object_key=object_key, points=points),
                token=self._tokens.token(caller) if caller is not None else None,
                timeout=_DERIVATIVE_SECONDS,
                retries=RETRIES,
            )
        return response

    async def spectrogram(
        self, caller: Principal, object_key: str, *, width: int, height: int, scheme: str
    ) -> processing_pb2.EnsureSpectrogramResponse:
        """A picture of a lossless object."""
        request = processing_pb2.EnsureSpectrogramRequest(
            object_key=object_key, width=width, height=height, scheme=scheme
        )
        with _still_being_made():
            response: processing_pb2.EnsureSpectrogramResponse = await call(
                self._stub.EnsureSpectrogram,
                request,
                token=self._tokens.token(caller),
                timeout=_DERIVATIVE_SECONDS,
                retries=RETRIES,
            )
        return response

    async def waveform_picture(
        self, caller: Principal, object_key: str, *, width: int, height: int, scheme: str, vector: bool
    ) -> processing_pb2.EnsureWaveformPictureResponse:
        """The waveform of a lossless object as a picture."""
        request = processing_pb2.EnsureWaveformPictureRequest(
            object_key=object_key, width=width, height=height, scheme=scheme, vector=vector
        )
        with _still_being_made():
            response: processing_pb2.EnsureWaveformPictureResponse = await call(
                self._stub.EnsureWaveformPicture,
                request,
                token=self._tokens.token(caller),
                timeout=_DERIVATIVE_SECONDS,
                retries=RETRIES,
            )
        return response

    async def set_cover(self, caller: Principal, track_id: str, upload_key: str) -> tracks_pb2.Track:
        """Make a picture that lies in storage the cover of the caller's own track."""
        response: processing_pb2.SetCoverResponse = await call(
            self._stub.SetCover,
            processing_pb2.SetCoverRequest(track_id=track_id, upload_object_key=upload_key),
            token=self._tokens.token(caller),
            timeout=_COVER_SECONDS,
        )
        return response.track

    async def cover(
        self, caller: Principal | None, object_key: str, cover_key: str, size: int
    ) -> processing_pb2.EnsureCoverResponse:
        """The picture of a track in a size. Without a caller the gateway asks for itself."""
        with _still_being_made():
            response: processing_pb2.EnsureCoverResponse = await call(
                self._stub.EnsureCover,
                processing_pb2.EnsureCoverRequest(object_key=object_key, cover_object_key=cover_key, size=size),
                token=self._tokens.token(caller) if caller is not None else None,
                timeout=_DERIVATIVE_SECONDS,
                retries=RETRIES,
            )
        return response

    async def catalogue(self, caller: Principal, catalogue: processing_pb2.Catalogue.ValueType) -> str:
        """What jobs can be asked to use, as a JSON object."""
        response: processing_pb2.GetCatalogueResponse = await call(
            self._stub.GetCatalogue,
            processing_pb2.GetCatalogueRequest(catalogue=catalogue),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.document_json

    async def submit(
        self,
        caller: Principal,
        kind: str,
        request_json: str,
        idempotency: jobs_pb2.Idempotency | None,
        upload: processing_pb2.Upload | None = None,
    ) -> processing_pb2.SubmitResponse:
        """Create a processing job. Repeated by itself only under an idempotency key."""
        response: processing_pb2.SubmitResponse = await call(
            self._stub.Submit,
            processing_pb2.SubmitRequest(kind=kind, request_json=request_json, idempotency=idempotency, upload=upload),
            token=self._tokens.token(caller),
            timeout=_SUBMIT_SECONDS,
            retries=RETRIES if idempotency is not None else 0,
        )
        return response
