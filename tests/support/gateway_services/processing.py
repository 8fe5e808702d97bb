# ruff: noqa: N802 — the methods are named as in the protos
"""Processing: derivatives that are as long as a test's audio has to be; over real gRPC."""

import hashlib
import json

from protos.common.v1 import common_pb2
from protos.processing.v1 import processing_pb2, processing_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_user
from services.shared.storage import ObjectStore
from tests.support.gateway_services.jobs import Jobs
from tests.support.gateway_services.library import Tracks

MEDIA_TYPES = {
    common_pb2.AUDIO_FORMAT_WAV: "audio/wav",
    common_pb2.AUDIO_FORMAT_FLAC: "audio/flac",
    common_pb2.AUDIO_FORMAT_MP3: "audio/mpeg",
    common_pb2.AUDIO_FORMAT_OGG: "audio/ogg",
    common_pb2.AUDIO_FORMAT_OPUS: "audio/ogg",
    common_pb2.AUDIO_FORMAT_M4A: "audio/mp4",
}


class Processing(processing_pb2_grpc.ProcessingServiceServicer):
    """Derivatives that are as long as a test's audio has to be."""

    def __init__(self, jobs: Jobs, tracks: Tracks, store: ObjectStore) -> None:
        self.jobs = jobs
        self.tracks = tracks
        self.store = store
        self.content: dict[str, bytes] = {}
        self.derivative_calls = 0
        self.tags: processing_pb2.FileTags | None = None
        self.submitted: list[processing_pb2.SubmitRequest] = []
        self.refusal = ""
        self.too_slow = False
        self.answers: dict[tuple[str, str, str], tuple[bytes, str]] = {}
        self.lost_answers = 0

    async def EnsureDerivative(self, request, context):
        self.derivative_calls += 1
        self.tags = request.tags if request.HasField("tags") else None
        if self.too_slow:
            raise AppError(ErrorCode.DEADLINE_EXCEEDED, "The answer took too long.")
        content = self.content.get(request.object_key, b"")
        digest = hashlib.sha256(f"{request.object_key} {request.format}".encode()).hexdigest()
        key = f"derivatives/{digest}/audio.bin"
        await self.store.put(key, content)
        return processing_pb2.EnsureDerivativeResponse(
            object_key=key, size_bytes=len(content), media_type=MEDIA_TYPES[request.format], etag=digest[:32]
        )

    async def EnsureSpectrogram(self, request, context):
        key = f"derivatives/x/{request.width}x{request.height}-{request.scheme}.png"
        await self.store.put(key, b"PNG")
        return processing_pb2.EnsureSpectrogramResponse(object_key=key, size_bytes=3, etag="e" * 32)

    async def EnsureWaveformPicture(self, request, context):
        ending = "svg" if request.vector else "png"
        key = f"derivatives/x/{request.width}x{request.height}-{request.scheme}.{ending}"
        await self.store.put(key, ending.encode())
        return processing_pb2.EnsureWaveformPictureResponse(object_key=key, size_bytes=3, etag="w" * 32)

    async def SetCover(self, request, context):
        track = self.tracks.own(request.track_id)
        sent = await self.store.get(request.upload_object_key)
        if not sent.startswith(b"\x89PNG"):
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA, "This is no PNG, JPEG or WebP picture. Send one of these.")
        track.cover_object_key = f"jobs/{track.job_id}/cover/{hashlib.sha256(sent).hexdigest()}.jpg"
        await self.store.put(track.cover_object_key, sent)
        return processing_pb2.SetCoverResponse(track=track)

    async def EnsureCover(self, request, context):
        drawn = f"drawn of {request.object_key} {request.size}".encode()
        content = await self.store.get(request.cover_object_key) if request.cover_object_key else drawn
        digest = hashlib.sha256(content).hexdigest()
        key = f"derivatives/{digest}/cover.jpg"
        await self.store.put(key, content)
        return processing_pb2.EnsureCoverResponse(object_key=key, size_bytes=len(content), etag=digest[:32])

    async def GetCatalogue(self, request, context):
        name = processing_pb2.Catalogue.Name(request.catalogue)
        return processing_pb2.GetCatalogueResponse(document_json=json.dumps({"items": [name]}))

    async def GetWaveform(self, request, context):
        return processing_pb2.GetWaveformResponse(
            minima=[-0.123456] * request.points, maxima=[0.5] * request.points, duration_seconds=30.0
        )

    async def Submit(self, request, context):
        asked = json.loads(request.request_json)
        if self.refusal:
            raise AppError(ErrorCode.QUOTA_EXCEEDED, f"Refused by {self.refusal}.")
        for place in [asked, *asked.get("tracks", ())]:
            if "track_id" in place:
                self.tracks.readable(place["track_id"])
        once = request.idempotency
        scope = (require_user().subject, once.route, once.key)
        if once.key and scope in self.answers:
            body, job_id = self.answers[scope]
            if body != once.body_sha256:
                raise AppError(ErrorCode.IDEMPOTENCY_MISMATCH, "The key was used for another request: use a new one.")
            return processing_pb2.SubmitResponse(job=self.jobs.jobs[job_id], replayed=True)
        self.submitted.append(request)
        if request.upload.object_key:
            asked["_upload"] = request.upload.object_key
        job = await self.jobs.add(require_user().subject, kind=request.kind, request=asked)
        if once.key:
            self.answers[scope] = (once.body_sha256, job.id)
        if self.lost_answers:
            self.lost_answers -= 1
            raise AppError(ErrorCode.UNAVAILABLE, "The answer was lost.")
        return processing_pb2.SubmitResponse(job=job)
