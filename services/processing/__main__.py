"""The processing server: `python -m services.processing`. Ends on SIGTERM within 10 s."""

from __future__ import annotations

import asyncio
import signal

import structlog

from protos.processing.v1.processing_pb2_grpc import add_ProcessingServiceServicer_to_server
from protos.users.v1.jobs_pb2_grpc import JobServiceStub
from protos.users.v1.tracks_pb2_grpc import TrackServiceStub
from services.processing.analysis.waveforms import Waveforms
from services.processing.config import ProcessingSettings
from services.processing.covers.covers import Covers
from services.processing.heavy_work import HeavyWork
from services.processing.jobs.submission import Submissions
from services.processing.media.derivatives import Derivatives
from services.processing.media.pictures import Pictures
from services.processing.scratch import Scratch
from services.processing.server import SERVICE_NAME, ProcessingServicer
from services.shared.errors import AppError
from services.shared.grpc_client import open_channel
from services.shared.grpc_server import GrpcServer
from services.shared.identity import ServiceTokenSource, TokenVerifier
from services.shared.ids import new_id
from services.shared.logging import configure_logging
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.telemetry import configure_tracing, start_metrics_server

_GRACE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


async def serve(settings: ProcessingSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises `AppError` when the process cannot start."""
    secrets = Secrets(settings.secrets_dir)
    verifier = TokenVerifier(secrets.internal_token_public_key(), secrets.service_token_key())
    tokens = ServiceTokenSource("processing", secrets.service_token_key())
    store = ObjectStore.from_url(settings.storage_url)
    scratch = Scratch(settings.scratch_dir, f"server-{new_id()}")
    heavy = HeavyWork(settings.encoders)
    derivatives = Derivatives(store, scratch, heavy, linger_seconds=settings.linger_seconds)
    waveforms = Waveforms(store, scratch, heavy, linger_seconds=settings.linger_seconds)
    pictures = Pictures(store, scratch, heavy, linger_seconds=settings.linger_seconds)
    server = GrpcServer(
        service="processing",
        address=settings.address,
        verifier=verifier,
        reflection=settings.environment == "development",
    )
    try:
        async with open_channel(settings.users_address, tokens.token) as users:
            tracks = TrackServiceStub(users)
            submissions = Submissions(JobServiceStub(users), tracks)
            covers = Covers(store, scratch, heavy, waveforms, tracks, linger_seconds=settings.linger_seconds)
            servicer = ProcessingServicer(derivatives, waveforms, pictures, covers, submissions)
            server.add(add_ProcessingServiceServicer_to_server, servicer, SERVICE_NAME)
            await server.start()
            _log.info("ready", address=server.address)
            await stop.wait()
            await server.stop(_GRACE_SECONDS)
            await covers.aclose()
    finally:
        await derivatives.aclose()
        await waveforms.aclose()
        await pictures.aclose()
        heavy.close()
        scratch.close()
    _log.info("stopped")


async def run() -> None:
    """Read the settings, set up logs, traces and metrics, and serve until SIGTERM or SIGINT."""
    settings = ProcessingSettings.load()
    configure_logging("processing", settings.log_level, settings.log_format)
    configure_tracing("processing", settings.otlp_endpoint)
    start_metrics_server(settings.metrics_host, settings.metrics_port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await serve(settings, stop)


def main() -> None:
    """Run; a start that fails is one line on stderr and exit code 1."""
    try:
        asyncio.run(run())
    except AppError as error:
        raise SystemExit(error.message) from None


if __name__ == "__main__":
    main()
