"""The Celery application of queue `processing`: two tasks, no result backend, nothing that has to arrive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from celery import Celery, Task
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from services.shared.errors import AppError
from services.shared.telemetry import extract_context

QUEUE: Final = "processing"
RING: Final = "processing.ring"
PREPARE_TRACK: Final = "processing.prepare_track"

REQUEST_ID_HEADER: Final = "x-request-id"

# A message that a killed worker held comes back after so long. Preparing a track takes less, and twice is harmless.
_VISIBILITY_SECONDS: Final = 300
_SOCKET_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)


def celery_app(broker_url: str, concurrency: int) -> Celery:
    """An application that takes from `broker_url`."""
    app = Celery("processing", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_concurrency=concurrency,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        # A child says that it is up before it opens anything; a machine under load may still need a while for the fork.
        worker_proc_alive_timeout=30.0,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": _VISIBILITY_SECONDS,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": _SOCKET_SECONDS,
            "socket_timeout": 10.0,
            "socket_keepalive": True,
        },
    )
    return app


def register_tasks(app: Celery, ring: Callable[[], None], prepare_track: Callable[[str], None]) -> None:
    """Add the tasks: what they do is given by the child that runs them."""

    @app.task(name=RING, bind=True)  # type: ignore[untyped-decorator]
    def _ring(self: Task) -> None:
        with _traced(self):
            ring()

    @app.task(name=PREPARE_TRACK, bind=True)  # type: ignore[untyped-decorator]
    def _prepare_track(self: Task, object_key: str) -> None:
        with _traced(self):
            try:
                prepare_track(object_key)
            except AppError as error:
                # It is made on demand when somebody asks; a track that was deleted meanwhile is no fault.
                _log.warning("track_not_prepared", code=error.code.value, reason=error.message)


@contextlib.contextmanager
def _traced(task: Any) -> Iterator[None]:
    """Run a task under the sender's trace and request id."""
    headers = {name: value for name, value in (task.request.headers or {}).items() if isinstance(value, str)}
    names = {"task": task.name}
    if REQUEST_ID_HEADER in headers:
        names["request_id"] = headers[REQUEST_ID_HEADER]
    with (
        structlog.contextvars.bound_contextvars(**names),
        _tracer.start_as_current_span(task.name, context=extract_context(headers), kind=SpanKind.CONSUMER),
    ):
        yield
