"""A generation worker: `python -m services.generation.worker`.

Ends on SIGTERM within 10 s, handing back what it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from protos.users.v1.jobs_pb2_grpc import JobServiceStub
from services.generation.backends.protocol import Backend
from services.generation.backends.registry import find_backends
from services.generation.catalogue import CatalogueTexts
from services.generation.config import GenerationSettings
from services.generation.scratch import scratch_folder
from services.generation.worker.job_run import Collaborators
from services.generation.worker.loop import WorkerLoop
from services.generation.worker.models import WorkerModels
from services.shared.errors import AppError
from services.shared.grpc_client import open_channel, open_sync_channel
from services.shared.identity import ServiceTokenSource
from services.shared.leases import LeaseKeeper
from services.shared.logging import configure_logging
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.telemetry import configure_tracing, start_metrics_server
from services.shared.valkey import open_valkey

_log = structlog.get_logger(__name__)


async def work(settings: GenerationSettings, backends: Sequence[Backend], stop: asyncio.Event) -> bool:
    """Load the default model, then claim and run jobs until `stop` is set. False when something would not stop."""
    tokens = ServiceTokenSource("generation-worker", Secrets(settings.secrets_dir).service_token_key())
    models = WorkerModels(backends, CatalogueTexts.read(settings.models_file))
    await _warm_up(models)
    async with contextlib.AsyncExitStack() as stack:
        scratch = stack.enter_context(scratch_folder(settings.scratch_dir))
        redis = open_valkey(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        lease_channel = stack.enter_context(open_sync_channel(settings.users_address, tokens.token))
        keeper = LeaseKeeper(lease_channel, settings.worker_id)
        stack.callback(keeper.close)
        users = await stack.enter_async_context(open_channel(settings.users_address, tokens.token))
        shared = Collaborators(
            jobs=JobServiceStub(users),
            keeper=keeper,
            redis=redis,
            store=ObjectStore.from_url(settings.storage_url),
            models=models,
            scratch_dir=scratch,
        )
        _log.info("ready", worker_id=settings.worker_id, slots=settings.slots, models=list(models.resident))
        ended = await WorkerLoop(shared, settings.slots).run(stop)
    _log.info("stopped", clean=ended)
    return ended


async def _warm_up(models: WorkerModels) -> None:
    """Load the default model. Without it the worker still serves the others, and says to callers what is missing."""
    default = models.catalogue.default_id
    try:
        await models.load(default)
    except AppError as error:
        _log.error("default_model_missing", model=default, reason=error.message)


async def run(settings: GenerationSettings, backends: Sequence[Backend]) -> None:
    """Set up logs, traces and metrics, and work until SIGTERM or SIGINT."""
    configure_logging("generation-worker", settings.log_level, settings.log_format)
    configure_tracing("generation-worker", settings.otlp_endpoint)
    start_metrics_server(settings.metrics_host, settings.metrics_port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A song holds a thread of the pool while it is made, and needs others for its files.
    loop.set_default_executor(ThreadPoolExecutor(4 * settings.slots + 4, "worker"))
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    if not await work(settings, backends, stop):
        # A thread of a backend does not stop, and the interpreter would wait for it: everything is handed back already.
        os._exit(0)
    for backend in backends:
        backend.close()


def main() -> None:
    """Read the settings and run; a start that fails is one line on stderr and exit code 1."""
    try:
        settings = GenerationSettings.load()
        asyncio.run(run(settings, find_backends(settings.backend_environment, settings.extra_backend_names)))
    except AppError as error:
        raise SystemExit(f"generation worker: {error.message}") from None


if __name__ == "__main__":
    main()
