"""The Celery application: what carries background work, and the doorbell of processing's workers.

Nothing here is needed to get a job done (docs/adr/0002): a lost message costs time only.
"""

from __future__ import annotations

from typing import Final

from celery import Celery

BACKGROUND: Final = "background"
# Sends what the webhooks' outbox holds.
DELIVER: Final = "background.deliver_webhooks"
# Makes the exports that were asked for. It may take hours: that its message comes back meanwhile does no harm, because
# the row that it works on is leased.
EXPORT: Final = "background.make_exports"
_EXPORT_SECONDS: Final = 30.0

_SOCKET_SECONDS: Final = 2.0
# A message that a killed worker held comes back after so long. Every task may run twice and takes less.
_VISIBILITY_SECONDS: Final = 120


def celery_app(
    broker_url: str, *, sweep_seconds: float = 60.0, digest_seconds: float = 600.0, deliver_seconds: float = 5.0
) -> Celery:
    """An application that sends to `broker_url`.

    When run as a worker with beat, it sweeps every `sweep_seconds`, looks every `digest_seconds` whose digest is due,
    and looks into the webhooks' outbox every `deliver_seconds`.
    """
    app = Celery("user_management", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=BACKGROUND,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_store_errors_even_if_ignored=False,
        worker_prefetch_multiplier=1,
        # One makes exports, of which one is made at a time; the other has room for all the rest.
        worker_concurrency=2,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # In memory: which minute was swept last need not outlive the process.
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule={
            "sweep": {
                "task": "background.sweep",
                "schedule": sweep_seconds,
                "options": {"queue": BACKGROUND, "expires": sweep_seconds},
            },
            "digest": {
                "task": "background.digest",
                "schedule": digest_seconds,
                "options": {"queue": BACKGROUND, "expires": digest_seconds},
            },
            "deliver_webhooks": {
                "task": DELIVER,
                "schedule": deliver_seconds,
                "options": {"queue": BACKGROUND, "expires": deliver_seconds},
            },
            "make_exports": {
                "task": EXPORT,
                "schedule": _EXPORT_SECONDS,
                "options": {"queue": BACKGROUND, "expires": _EXPORT_SECONDS},
            },
        },
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
