"""Sending Celery messages from the server: behind the answer, in order, in a thread, and never at a caller's cost."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from celery import Celery

from services.shared.telemetry import inject_headers
from services.user_management.background.app import BACKGROUND

__all__ = ["BACKGROUND", "BackgroundTasks", "CelerySender"]

PENDING_LIMIT: Final = 1_000
REQUEST_ID_HEADER: Final = "x-request-id"
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.5

_log = structlog.get_logger(__name__)


class BackgroundTasks(Protocol):
    """Sends a Celery message, without waiting and without failing."""

    def post(self, task: str, *args: object, queue: str) -> None:
        """Send `task(*args)` to `queue`, when the broker allows."""


@dataclass(frozen=True, slots=True)
class _Message:
    task: str
    args: tuple[object, ...]
    queue: str
    headers: dict[str, str] = field(default_factory=dict)


class CelerySender:
    """One daemon thread that sends what `post` hands it. A message that the broker does not take is dropped.

    Trace and request id of the caller travel as message headers.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._pending: queue.Queue[_Message | None] = queue.Queue(PENDING_LIMIT)
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celery-sender", daemon=True)
        self._thread.start()

    def post(self, task: str, *args: object, queue: str) -> None:
        """Send `task(*args)` to `queue` soon. Called on the event loop: never waits."""
        headers = inject_headers({})
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        if request_id:
            headers[REQUEST_ID_HEADER] = str(request_id)
        self._put(_Message(task, args, queue, headers))

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Send what is pending, as far as the time allows; the rest is dropped, and the thread ends."""
        self._put(None)
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            _log.warning("tasks_dropped", pending=self._pending.qsize(), reason="the broker did not take them in time")
            self._given_up.set()
            self._thread.join(timeout_seconds)

    def _put(self, message: _Message | None) -> None:
        try:
            self._pending.put_nowait(message)
        except queue.Full:
            _log.warning("task_dropped", task=message.task if message else "", reason="too many are pending")

    def _run(self) -> None:
        while (message := self._pending.get()) is not None and not self._given_up.is_set():
            self._send(message)

    def _send(self, message: _Message) -> None:
        for attempt in range(_TRIES):
            try:
                self._app.send_task(
                    message.task, message.args, queue=message.queue, headers=message.headers, retry=False
                )
            except Exception as error:
                # Whatever it was: the thread has to live on, and the next minute's sweep makes up for the message.
                _log.warning("task_not_sent", task=message.task, attempt=attempt + 1, reason=repr(error))
                if self._given_up.wait(_PAUSE_SECONDS):
                    return
            else:
                return
