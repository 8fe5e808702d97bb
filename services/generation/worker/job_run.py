"""One attempt at one job, from lease to track: generate, check, store, complete; or say why not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from opentelemetry import trace
from redis.asyncio import Redis

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from protos.users.v1.tracks_pb2 import TrackContent
from services.generation import job_request
from services.generation.backends.protocol import (
    GeneratedTrack,
    GenerationCancelled,
    GenerationPostponed,
    GenerationRequest,
    ModelDescription,
)
from services.generation.job_ending import JobEnding
from services.generation.speeds import note_speed
from services.generation.worker import metrics
from services.generation.worker.context import JobContext
from services.generation.worker.live_feed import LiveFeed
from services.generation.worker.live_output import LiveOutput
from services.generation.worker.models import WorkerModels
from services.generation.worker.output_gate import OutputRefused, check_output
from services.generation.worker.outputs import Outputs
from services.shared.errors import AppError, ErrorCode
from services.shared.job_endings import Outcome
from services.shared.job_progress import JobProgress
from services.shared.leases import Lease, LeaseKeeper
from services.shared.live_channel import StaleToken
from services.shared.live_tokens import read_tokens
from services.shared.storage import ObjectStore
from services.shared.telemetry import extract_context

# A backend looks at `check` every 0.2 s; one that does not is told on, not waited for.
_STOP_PATIENCE_SECONDS = 0.6

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What every attempt of a worker shares."""

    jobs: jobs_pb2_grpc.JobServiceStub
    keeper: LeaseKeeper
    redis: Redis
    store: ObjectStore
    models: WorkerModels
    scratch_dir: Path


