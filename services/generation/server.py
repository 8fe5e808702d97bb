"""The gRPC face of generation: submit, watch, cancel, models. Holds no torch and no database."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from protos.generation.v1 import generation_pb2, generation_pb2_grpc
from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.generation import job_request
from services.generation.backends.protocol import ModelDescription
from services.generation.catalogue import ModelCatalogue
from services.generation.extensions import Extensions
from services.generation.live.broadcast import Broadcasts
from services.generation.live.encoders import check_format
from services.generation.pulls import job as pull_job
from services.generation.pulls.puller import ModelPuller
from services.generation.sources import TrackSources
from services.generation.speeds import ModelSpeeds
from services.generation.submission import RequestChecker
from services.generation.variations import Variations
from services.generation.worker_registry import ResidentModels
from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.grpc_client import call
from services.shared.identity import Principal, require_user
from services.shared.telemetry import inject_headers

SERVICE_NAME = "musicgen.generation.v1.GenerationService"

_ENDED = {jobs_pb2.JOB_STATUS_SUCCEEDED, jobs_pb2.JOB_STATUS_FAILED, jobs_pb2.JOB_STATUS_CANCELLED}
_IDEMPOTENT_RETRIES = 3

_SUBMITTED = Counter("generation_submitted_total", "Accepted requests by model.", ["model"])
_LISTENERS = Gauge("generation_live_listeners", "Listeners of live audio now.", ["format"])
_FORMAT_NAMES = {1: "wav", 3: "mp3", 5: "opus"}

_log = structlog.get_logger(__name__)


class GenerationServicer(generation_pb2_grpc.GenerationServiceServicer):
    """Answers the calls of `GenerationService`; jobs live in user_management, audio in the live channel."""

    def __init__(
        self,
        jobs: jobs_pb2_grpc.JobServiceStub,
        checker: RequestChecker,
        catalogue: ModelCatalogue,
        broadcasts: Broadcasts,
        resident: ResidentModels,
        speeds: ModelSpeeds,
        sources: TrackSources,
        puller: ModelPuller,
    ) -> None:
        self._jobs = jobs
        self._checker = checker
        self._catalogue = catalogue
        self._broadcasts = broadcasts
        self._resident = resident
        self._speeds = speeds
        self._sources = sources
        self._puller = puller
        self._variations = Variations(catalogue, sources)
        self._extensions = Extensions(catalogue, sources)

    async def Submit(  # noqa: N802 — the wire's name
        self, request: generation_pb2.SubmitRequest, context: Any
    ) -> generation_pb2.SubmitResponse:
        """Check the request and create its job in the caller's name."""
        caller = require_user()
        create = await self._create_request(request, caller.token)
        # Only a call with a key may be repeated by us: without one, a lost answer would make two jobs.
        retries = _IDEMPOTENT_RETRIES if request.idempotency.key else 0
        return _submitted(await call(self._jobs.Create, create, token=caller.token, retries=retries))

    async def SubmitBatch(  # noqa: N802 — the wire's name
        self, request: generation_pb2.SubmitBatchRequest, context: Any
    ) -> generation_pb2.SubmitBatchResponse:
        """Check every request and create all jobs at once."""
        caller = require_user()
        creates = []
        for position, item in enumerate(request.requests):
            try:
                creates.append(await self._create_request(item, caller.token))
            except AppError as error:
                raise error.within(f"/requests/{position}") from None
        retries = _IDEMPOTENT_RETRIES if all(item.idempotency.key for item in request.requests) else 0
        batch = jobs_pb2.CreateBatchRequest(jobs=creates)
        try:
            answer: jobs_pb2.CreateBatchResponse = await call(
                self._jobs.CreateBatch, batch, token=caller.token, retries=retries
            )
        except AppError as error:
            raise _of_requests(error) from None
        return generation_pb2.SubmitBatchResponse(responses=[_submitted(created) for created in answer.jobs])

    async def _create_request(self, request: generation_pb2.SubmitRequest, token: str) -> jobs_pb2.CreateRequest:
        if request.request.variation_of_id:
            checked, model = await self._variations.check(request.request, token)
        elif self._extensions.takes(request.request):
            checked, model = await self._extensions.check(request.request, token)
        else:
            checked, model = self._checker.check(request.request)
        # Songs that come from notes need nobody's sound; the terms of what they come from hold all the same.
        from_notes = bool(checked.variation_of_id or checked.extensions)
        sources = await self._sources.resolve(checked, token, with_sound=not from_notes)
        return jobs_pb2.CreateRequest(
            kind=job_request.KIND,
            queue=job_request.QUEUE,
            request_json=job_request.encode(checked, inject_headers({}), sources),
            cost=model.cost,
            reserve_seconds=checked.duration_seconds,
            reserve_bytes=model.most_stored_bytes(checked.duration_seconds),
            model=model.id,
            idempotency=request.idempotency,
            webhook_url=request.request.webhook_url,
        )

    async def Watch(  # noqa: N802 — the wire's name
        self, request: generation_pb2.WatchRequest, context: Any
    ) -> AsyncIterator[generation_pb2.WatchResponse]:
        """Stream a job's audio from its first sample, encoded, until the job's audio ends."""
        caller = require_user()
        check_format(request.format)
        found = await call(
            self._jobs.Get,
            jobs_pb2.GetRequest(job_id=request.job_id),
            token=caller.token,
            retries=_IDEMPOTENT_RETRIES,
        )
        if found.job.kind != job_request.KIND:
            raise AppError(ErrorCode.NOT_FOUND, "This job makes no live audio.")
        if found.job.status in _ENDED and await self._broadcasts.reader(request.job_id).format(0) is None:
            raise AppError(
                ErrorCode.NOT_FOUND, "The live audio of this job is gone. The finished track is the source now."
            )
        listeners = _LISTENERS.labels(_FORMAT_NAMES[request.format])
        with listeners.track_inprogress():
            async with contextlib.aclosing(self._broadcasts.listen(request.job_id, request.format)) as stream:
                async for data in stream:
                    yield generation_pb2.WatchResponse(data=data)

    async def Cancel(  # noqa: N802 — the wire's name
        self, request: generation_pb2.CancelRequest, context: Any
    ) -> generation_pb2.CancelResponse:
        """Ask for the end of a generation of the caller."""
        caller = require_user()
        answer = await call(
            self._jobs.Cancel,
            jobs_pb2.CancelRequest(job_id=request.job_id),
            token=caller.token,
            retries=_IDEMPOTENT_RETRIES,
        )
        return generation_pb2.CancelResponse(job=answer.job)

    async def ListModels(  # noqa: N802 — the wire's name
        self, request: generation_pb2.ListModelsRequest, context: Any
    ) -> generation_pb2.ListModelsResponse:
        """Every model of the catalogue."""
        return generation_pb2.ListModelsResponse(models=await self._wires(list(self._catalogue)))

    async def GetModel(  # noqa: N802 — the wire's name
        self, request: generation_pb2.GetModelRequest, context: Any
    ) -> generation_pb2.GetModelResponse:
        """One model of the catalogue."""
        [model] = await self._wires([self._catalogue.get(request.model_id)])
        return generation_pb2.GetModelResponse(model=model)

    async def PullModel(  # noqa: N802 — the wire's name
        self, request: generation_pb2.PullModelRequest, context: Any
    ) -> generation_pb2.PullModelResponse:
        """Create the job that fetches a model."""
        caller = _administrator()
        model = self._catalogue.get(request.model_id)
        if model.installed:
            raise AppError(ErrorCode.CONFLICT, f"{model.title} is here already.")
        if not self._puller.can_pull(model.id):
            message = f"Nobody has said where {model.title} is to be had. Name its source in configs/models.yaml."
            raise AppError(ErrorCode.NOT_FOUND, message)
        create = jobs_pb2.CreateRequest(
            kind=pull_job.KIND,
            queue=pull_job.QUEUE,
            request_json=pull_job.encode(model.id, model.licence),
            cost=1,
            idempotency=request.idempotency,
        )
        retries = _IDEMPOTENT_RETRIES if request.idempotency.key else 0
        created = await call(self._jobs.Create, create, token=caller.token, retries=retries)
        return generation_pb2.PullModelResponse(job=created.job, replayed=created.replayed)

    async def RemoveModel(  # noqa: N802 — the wire's name
        self, request: generation_pb2.RemoveModelRequest, context: Any
    ) -> generation_pb2.RemoveModelResponse:
        """Take a model out of the models folder."""
        caller = _administrator()
        model = self._catalogue.get(request.model_id)
        if model.installed and not await asyncio.to_thread(self._puller.can_remove, model.id):
            raise AppError(ErrorCode.CONFLICT, f"{model.title} is built in and cannot be removed.")
        await asyncio.to_thread(self._puller.remove, model.id)
        self._catalogue.refresh()
        _log.info("model_removed", model=model.id, user_id=caller.subject)
        return generation_pb2.RemoveModelResponse()

    async def _wires(self, models: Sequence[ModelDescription]) -> list[generation_pb2.Model]:
        loaded = await self._resident.get()
        speeds = await self._speeds.of(model.id for model in models)
        return [self._wire(model, loaded, speeds.get(model.id, 0.0)) for model in models]

    def _wire(self, model: ModelDescription, loaded: frozenset[str], speed: float) -> generation_pb2.Model:
        return generation_pb2.Model(
            id=model.id,
            family=model.family,
            title=model.title,
            description=model.description,
            licence=model.licence,
            commercial_use=model.commercial_use,
            installed=model.installed,
            loaded=model.id in loaded,
            size_bytes=model.size_bytes,
            sample_rate_hz=model.sample_rate_hz,
            channels=model.channels,
            max_duration_seconds=model.max_duration_seconds,
            conditioning=model.conditioning,
            outputs=model.outputs,
            default=model.id == self._catalogue.default_id,
            parameters=model.parameters,
            continues_from=model.continues_from,
            can_pull=not model.installed and self._puller.can_pull(model.id),
            can_remove=model.installed and self._puller.can_remove(model.id),
            real_time_factor=speed,
        )


def _administrator() -> Principal:
    """Who calls. Raises FORBIDDEN unless it is an administrator, and with a key one for that."""
    caller = require_user()
    if caller.role != "admin" or (caller.scopes and "admin" not in caller.scopes):
        raise AppError(ErrorCode.FORBIDDEN, "Only administrators may do this.")
    return caller


def _of_requests(error: AppError) -> AppError:
    """The ledger's error about a batch, its pointers into the batch of requests."""
    violations = [
        FieldViolation(re.sub(r"^/jobs/(\d+)", r"/requests/\1", item.pointer), item.detail) for item in error.violations
    ]
    return AppError(
        error.code, error.message, violations=violations, retry_after_seconds=error.retry_after_seconds, **error.context
    )


def _submitted(created: jobs_pb2.CreateResponse) -> generation_pb2.SubmitResponse:
    if not created.replayed:
        _SUBMITTED.labels(created.job.model).inc()
    return generation_pb2.SubmitResponse(job=created.job, replayed=created.replayed)
