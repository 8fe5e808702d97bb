"""What goes over the hub's sockets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

# Subprotocols: a browser page without a cookie sends its access token as the second one.
PROTOCOL = "musicgen.v1"
TOKEN_PROTOCOL_PREFIX = "bearer."  # noqa: S105 — a prefix, not a secret

# Close codes of RFC 6455 §7.4; those from 4000 on are ours.
GOING_AWAY = 1001
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
SESSION_ENDED = 4401


class HubMessage(BaseModel):
    """One message of the hub, as JSON text."""

    type: Annotated[
        Literal["hello", "status", "progress", "preview", "done", "error", "notification", "pong"],
        Field(description="`hello` comes first; the others are those of a job's events, and notifications."),
    ]
    id: Annotated[
        str | None,
        Field(description="Send the last one as `last_event_id` to go on from it. Null: needs no repetition."),
    ] = None
    job_id: Annotated[str | None, Field(description="The job that it is about.")] = None
    data: Annotated[dict[str, Any], Field(description="As in `GET /api/v1/jobs/{id}/events`.")] = {}

    def text(self) -> str:
        """The message as it is sent."""
        return orjson.dumps(self.model_dump(mode="json")).decode()