class JobRun:
    """Runs one leased job. `run` never raises for what the job does; it answers how the attempt ended."""

    def __init__(self, shared: Collaborators, leased: jobs_pb2.LeasedJob, claimed_at: float) -> None:
        self._shared = shared
        self._leased = leased
        self._began = time.monotonic()
        self._first_audio_at: float | None = None
        self._context: JobContext | None = None
        self._stop_early = False
        self._keeping: asyncio.Future[tuple[TrackContent, int]] | None = None
        self._loop = asyncio.get_running_loop()
        self._lease = shared.keeper.hold(leased, claimed_at=claimed_at, on_stop=self._stop_from_thread)
        self._ending = JobEnding(shared.jobs, self._lease)

    @property
    def job_id(self) -> str:
        """The job."""
        return self._lease.job_id

    @property
    def model_id(self) -> str:
        """The model that it needs."""
        return self._leased.job.model

    @property
    def settled(self) -> asyncio.Event:
        """Set as soon as the ledger knows how the attempt ended, or it is lost; a deaf backend may still be running."""
        return self._ending.settled

    @property
    def run_alone(self) -> bool:
        """Whether nothing may run beside it."""
        return self._leased.run_alone

    def stop(self) -> None:
        """Let the work stop soon; the lease is given back then.

        A song that is made already is kept all the same, unless it was cancelled or the lease is lost.
        """
        self._stop_early = True
        if self._context is not None:
            self._context.stop()
        self._give_up_if_unwanted()

    def _stop_from_thread(self, _lease: Lease) -> None:
        self._loop.call_soon_threadsafe(self.stop)

    async def run(self) -> Outcome:
        """Do it all. Cancelling the task gives the lease back."""
        structlog.contextvars.bind_contextvars(job_id=self.job_id, attempt=self._lease.attempt)
        outcome = Outcome.LOST
        try:
            outcome = await self._attempt()
        except asyncio.CancelledError:
            outcome = await asyncio.shield(self._ending.release())
            raise
        finally:
            self._ending.drop()
            metrics.JOBS.labels(self._leased.job.model, outcome.value).inc()
            _log.info("job_run_ended", outcome=outcome.value, seconds=round(time.monotonic() - self._began, 2))
        return outcome

    async def _attempt(self) -> Outcome:
        try:
            request, carrier = job_request.decode(self._leased.job.request_json)
            with _tracer.start_as_current_span("generate", context=extract_context(carrier)) as span:
                span.set_attribute("job.id", self.job_id)
                span.set_attribute("job.attempt", self._lease.attempt)
                _log.info("job_run_started", model=request.model, duration_seconds=request.duration_seconds)
                async with self._scratch() as scratch:
                    return await self._make(request, scratch)
        except (StaleToken, GenerationCancelled):
            return await self._ending.release()
        except GenerationPostponed:
            _log.warning("job_postponed", model=self.model_id)
            return await self._ending.release()
        except AppError as error:
            if error.code is ErrorCode.STALE_LEASE:
                return Outcome.LOST
            _log.warning("job_failed", code=error.code.value, reason=error.message, details=error.context)
            return await self._ending.fail(error)
        except OutputRefused as error:
            _log.error("output_refused", reason=str(error))
            return await self._ending.fail(
                AppError(ErrorCode.INTERNAL, "The song did not come out clean, so it was not kept. Try again.")
            )
        except Exception as error:
            _log.exception("job_crashed")
            return await self._ending.fail(_calm(error))

    async def _make(self, request: GenerationRequest, scratch: Path) -> Outcome:
        shared, lease = self._shared, self._lease
        feed = LiveFeed()
        reporter = JobProgress(shared.redis, lease)
        saved = await self._saved_tokens()
        context = JobContext(lease, scratch, feed, reporter, saved, await self._fetched_sources(request, scratch))
        self._context = context
        if self._stop_early:
            context.stop()
        live = LiveOutput(shared.redis, shared.store, lease, feed, self._note_first_audio, saved)
        async with _background(live.run(), on_failure=self.stop) as live_task, reporter.published():
            context.check()
            model = shared.models.describe(request.model)
            track = await self._generated(self._work(model.id, request, context), live_task)
            feed.finish()
            context.progress(0.99, "saving")
            content, stored_bytes = await self._kept(track, request, model, live_task)
            await self._complete(track, content, stored_bytes)
            await live.forget()
        return Outcome.SUCCEEDED

    async def _work(self, model_id: str, request: GenerationRequest, context: JobContext) -> GeneratedTrack:
        """Bring the model, which may take minutes, and make the song."""
        backend = await self._shared.models.load(model_id)
        context.check()
        return await backend.generate(request, context)

    async def _saved_tokens(self) -> bytes:
        """What an earlier attempt published; a record that cannot be read only costs time."""
        try:
            return await read_tokens(self._shared.redis, self.job_id)
        except AppError as error:
            _log.warning("token_record_not_read", reason=error.message)
            return b""

    async def _fetched_sources(self, request: GenerationRequest, scratch: Path) -> dict[str, Path]:
        """Local copies of the tracks that the request names. VALIDATION at the field of one that is gone."""
        paths: dict[str, Path] = {}
        sources = job_request.sources(self._leased.job.request_json)
        for field, track_id in request.heard.items():
            source = sources.get(track_id)
            if source is None or not source.object_key or track_id in paths:
                continue
            path = scratch / f"source-{len(paths)}.flac"
            try:
                await self._shared.store.download(source.object_key, path)
            except AppError as error:
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
                raise AppError.field(f"/{field}", "The track was deleted before the song's turn came.") from error
            paths[track_id] = path
        return paths

    async def _kept(
        self,
        track: GeneratedTrack,
        request: GenerationRequest,
        model: ModelDescription,
        live_task: asyncio.Task[None],
    ) -> tuple[TrackContent, int]:
        """Publish the rest, check and store what was made, unless its owner does not want it any more.

        What the library is told, and how many bytes lie in storage.
        """

        async def keep() -> tuple[TrackContent, int]:
            await live_task
            await asyncio.to_thread(check_output, track)
            sources = job_request.sources(self._leased.job.request_json)
            outputs = Outputs(self._shared.store, self._lease)
            return await outputs.store(track, request, model, tuple(sources.values())), outputs.stored_bytes

        self._keeping = asyncio.ensure_future(keep())
        try:
            self._give_up_if_unwanted()
            return await self._keeping
        except asyncio.CancelledError:
            if self._unwanted:
                raise GenerationCancelled(self.job_id) from None
            raise
        finally:
            self._keeping = None

    @property
    def _unwanted(self) -> bool:
        return self._lease.cancel_requested or self._lease.lost

    def _give_up_if_unwanted(self) -> None:
        if self._keeping is not None and self._unwanted:
            self._keeping.cancel()

    async def _generated(self, work: Any, live_task: asyncio.Task[None]) -> GeneratedTrack:
        """The backend's track. One that does not stop when asked (deaf, or loading) keeps its slot, but not the job."""
        context = self._context
        if context is None:
            raise AssertionError("The context is made before the work.")
        task: asyncio.Task[GeneratedTrack] = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(context.stopped.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=_STOP_PATIENCE_SECONDS)
            if not task.done():
                _log.warning("backend_slow_to_stop")
                await self._ending.release()
                await asyncio.wait({task})
            # Why the live audio stopped says more than that the backend then stopped too.
            for ended in (live_task, task):
                if ended.done() and (failure := ended.exception()) is not None:
                    raise failure
            return task.result()
        finally:
            stopped.cancel()
            if not task.done():
                task.cancel()

    def _note_first_audio(self, at: float) -> None:
        self._first_audio_at = at
        seconds = max(0.0, at - self._leased.job.created_at.ToMicroseconds() / 1e6)
        metrics.FIRST_AUDIO_SECONDS.labels(self.model_id).observe(seconds)

    async def _complete(self, track: GeneratedTrack, content: TrackContent, stored_bytes: int) -> None:
        seconds = max(time.monotonic() - self._began, 1e-3)
        factor = track.duration_seconds / seconds
        measurements = {
            **track.metrics,
            "run_seconds": round(seconds, 3),
            "real_time_factor": round(factor, 2),
        }
        if self._first_audio_at is not None:
            created = self._leased.job.created_at.ToMicroseconds() / 1e6
            measurements["first_audio_seconds"] = round(max(0.0, self._first_audio_at - created), 3)
        await self._ending.complete(content, stored_bytes, measurements)
        metrics.AUDIO_SECONDS.labels(self.model_id).inc(track.duration_seconds)
        metrics.REAL_TIME_FACTOR.labels(self.model_id).observe(factor)
        await note_speed(self._shared.redis, self.model_id, factor)

    @contextlib.asynccontextmanager
    async def _scratch(self) -> AsyncIterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._shared.scratch_dir))
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _calm(error: Exception) -> AppError:
    """What people hear of an error that nobody foresaw; the log has the rest."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return AppError(ErrorCode.STORAGE_FULL, "The machine's disk is full. Free some space and try again.")
    return AppError(ErrorCode.INTERNAL, "Something went wrong while making the song. Try again.")


@contextlib.asynccontextmanager
async def _background(work: Any, on_failure: Callable[[], None] | None = None) -> AsyncIterator[asyncio.Task[None]]:
    """Run `work` beside the block; it is cancelled at the block's end. `on_failure` hears of its failure at once."""
    task: asyncio.Task[None] = asyncio.ensure_future(work)
    if on_failure is not None:
        task.add_done_callback(lambda done: None if done.cancelled() or done.exception() is None else on_failure())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
