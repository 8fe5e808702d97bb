"""`python -m services.user_management.background`: the Celery worker of queue `background`, with beat inside.

Each task runs in one of the worker's two child processes, opens what it needs and closes it again: nothing heavy, no
connection and no channel exists before the fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from celery import Celery, Task
from celery.platforms import SecurityWarning
from celery.signals import beat_embedded_init, setup_logging, worker_process_init, worker_ready
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from services.shared.errors import AppError
from services.shared.logging import configure_logging
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.telemetry import configure_tracing, extract_context, start_metrics_server
from services.user_management.auth.sealing import Sealer
from services.user_management.background.app import BACKGROUND, DELIVER, EXPORT, celery_app
from services.user_management.background.cleanup import delete_objects, sweep
from services.user_management.background.sender import REQUEST_ID_HEADER
from services.user_management.config import UserManagementSettings
from services.user_management.database import Database, open_engine
from services.user_management.exports.exports import Exporter
from services.user_management.notifications.digest import send_digests
from services.user_management.notifications.unsubscribing import Unsubscribing
from services.user_management.webhooks.deliveries import Deliveries
from services.user_management.webhooks.names import Names
from services.user_management.webhooks.sender import WebhookSender

SERVICE = "user_management.background"
# Kept well below the visibility timeout, after which another worker would begin the same task.
_LONGEST_TASK_SECONDS = 100
# An export of a large library from slow storage; its lease is what others go by.
_LONGEST_EXPORT_SECONDS = 6 * 3600
_PARENT_SECONDS = 0.5

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)


def register_tasks(app: Celery, settings: UserManagementSettings) -> None:
    """Add the tasks to an application."""
    # Outlives the tasks, as look-ups do that nobody waits for any more.
    names = Names()

    @app.task(name="background.delete_objects", bind=True, time_limit=_LONGEST_TASK_SECONDS)  # type: ignore[untyped-decorator]
    def _delete_objects(self: Task, prefixes: list[str]) -> None:
        with _traced(self):
            deleted = asyncio.run(delete_objects(ObjectStore.from_url(settings.storage_url), prefixes))
            _log.info("objects_deleted", objects=deleted)

    @app.task(name="background.sweep", bind=True, time_limit=_LONGEST_TASK_SECONDS)  # type: ignore[untyped-decorator]
    def _sweep(self: Task) -> None:
        with _traced(self):
            asyncio.run(_run_sweep(settings))

    @app.task(name="background.digest", bind=True, time_limit=_LONGEST_TASK_SECONDS)  # type: ignore[untyped-decorator]
    def _digest(self: Task) -> None:
        with _traced(self):
            asyncio.run(_run_digests(settings))

    @app.task(name=DELIVER, bind=True, time_limit=_LONGEST_TASK_SECONDS)  # type: ignore[untyped-decorator]
    def _deliver_webhooks(self: Task) -> None:
        with _traced(self):
            asyncio.run(_run_deliveries(settings, names))

    @app.task(name=EXPORT, bind=True, time_limit=_LONGEST_EXPORT_SECONDS)  # type: ignore[untyped-decorator]
    def _make_exports(self: Task) -> None:
        with _traced(self):
            asyncio.run(_run_exports(settings))


async def _run_digests(settings: UserManagementSettings) -> None:
    database = Database(open_engine(settings.database_url, connections=2))
    try:
        unsubscribing = Unsubscribing(Secrets(settings.secrets_dir).service_token_key())
        posted = await send_digests(database, settings.public_url, unsubscribing)
    except AppError as error:
        _log.warning("digests_failed", reason=error.message)
        return
    finally:
        await database.close()
    _log.info("digests_posted", mails=posted)


async def _run_exports(settings: UserManagementSettings) -> None:
    database = Database(open_engine(settings.database_url, connections=2))
    try:
        made = await Exporter(database, ObjectStore.from_url(settings.storage_url)).run()
    except AppError as error:
        _log.warning("exports_not_made", reason=error.message)
        return
    finally:
        await database.close()
    if made:
        _log.info("exports_made", exports=made)


async def _run_deliveries(settings: UserManagementSettings, names: Names) -> None:
    database = Database(open_engine(settings.database_url, connections=4))
    private = settings.webhook_private_networks
    sealer = Sealer(Secrets(settings.secrets_dir).service_token_key())
    deliveries = Deliveries(database, sealer, WebhookSender(private=private, resolver=names.resolve), private=private)
    try:
        tally = await deliveries.run()
    except AppError as error:
        _log.warning("webhooks_not_delivered", reason=error.message)
        return
    finally:
        await database.close()
    if tally.sent:
        _log.info("webhooks_delivered", sent=tally.sent, arrived=tally.arrived, given_up=tally.given_up)


async def _run_sweep(settings: UserManagementSettings) -> None:
    database = Database(open_engine(settings.database_url, connections=2, statement_seconds=30.0))
    try:
        audit_kept = timedelta(days=settings.audit_kept_days) if settings.audit_kept_days else None
        swept = await sweep(database, ObjectStore.from_url(settings.storage_url), audit_kept=audit_kept)
    except AppError as error:
        _log.warning("sweep_failed", reason=error.message)
        return
    finally:
        await database.close()
    _log.info(
        "swept",
        idempotency_keys=swept.idempotency_keys,
        sessions=swept.sessions,
        jobs=swept.jobs,
        objects=swept.objects,
        tracks=swept.tracks,
        notifications=swept.notifications,
        deliveries=swept.deliveries,
        audit_entries=swept.audit_entries,
    )


@contextlib.contextmanager
def _traced(task: Task) -> Iterator[None]:
    """Run a task under the sender's trace and request id."""
    headers: dict[str, str] = {
        name: value for name, value in (task.request.headers or {}).items() if isinstance(value, str)
    }
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=task.name)
    if REQUEST_ID_HEADER in headers:
        structlog.contextvars.bind_contextvars(request_id=headers[REQUEST_ID_HEADER])
    with _tracer.start_as_current_span(task.name, context=extract_context(headers), kind=SpanKind.CONSUMER):
        yield


