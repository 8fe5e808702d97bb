"""What the hub tells, typed by what it is about."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field, ValidationError

from musicgen_client.answer import Answer
from musicgen_client.errors import UnexpectedAnswerError
from musicgen_client.models import Job, Notification, Problem


class HubEvent(Answer):
    """One message of the hub. `id` is where to go on from, empty for what needs no repetition; `job_id` may be empty.

    What is no class of its own below is of a newer server, and in `data` as it came.
    """

    type: str
    id: str = ""
    job_id: str = ""
    data: dict[str, Any] = Field(default_factory=dict)


class HubOpened(HubEvent):
    """A connection stands. Without `resumed` something may have been missed since the last event: read lists again."""

    @property
    def resumed(self) -> bool:
        """Whether nothing was lost since the last event."""
        return bool(self.data.get("resumed"))


class JobStatusChanged(HubEvent):
    """A job is queued, runs, or has ended."""

    @property
    def status(self) -> str:
        """queued, running, succeeded, failed or cancelled."""
        return str(self.data.get("status", ""))


class JobProgressed(HubEvent):
    """How far a running job is; of several that wait to be sent, only the newest comes."""

    @property
    def progress(self) -> float:
        """0 to 1."""
        return float(self.data.get("progress") or 0.0)

    @property
    def stage(self) -> str:
        """What is being done, in words."""
        return str(self.data.get("stage") or "")


class JobPreviewed(HubEvent):
    """Something of a job's result can be had already."""


class JobSucceeded(HubEvent):
    """A job has a result."""

    job: Job


class JobFailed(HubEvent):
    """A job has none, and why."""

    problem: Problem


class Notified(HubEvent):
    """Somebody did something that the caller is told of."""

    notification: Notification


_PLAIN: Final[dict[str, type[HubEvent]]] = {
    "hello": HubOpened,
    "status": JobStatusChanged,
    "progress": JobProgressed,
    "preview": JobPreviewed,
}
_HOLDING: Final[dict[str, tuple[type[HubEvent], str]]] = {
    "done": (JobSucceeded, "job"),
    "error": (JobFailed, "problem"),
    "notification": (Notified, "notification"),
}


def event_of(text: str | bytes) -> HubEvent:
    """A message of the hub as an event; a plain one where its data is not what its type stands for.

    Raises `UnexpectedAnswerError` for what is no message.
    """
    try:
        event = HubEvent.model_validate_json(text)
    except ValidationError as error:
        raise UnexpectedAnswerError("the hub said what this client does not understand") from error
    kind, holds = _HOLDING.get(event.type, (_PLAIN.get(event.type, HubEvent), ""))
    try:
        return kind.model_validate({**event.model_dump(), **({holds: event.data} if holds else {})})
    except ValidationError:
        return event
