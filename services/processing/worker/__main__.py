"""The processing worker: `python -m services.processing.worker`. Celery, prefork, queue `processing`.

The parent opens nothing but Celery's own broker connection; each child opens its own world after the fork (`child`).
Ends on SIGTERM within 10 s, handing back what it holds.
"""

from __future__ import annotations

import warnings
from typing import Any

import structlog
from billiard.process import current_process
from celery.exceptions import SecurityWarning
from celery.signals import (
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)

from services.processing.config import ProcessingSettings
from services.processing.worker.celery_app import QUEUE, celery_app, register_tasks
from services.processing.worker.child import Child
from services.processing.worker.lifeline import Lifeline
from services.shared.errors import AppError
from services.shared.kernel_cache import share_kernel_cache
from services.shared.logging import configure_logging
from services.shared.secrets import Secrets
from services.shared.telemetry import configure_tracing, start_metrics_server

SERVICE = "processing-worker"

_log = structlog.get_logger(__name__)


class WorkerProcess:
    """The parent, and after the fork each child: what Celery's signals call."""

    def __init__(self, settings: ProcessingSettings) -> None:
        self._settings = settings
        self._lifeline = Lifeline()
        self._child: Child | None = None

    def configure_logging(self, **_: Any) -> None:
        """In both: one form of log line. Celery leaves logging alone where somebody listens to its signal."""
        configure_logging(SERVICE, self._settings.log_level, self._settings.log_format)

    def start_child(self, **_: Any) -> None:
        """In a child, right after the fork."""
        self.configure_logging()
        configure_tracing(SERVICE, self._settings.otlp_endpoint)
        self._start_metrics()
        share_kernel_cache()
        self._child = Child(self._settings, self._lifeline)
        self._child.start()

    def stop_child(self, **_: Any) -> None:
        """In a child, at its end."""
        if self._child is not None:
            self._child.stop()

    def say_ready(self, **_: Any) -> None:
        """In the parent, once it takes messages."""
        _log.info("ready", concurrency=self._settings.concurrency)

    def end_children(self, **_: Any) -> None:
        """In the parent, on SIGTERM: Celery itself would let the children work on until the end."""
        self._lifeline.cut()

    def ring(self) -> None:
        """In a child: the task `processing.ring`."""
        if self._child is not None:
            self._child.ring()

    def prepare_track(self, object_key: str) -> None:
        """In a child: the task `processing.prepare_track`."""
        if self._child is not None:
            self._child.prepare_track(object_key)

    def _start_metrics(self) -> None:
        if self._settings.metrics_port == 0:
            return
        try:
            start_metrics_server(self._settings.metrics_host, self._settings.metrics_port + current_process().index)
        except AppError as error:
            # The port of a child that was just killed may still be taken; its work is worth more than its numbers.
            _log.warning("no_metrics", reason=error.message)


def main() -> None:
    """Run; a start that fails is one line on stderr and exit code 1."""
    try:
        settings = ProcessingSettings.load()
        # Read here only to fail early and once, instead of in one child after the other.
        Secrets(settings.secrets_dir).service_token_key()
    except AppError as error:
        raise SystemExit(error.message) from None
    process = WorkerProcess(settings)
    process.configure_logging()
    app = celery_app(settings.broker_url, settings.concurrency)
    register_tasks(app, process.ring, process.prepare_track)
    setup_logging.connect(process.configure_logging, weak=False)
    worker_process_init.connect(process.start_child, weak=False)
    worker_process_shutdown.connect(process.stop_child, weak=False)
    worker_ready.connect(process.say_ready, weak=False)
    worker_shutting_down.connect(process.end_children, weak=False)
    # Root may run this: Celery warns because of pickle, which `accept_content` does not allow.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app.worker_main(
        ["--quiet", "worker", "--queues", QUEUE, "--pool", "prefork", "--without-gossip", "--without-mingle",
         "--without-heartbeat", "--loglevel", settings.log_level]
    )  # fmt: skip


if __name__ == "__main__":
    main()