def watch_parent(parent: int) -> None:
    """End this child process when its parent is gone: a killed worker must not leave a beat or a task behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main() -> None:
    """Entry point."""
    try:
        run(UserManagementSettings.load())
    except AppError as error:
        raise SystemExit(f"{SERVICE}: {error.message}") from None


def run(settings: UserManagementSettings) -> None:
    """Work until asked to stop."""
    app = celery_app(
        settings.broker_url,
        sweep_seconds=settings.sweep_seconds,
        digest_seconds=settings.digest_seconds,
        deliver_seconds=settings.deliver_seconds,
    )
    register_tasks(app, settings)

    def configure(**_: Any) -> None:
        configure_logging(SERVICE, settings.log_level, settings.log_format)

    parent = os.getpid()

    def stay_with_parent(**_: Any) -> None:
        watch_parent(parent)

    def prepare_child(**_: Any) -> None:
        configure()
        configure_tracing(SERVICE, settings.otlp_endpoint)

    def ready(**_: Any) -> None:
        _log.info("ready")

    # Connected to this signal, Celery leaves logging alone.
    setup_logging.connect(configure, weak=False)
    worker_process_init.connect(prepare_child, weak=False)
    worker_process_init.connect(stay_with_parent, weak=False)
    beat_embedded_init.connect(stay_with_parent, weak=False)
    worker_ready.connect(ready, weak=False)
    configure()
    start_metrics_server(settings.metrics_host, settings.metrics_port)
    # Running as root is a danger where messages are pickles; ours are JSON.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    with tempfile.TemporaryDirectory(prefix="musicgen-") as folder:
        # --schedule is demanded by the embedded beat even though its schedule lives in memory.
        schedule = Path(folder) / "beat"
        app.worker_main(
            ["--quiet", "worker", "--beat", "--schedule", str(schedule), "--queues", BACKGROUND, "--pool", "prefork",
             "--without-gossip", "--without-mingle", "--loglevel", settings.log_level]
        )  # fmt: skip


if __name__ == "__main__":
    main()
