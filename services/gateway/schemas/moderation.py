"""Reports, and what moderators do about them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import moderation_pb2
from services.gateway.schemas.body import Body, Line, Text
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.schemas.tracks import Owner

ReportKind = Literal["track", "user", "comment"]
ReportReason = Literal["spam", "copyright", "hate", "sexual", "violence", "impersonation", "other"]
ReportStatus = Literal["open", "dismissed", "acted"]
ReportDecision = Literal["dismiss", "hide", "suspend"]

_Note = Annotated[Text, Field(max_length=500, description="Why. Whoever is suspended is told.")]


class NewReport(Body):
    """What breaks the rules, and how."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "track",
                    "id": "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11",
                    "reason": "copyright",
                    "details": "This is my song, note for note.",
                }
            ]
        }
    )

    kind: ReportKind
    id: Annotated[Line, Field(min_length=1, max_length=64, description="Of the track, account or comment.")]
    reason: ReportReason
    details: Annotated[Text, Field(max_length=1_000)] = ""


class ReportReceipt(BaseModel):
    """A report, as its reporter sees it."""

    id: str
    kind: ReportKind
    subject_id: str
    reason: ReportReason
    details: str
    status: ReportStatus
    created_at: datetime

    @classmethod
    def from_message(cls, message: moderation_pb2.Report) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            kind=cast("ReportKind", message.kind),
            subject_id=message.subject_id,
            reason=cast("ReportReason", message.reason),
            details=message.details,
            status=cast("ReportStatus", message.status),
            created_at=to_datetime(message.created_at),
        )


class Report(BaseModel):
    """A report, as moderators see it."""

    id: str
    kind: ReportKind
    subject_id: str
    subject_text: Annotated[
        str, Field(description="The track's title, the account's name or the comment, as it was reported.")
    ]
    owner: Annotated[Owner, Field(description="Whose it is.")]
    hidden: Annotated[bool, Field(description="Whether the track is hidden by now.")]
    suspended: Annotated[bool, Field(description="Whether its owner is suspended by now.")]
    reason: ReportReason
    details: str
    reporter: Annotated[Owner | None, Field(description="Null when that account is gone.")]
    status: ReportStatus
    decision: ReportDecision | None
    note: str
    decided_by: Annotated[str | None, Field(description="The moderator's username.", examples=["grace"])]
    created_at: datetime
    decided_at: datetime | None
    open_count: Annotated[int, Field(description="How many open reports there are of the same thing.", examples=[3])]

    @classmethod
    def from_message(cls, message: moderation_pb2.Report) -> Self:
        """From the wire."""
        reporter = Owner(id=message.reporter_id, username=message.reporter_username) if message.reporter_id else None
        return cls(
            id=message.id,
            kind=cast("ReportKind", message.kind),
            subject_id=message.subject_id,
            subject_text=message.subject_text,
            owner=Owner(id=message.owner_id, username=message.owner_username),
            hidden=message.hidden,
            suspended=message.suspended,
            reason=cast("ReportReason", message.reason),
            details=message.details,
            reporter=reporter,
            status=cast("ReportStatus", message.status),
            decision=cast("ReportDecision | None", message.decision or None),
            note=message.note,
            decided_by=message.decided_by_username or None,
            created_at=to_datetime(message.created_at),
            decided_at=optional_datetime(message, "decided_at"),
            open_count=message.open_count,
        )


class ReportList(BaseModel):
    """One page of reports: open ones oldest first, decided ones newest first."""

    items: list[Report]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class Verdict(Body):
    """What is to be done."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"decision": "hide", "note": "A copy of another song."}]})

    decision: Annotated[
        ReportDecision,
        Field(description="`hide` a track from everybody but its owner, or remove a comment; `suspend` whose it is."),
    ]
    note: _Note = ""


class Hiding(Body):
    """Why a track is hidden."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "A copy of another song."}]})

    note: _Note = ""
