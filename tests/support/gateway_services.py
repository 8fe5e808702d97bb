# ruff: noqa: N802 — the methods are named as in the protos
"""The four services behind the gateway, reduced to what its HTTP contract needs, over real gRPC.

Each keeps its state in plain dictionaries that a test may drive: a job begins to sound when the test says so.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opentelemetry import trace
from redis.asyncio import Redis

from protos.common.v1 import common_pb2
from protos.generation.v1 import generation_pb2, generation_pb2_grpc
from protos.processing.v1 import processing_pb2, processing_pb2_grpc
from protos.users.v1 import accounts_pb2, accounts_pb2_grpc, jobs_pb2, jobs_pb2_grpc, tracks_pb2, tracks_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_service, require_user
from services.shared.ids import new_id
from services.shared.storage import ObjectStore

KEY_ID = "test-key"
FINAL = {jobs_pb2.JOB_STATUS_SUCCEEDED, jobs_pb2.JOB_STATUS_FAILED, jobs_pb2.JOB_STATUS_CANCELLED}
MEDIA_TYPES = {
    common_pb2.AUDIO_FORMAT_WAV: "audio/wav",
    common_pb2.AUDIO_FORMAT_FLAC: "audio/flac",
    common_pb2.AUDIO_FORMAT_MP3: "audio/mpeg",
    common_pb2.AUDIO_FORMAT_OGG: "audio/ogg",
    common_pb2.AUDIO_FORMAT_OPUS: "audio/ogg",
    common_pb2.AUDIO_FORMAT_M4A: "audio/mp4",
}


def not_found(noun: str) -> AppError:
    return AppError(ErrorCode.NOT_FOUND, f"There is no {noun} of this id.")


class Accounts(accounts_pb2_grpc.AccountServiceServicer):
    """Accounts without a database: passwords are compared as they are."""

    def __init__(self, key: Ed25519PrivateKey, redis: Redis) -> None:
        self.key = key
        self.redis = redis
        self.users: dict[str, accounts_pb2.User] = {}
        self.passwords: dict[str, str] = {}
        self.sessions: dict[str, tuple[str, accounts_pb2.Session]] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.browsers: dict[str, tuple[accounts_pb2.User, str]] = {}
        self.browser_resolutions = 0
        self.resolve_failures: list[AppError] = []
        self.renews = False
        self.jwks_fetches = 0
        self.me_failures: list[AppError] = []
        self.last_trace_id = ""
        self.last_request_id = ""

    def access_token(
        self, user: accounts_pb2.User, session_id: str, *, key: Ed25519PrivateKey | None = None, **claims: object
    ) -> str:
        now = int(time.time())
        body = {
            "iss": "musicgen",
            "aud": "musicgen-api",
            "sub": user.id,
            "username": user.username,
            "role": user.role,
            "sid": session_id,
            "jti": new_id(),
            "iat": now,
            "exp": now + 900,
        }
        return jwt.encode({**body, **claims}, key or self.key, algorithm="EdDSA", headers={"kid": KEY_ID})

    def add_user(self, username: str, password: str = "correct horse", email: str = "") -> accounts_pb2.User:
        user = accounts_pb2.User(id=new_id(), username=username, email=email or f"{username}@example.org", role="user")
        user.created_at.GetCurrentTime()
        self.users[user.id] = user
        self.passwords[username] = password
        return user

    def sign_in(self, user: accounts_pb2.User, device: accounts_pb2.Device | None = None) -> accounts_pb2.TokenPair:
        session = accounts_pb2.Session(
            id=new_id(), address=device.address if device else "", user_agent=device.user_agent if device else ""
        )
        session.created_at.GetCurrentTime()
        session.last_used_at.GetCurrentTime()
        self.sessions[session.id] = (user.id, session)
        refresh = new_id()
        self.refresh_tokens[refresh] = user.id
        return accounts_pb2.TokenPair(
            access_token=self.access_token(user, session.id), expires_in_seconds=900, refresh_token=refresh, user=user
        )

    async def Register(self, request, context):
        require_service()
        if any(user.username == request.username for user in self.users.values()):
            raise AppError(ErrorCode.CONFLICT, "The username is taken: choose another.")
        if len(request.password) < 8:
            raise AppError.field("/password", "Must have 8 to 256 characters.")
        user = self.add_user(request.username, request.password, request.email)
        user.full_name = request.full_name
        return accounts_pb2.RegisterResponse(tokens=self.sign_in(user, request.device))

    async def Login(self, request, context):
        require_service()
        for user in self.users.values():
            if request.identifier in {user.username, user.email} and self.passwords[user.username] == request.password:
                return accounts_pb2.LoginResponse(tokens=self.sign_in(user, request.device))
        raise AppError(ErrorCode.UNAUTHENTICATED, "The name or the password is wrong.")

    async def Refresh(self, request, context):
        require_service()
        user_id = self.refresh_tokens.pop(request.refresh_token, None)
        if user_id is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The refresh token is not valid. Sign in again.")
        return accounts_pb2.RefreshResponse(tokens=self.sign_in(self.users[user_id], request.device))

    async def OpenBrowserSession(self, request, context):
        pair = (await self.Login(request, context)).tokens
        secret, session_id = f"mgb_{new_id()}-------", list(self.sessions)[-1]
        self.browsers[secret] = (pair.user, session_id)
        return accounts_pb2.OpenBrowserSessionResponse(session=self._browser(secret), secret=secret)

    async def ResolveBrowserSession(self, request, context):
        require_service()
        self.browser_resolutions += 1
        if self.resolve_failures:
            raise self.resolve_failures.pop()
        if request.secret not in self.browsers or self.browsers[request.secret][1] not in self.sessions:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The session has ended. Sign in again.")
        renewed, self.renews = self.renews, False
        return accounts_pb2.ResolveBrowserSessionResponse(session=self._browser(request.secret), renewed=renewed)

    def _browser(self, secret: str) -> accounts_pb2.BrowserSession:
        user, session_id = self.browsers[secret]
        return accounts_pb2.BrowserSession(id=session_id, user=user, lifetime_seconds=3600)

    async def Logout(self, request, context):
        await self._revoke(require_user().session_id)
        return accounts_pb2.LogoutResponse()

    async def GetMe(self, request, context):
        caller = require_user()
        self.last_trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        self.last_request_id = str(structlog.contextvars.get_contextvars().get("request_id"))
        if self.me_failures:
            raise self.me_failures.pop()
        return accounts_pb2.GetMeResponse(user=self.users[caller.subject])

    async def ListSessions(self, request, context):
        caller = require_user()
        found = []
        for user_id, session in self.sessions.values():
            if user_id == caller.subject:
                shown = accounts_pb2.Session()
                shown.CopyFrom(session)
                shown.current = session.id == caller.session_id
                found.append(shown)
        return accounts_pb2.ListSessionsResponse(sessions=found)

    async def RevokeSession(self, request, context):
        owner_id, _ = self.sessions.get(request.session_id, ("", None))
        if owner_id != require_user().subject:
            raise not_found("session")
        await self._revoke(request.session_id)
        return accounts_pb2.RevokeSessionResponse()

    async def GetJwks(self, request, context):
        require_service()
        self.jwks_fetches += 1
        public = jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return accounts_pb2.GetJwksResponse(jwks_json=json.dumps({"keys": [{**public, "kid": KEY_ID, "alg": "EdDSA"}]}))

    async def GetLocalOwner(self, request, context):
        require_service()
        owner = next((user for user in self.users.values() if user.username == "local"), None)
        return accounts_pb2.GetLocalOwnerResponse(user=owner or self.add_user("local"))

    async def GetUsage(self, request, context):
        require_user()
        return accounts_pb2.GetUsageResponse(balance_seconds=3570.0, reserved_seconds=30.0, used_seconds=120.0)

    async def _revoke(self, session_id: str) -> None:
        self.sessions.pop(session_id, None)
        await self.redis.set(f"mg:revoked:{session_id}", "1", ex=900)


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
        self, job_id: str, status: int, *, track_ids: tuple[str, ...] = (), error: tuple[str, str] | None = None
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
            self.songs[job_id].ended = True
            self.changed.notify_all()
        words = {jobs_pb2.JOB_STATUS_SUCCEEDED: "succeeded", jobs_pb2.JOB_STATUS_FAILED: "failed"}
        await self.publish(job_id, "status", {"status": words.get(status, "cancelled")})
        if status == jobs_pb2.JOB_STATUS_SUCCEEDED:
            await self.publish(job_id, "done", {"id": job_id})
        elif status == jobs_pb2.JOB_STATUS_FAILED:
            await self.publish(job_id, "error", {"code": job.error.code, "message": job.error.message})

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


class Tracks(tracks_pb2_grpc.TrackServiceServicer):
    """A library."""

    def __init__(self) -> None:
        self.tracks: dict[str, tracks_pb2.Track] = {}
        self.asked: list[tracks_pb2.ListTracksRequest] = []

    def add(self, owner: accounts_pb2.User, **content: object) -> tracks_pb2.Track:
        track = tracks_pb2.Track(id=new_id(), owner_id=owner.id, owner_username=owner.username, job_id=new_id())
        track.content.MergeFrom(
            tracks_pb2.TrackContent(
                **{
                    "title": "Rain on tin",
                    "prompt": "rain",
                    "model": "composer",
                    "seed": 7,
                    "duration_seconds": 30.0,
                    "sample_rate_hz": 44_100,
                    "channels": 2,
                    "licence": tracks_pb2.Licence(name="MIT", commercial_use=True),
                    "master_object_key": f"jobs/{track.job_id}/1/master.flac",
                    "midi_object_key": f"jobs/{track.job_id}/1/song.mid",
                    "stems": [tracks_pb2.Stem(name="drums", object_key=f"jobs/{track.job_id}/1/stems/drums.flac")],
                    "spec_json": '{"genre": "lofi"}',
                    **content,
                }
            )
        )
        track.created_at.GetCurrentTime()
        self.tracks[track.id] = track
        return track

    def readable(self, track_id: str) -> tracks_pb2.Track:
        track = self.tracks.get(track_id)
        if track is None or track.HasField("deleted_at"):
            raise not_found("track")
        if track.owner_id != require_user().subject and not track.content.public:
            raise not_found("track")
        return track

    def own(self, track_id: str) -> tracks_pb2.Track:
        track = self.tracks.get(track_id)
        if track is None or track.owner_id != require_user().subject:
            raise not_found("track")
        return track

    async def GetTrack(self, request, context):
        return tracks_pb2.GetTrackResponse(track=self.readable(request.track_id))

    async def ListTracks(self, request, context):
        caller = require_user()
        self.asked.append(request)
        found = [
            track
            for track in self.tracks.values()
            if track.owner_id == caller.subject and track.HasField("deleted_at") == request.trashed
        ]
        start = int(request.page.cursor or 0)
        end = start + (request.page.limit or 20)
        return tracks_pb2.ListTracksResponse(tracks=found[start:end], next_cursor=str(end) if end < len(found) else "")

    async def UpdateTrack(self, request, context):
        content = self.own(request.track_id).content
        if request.HasField("title"):
            content.title = request.title
        if request.HasField("public"):
            content.public = request.public
        if request.set_tags:
            content.tags[:] = request.tags
        return tracks_pb2.UpdateTrackResponse(track=self.tracks[request.track_id])

    async def DeleteTrack(self, request, context):
        self.own(request.track_id).deleted_at.GetCurrentTime()
        if request.forever:
            del self.tracks[request.track_id]
        return tracks_pb2.DeleteTrackResponse()

    async def RestoreTrack(self, request, context):
        track = self.own(request.track_id)
        track.ClearField("deleted_at")
        return tracks_pb2.RestoreTrackResponse(track=track)

    async def ListVersions(self, request, context):
        track = self.own(request.track_id)
        root = track.content.parent_id or track.id
        tree = [each for each in self.tracks.values() if root in (each.id, each.content.parent_id)]
        return tracks_pb2.ListVersionsResponse(tracks=tree)


class Generation(generation_pb2_grpc.GenerationServiceServicer):
    """One model; live audio as the test lets it sound."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.submitted: list[generation_pb2.GenerateRequest] = []
        self.answers: dict[tuple[str, str, str], tuple[bytes, str]] = {}
        self.failures: list[AppError] = []

    async def Submit(self, request, context):
        caller = require_user()
        wanted, once = request.request, request.idempotency
        scope = (caller.subject, once.route, once.key)
        if once.key and scope in self.answers:
            body, job_id = self.answers[scope]
            if body != once.body_sha256:
                raise AppError(ErrorCode.IDEMPOTENCY_MISMATCH, "The key was used for another request: use a new one.")
            return generation_pb2.SubmitResponse(job=self.jobs.jobs[job_id], replayed=True)
        if wanted.prompt == "fail" and self.failures:
            raise self.failures.pop()
        if wanted.model not in {"", "composer"}:
            raise AppError.field("/model", "There is no model of this name. Choose one of: composer.")
        if wanted.duration_seconds > 600:
            raise AppError.field("/duration", "The composer makes at most 600 seconds.")
        self.submitted.append(wanted)
        job = await self.jobs.add(
            caller.subject, request={"prompt": wanted.prompt, "duration": wanted.duration_seconds or 30.0}
        )
        if once.key:
            self.answers[scope] = (once.body_sha256, job.id)
        return generation_pb2.SubmitResponse(job=job)

    async def SubmitBatch(self, request, context):
        """As the real one: a key that is known replays, and a request that is refused refuses them all."""
        jobs, submitted, answers = dict(self.jobs.jobs), list(self.submitted), dict(self.answers)
        responses = []
        for position, item in enumerate(request.requests):
            try:
                responses.append(await self.Submit(item, context))
            except AppError as error:
                self.jobs.jobs, self.submitted, self.answers = jobs, submitted, answers
                raise error.within(f"/requests/{position}") from None
        return generation_pb2.SubmitBatchResponse(responses=responses)

    async def Watch(self, request, context) -> AsyncIterator[generation_pb2.WatchResponse]:
        job = self.jobs.own(request.job_id)
        song = self.jobs.songs[job.id]
        song.watchers += 1
        sent = 0
        try:
            if song.gone:
                raise not_found("live channel")
            while True:
                while sent < len(song.chunks):
                    sent += 1
                    yield generation_pb2.WatchResponse(data=song.chunks[sent - 1])
                    if song.failures:
                        raise song.failures.pop()
                if song.ended:
                    return
                async with self.jobs.changed:
                    await self.jobs.changed.wait_for(
                        partial(lambda heard: len(song.chunks) > heard or song.ended, sent)
                    )
        finally:
            song.watchers -= 1

    async def ListModels(self, request, context):
        return generation_pb2.ListModelsResponse(models=[_MODEL])

    async def GetModel(self, request, context):
        if request.model_id != _MODEL.id:
            raise not_found("model")
        return generation_pb2.GetModelResponse(model=_MODEL)


_MODEL = generation_pb2.Model(
    id="composer",
    family="composer",
    title="Composer",
    licence="MIT",
    commercial_use=True,
    installed=True,
    sample_rate_hz=44_100,
    channels=2,
    max_duration_seconds=600,
    conditioning=["text"],
    outputs=["audio", "stems", "midi"],
    parameters=["bpm", "key"],
    default=True,
)


class Processing(processing_pb2_grpc.ProcessingServiceServicer):
    """Derivatives that are as long as a test's audio has to be."""

    def __init__(self, jobs: Jobs, tracks: Tracks, store: ObjectStore) -> None:
        self.jobs = jobs
        self.tracks = tracks
        self.store = store
        self.content: dict[str, bytes] = {}
        self.derivative_calls = 0
        self.submitted: list[processing_pb2.SubmitRequest] = []
        self.refusal = ""
        self.too_slow = False
        self.answers: dict[tuple[str, str, str], tuple[bytes, str]] = {}
        self.lost_answers = 0

    async def EnsureDerivative(self, request, context):
        self.derivative_calls += 1
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
