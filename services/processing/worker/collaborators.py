"""What a worker child works with. Opened after the fork: channels, threads and sockets do not survive one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from redis.asyncio import Redis

from protos.users.v1.jobs_pb2 import ReportWorkerDeathRequest
from protos.users.v1.jobs_pb2_grpc import JobServiceStub
from services.processing.analysis.waveforms import Waveforms
from services.processing.config import ProcessingSettings
from services.processing.heavy_work import HeavyWork
from services.processing.jobs.kind import Equipment
from services.processing.media.derivatives import Derivatives
from services.processing.scratch import Scratch
from services.processing.worker.kind_run import KindRun
from services.shared.errors import AppError
from services.shared.grpc_client import call, open_channel, open_sync_channel
from services.shared.identity import ServiceTokenSource
from services.shared.ids import new_id
from services.shared.leases import LeaseKeeper
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey

_WORKER: Final = "processing-"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Collaborators:
    """One child's own set."""

    jobs: JobServiceStub
    keeper: LeaseKeeper
    redis: Redis
    kinds: KindRun
    derivatives: Derivatives
    waveforms: Waveforms


@contextlib.asynccontextmanager
async def open_collaborators(settings: ProcessingSettings) -> AsyncIterator[Collaborators]:
    """Open everything, and close it at the end."""
    tokens = ServiceTokenSource("processing-worker", Secrets(settings.secrets_dir).service_token_key())
    store = ObjectStore.from_url(settings.storage_url)
    with contextlib.ExitStack() as stack:
        worker_id = f"{_WORKER}{new_id()}"
        scratch = Scratch(settings.scratch_dir, worker_id)
        stack.callback(scratch.close)
        # One job at a time; what is made ahead of time neither delays it nor takes its core.
        heavy, patient = HeavyWork(1), HeavyWork(1, patient=True)
        stack.callback(heavy.close)
        stack.callback(patient.close)
        lease_channel = open_sync_channel(settings.users_address, tokens.token)
        stack.callback(lease_channel.close)
        keeper = LeaseKeeper(lease_channel, worker_id)
        stack.callback(keeper.close)
        derivatives = Derivatives(store, scratch, patient, linger_seconds=0.0)
        waveforms = Waveforms(store, scratch, patient, linger_seconds=0.0)
        async with contextlib.AsyncExitStack() as open_things:
            redis = open_valkey(settings.redis_url)
            open_things.push_async_callback(redis.aclose)
            open_things.push_async_callback(derivatives.aclose)
            open_things.push_async_callback(waveforms.aclose)
            users = await open_things.enter_async_context(open_channel(settings.users_address, tokens.token))
            jobs = JobServiceStub(users)
            await _report_deaths(jobs, scratch.dead_owners)
            yield Collaborators(
                jobs=jobs,
                keeper=keeper,
                redis=redis,
                kinds=KindRun(store, scratch, heavy, _equipment(settings)),
                derivatives=derivatives,
                waveforms=waveforms,
            )


def _equipment(settings: ProcessingSettings) -> Equipment:
    return Equipment(settings.assets_dir, settings.models_dir, settings.device, settings.threads)


async def _report_deaths(jobs: JobServiceStub, dead_owners: Sequence[str]) -> None:
    """Have the jobs of killed workers of this machine run again at once, instead of when their leases end."""
    for worker_id in dead_owners:
        if not worker_id.startswith(_WORKER):
            continue
        try:
            answer = await call(jobs.ReportWorkerDeath, ReportWorkerDeathRequest(worker_id=worker_id))
        except AppError as error:
            _log.warning("worker_death_not_reported", worker_id=worker_id, reason=error.message)
        else:
            _log.info("worker_death_reported", worker_id=worker_id, jobs=answer.jobs)
