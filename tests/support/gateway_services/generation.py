# ruff: noqa: N802 — the methods are named as in the protos
"""Generation with one model: live audio sounds as the test lets it; over real gRPC."""

from collections.abc import AsyncIterator
from functools import partial

from protos.generation.v1 import generation_pb2, generation_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_user
from tests.support.gateway_services.jobs import Jobs
from tests.support.gateway_services.library import not_found


class Generation(generation_pb2_grpc.GenerationServiceServicer):
    """One model; live audio as the test lets it sound."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.submitted: list[generation_pb2.GenerateRequest] = []
        self.answers: dict[tuple[str, str, str], tuple[bytes, str]] = {}
        self.failures: list[AppError] = []
        self.pulled: list[generation_pb2.PullModelRequest] = []
        self.removed: list[str] = []

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

    async def PullModel(self, request, context):
        caller = require_user()
        if request.model_id != "musicgen-small":
            raise not_found("model")
        self.pulled.append(request)
        job = await self.jobs.add(caller.subject, kind="pull_model", request={"model": request.model_id})
        return generation_pb2.PullModelResponse(job=job)

    async def RemoveModel(self, request, context):
        require_user()
        if request.model_id != "musicgen-small":
            raise not_found("model")
        self.removed.append(request.model_id)
        return generation_pb2.RemoveModelResponse()


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
    real_time_factor=9.4004,
    conditioning=["text"],
    outputs=["audio", "stems", "midi"],
    parameters=["bpm", "key"],
    default=True,
)
