"""The generation server: `python -m services.generation`. Ends on SIGTERM within 10 s."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence

import structlog

from protos.generation.v1.generation_pb2_grpc import add_GenerationServiceServicer_to_server
from protos.users.v1.jobs_pb2_grpc import JobServiceStub
from protos.users.v1.tracks_pb2_grpc import TrackServiceStub
from services.generation.backends.protocol import Backend
from services.generation.backends.registry import find_backends
from services.generation.catalogue import CatalogueTexts, ModelCatalogue
from services.generation.config import GenerationSettings
from services.generation.live.broadcast import Broadcasts
from services.generation.pulls.loop import Pulls, run_pulls
from services.generation.pulls.puller import ModelPuller
from services.generation.scratch import scratch_folder
from services.generation.server import SERVICE_NAME, GenerationServicer
from services.generation.sources import TrackSources
from services.generation.speeds import ModelSpeeds
from services.generation.submission import RequestChecker
from services.generation.worker_registry import ResidentModels
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import open_channel, open_sync_channel
from services.shared.grpc_server import GrpcServer
from services.shared.identity import ServiceTokenSource, TokenVerifier
from services.shared.leases import LeaseKeeper
from services.shared.logging import configure_logging
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.telemetry import configure_tracing, start_metrics_server
from services.shared.valkey import open_valkey

_GRACE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


async def serve(settings: GenerationSettings, backends: Sequence[Backend], stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises `AppError` when the process cannot start."""
    secrets = Secrets(settings.secrets_dir)
    verifier = TokenVerifier(secrets.internal_token_public_key(), secrets.service_token_key())
    tokens = ServiceTokenSource("generation", secrets.service_token_key())
    texts = CatalogueTexts.read(settings.models_file)
    catalogue = ModelCatalogue.of(backends, texts)
    puller = _puller(settings, texts)
    async with contextlib.AsyncExitStack() as stack:
        scratch = stack.enter_context(scratch_folder(settings.scratch_dir))
        redis = open_valkey(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        users = await stack.enter_async_context(open_channel(settings.users_address, tokens.token))
        broadcasts = Broadcasts(redis, ObjectStore.from_url(settings.storage_url), scratch)
        server = GrpcServer(
            service="generation",
            address=settings.address,
            verifier=verifier,
            reflection=settings.environment == "development",
        )
        servicer = GenerationServicer(
            jobs=JobServiceStub(users),
            checker=RequestChecker(catalogue, backends),
            catalogue=catalogue,
            broadcasts=broadcasts,
            resident=ResidentModels(redis),
            speeds=ModelSpeeds(redis),
            sources=TrackSources(TrackServiceStub(users)),
            puller=puller,
        )
        server.add(add_GenerationServiceServicer_to_server, servicer, SERVICE_NAME)
        await server.start()
        _log.info("ready", address=server.address, models=list(catalogue.ids()))
        lease_channel = stack.enter_context(open_sync_channel(settings.users_address, tokens.token))
        keeper = LeaseKeeper(lease_channel, f"{settings.worker_id}-models")
        stack.callback(keeper.close)
        await run_pulls(Pulls(JobServiceStub(users), keeper, redis, puller), stop)
        await broadcasts.stop()
        await server.stop(_GRACE_SECONDS)
    _log.info("stopped")


def _puller(settings: GenerationSettings, texts: CatalogueTexts) -> ModelPuller:
    """Raises VALIDATION for a source that cannot be read."""
    try:
        return ModelPuller(settings.models_dir, texts.sources)
    except ValueError as error:
        message = f"The model catalogue {settings.models_file} cannot be used: {error}"
        raise AppError(ErrorCode.VALIDATION, message) from error


async def run(settings: GenerationSettings, backends: Sequence[Backend]) -> None:
    """Set up logs, traces and metrics, and serve until SIGTERM or SIGINT."""
    configure_logging("generation", settings.log_level, settings.log_format)
    configure_tracing("generation", settings.otlp_endpoint)
    start_metrics_server(settings.metrics_host, settings.metrics_port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await serve(settings, backends, stop)
    for backend in backends:
        backend.close()


def main() -> None:
    """Read the settings and run; a start that fails is one line on stderr and exit code 1."""
    try:
        settings = GenerationSettings.load()
        asyncio.run(run(settings, find_backends(settings.backend_environment, settings.extra_backend_names)))
    except AppError as error:
        raise SystemExit(f"generation: {error.message}") from None


if __name__ == "__main__":
    main()
