"""Accounts and what they may make."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import accounts_pb2, exports_pb2
from services.gateway.schemas.body import Body, Line, Text
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.tokens.links import Links

# Where the archive of everything is fetched.
EXPORT_FILE = "/api/v1/users/me/export/file"


class User(BaseModel):
    """An account as its owner sees it."""

    id: str
    username: Annotated[str, Field(examples=["ada"])]
    email: Annotated[str, Field(description="Empty for a guest.", examples=["ada@example.org"])]
    full_name: Annotated[str, Field(description="Nobody else sees it.", examples=["Ada Lovelace"])]
    display_name: Annotated[str, Field(description="What others call you; may be empty.", examples=["Ada L."])]
    bio: Annotated[str, Field(description="What others read about you.", examples=["Rain and machines."])]
    links: Annotated[list[str], Field(description="https addresses.", examples=[["https://example.org/~ada"]])]
    role: Annotated[str, Field(description="guest, user, moderator or admin.", examples=["user"])]
    created_at: datetime
    email_verified: Annotated[bool, Field(description="Whether the address was proven.")]
    second_factor: Annotated[bool, Field(description="Whether sign-in asks for a code.")]
    deletion_due_at: Annotated[
        datetime | None, Field(description="When the account goes, unless its owner signs in before; null: it stays.")
    ]

    @classmethod
    def from_message(cls, message: accounts_pb2.User) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            username=message.username,
            email=message.email,
            full_name=message.full_name,
            display_name=message.display_name,
            bio=message.bio,
            links=list(message.links),
            role=message.role,
            created_at=to_datetime(message.created_at),
            email_verified=message.email_verified,
            second_factor=message.second_factor,
            deletion_due_at=optional_datetime(message, "deletion_due_at"),
        )


class ProfileChange(Body):
    """What is to change about your own account; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"full_name": "Ada Lovelace", "display_name": "Ada L.", "links": ["https://example.org/~ada"]}]
        }
    )

    full_name: Annotated[Line, Field(max_length=200)] | None = None
    display_name: Annotated[Line, Field(max_length=100, description="Up to 50 characters; empty: none.")] | None = None
    bio: Annotated[Text, Field(max_length=1_000)] | None = None
    links: (
        Annotated[list[Annotated[Line, Field(max_length=200)]], Field(max_length=5, description="https addresses.")]
        | None
    ) = None


class Export(BaseModel):
    """An archive (ZIP) of everything that is yours: JSON and audio."""

    id: str
    status: Annotated[Literal["queued", "running", "ready", "failed"], Field(examples=["ready"])]
    progress: Annotated[float, Field(ge=0, le=1, examples=[1.0])]
    size_bytes: Annotated[int | None, Field(description="Null until it is ready.", examples=[48_000_000])]
    error: Annotated[str | None, Field(description="Why it could not be made.")]
    created_at: datetime
    finished_at: datetime | None
    expires_at: Annotated[datetime | None, Field(description="When it is deleted: 7 days after it was made.")]
    next_at: Annotated[
        datetime | None,
        Field(
            description="When another one can be asked for: a day after this one was made, an hour after it failed. "
            "Null while it is on its way."
        ),
    ]
    link: Annotated[
        str | None,
        Field(
            description="Signed: for a while it needs no header. Null until it is ready.",
            examples=["/api/v1/users/me/export/file?expires=…&signature=…"],
        ),
    ]

    @classmethod
    def from_message(cls, message: exports_pb2.Export, links: Links) -> Self:
        """From the wire."""
        ready = message.status == "ready"
        progress = min(1.0, message.files_done / message.files) if message.files else 0.0
        return cls(
            id=message.id,
            status=message.status,  # type: ignore[arg-type] # checked by the model
            progress=1.0 if ready else progress,
            size_bytes=message.size_bytes if ready else None,
            error=message.error or None,
            created_at=to_datetime(message.created_at),
            finished_at=optional_datetime(message, "finished_at"),
            expires_at=optional_datetime(message, "expires_at"),
            next_at=optional_datetime(message, "next_at"),
            link=links.link(EXPORT_FILE) if ready else None,
        )


class Usage(BaseModel):
    """What the account may make and has made, and what it keeps."""

    balance_seconds: Annotated[float, Field(description="What may still be asked for.", examples=[3570.0])]
    reserved_seconds: Annotated[float, Field(description="Held for jobs that have not ended.", examples=[30.0])]
    used_seconds: Annotated[float, Field(description="Made since the account exists.", examples=[120.0])]

    stored_bytes: Annotated[
        int,
        Field(description="What tracks and files take in storage, with what running jobs hold.", examples=[48_000_000]),
    ]
    stored_bytes_limit: Annotated[
        int | None, Field(description="What they may take; null: any number.", examples=[53_687_091_200])
    ]

    tier: Annotated[str, Field(description="What the account may make and keep.", examples=["standard"])]
    day_seconds: Annotated[float, Field(description="Asked for since midnight (UTC), less what came back.")]
    day_seconds_limit: Annotated[float | None, Field(description="Null: any number.", examples=[600.0])]
    month_seconds: Annotated[float, Field(description="The same since the first of the month (UTC).")]
    month_seconds_limit: Annotated[float | None, Field(description="Null: any number.", examples=[3600.0])]
    jobs: Annotated[int, Field(description="That wait or run.", examples=[1])]
    jobs_limit: Annotated[int | None, Field(description="That may at once; null: any number.", examples=[3])]
    longest_seconds_limit: Annotated[
        float | None, Field(description="Of audio that may be asked for at once; null: what the model makes.")
    ]

    @classmethod
    def from_message(cls, message: accounts_pb2.GetUsageResponse) -> Self:
        """From the wire."""
        return cls(
            balance_seconds=message.balance_seconds,
            reserved_seconds=message.reserved_seconds,
            used_seconds=message.used_seconds,
            stored_bytes=message.stored_bytes,
            stored_bytes_limit=message.stored_bytes_limit or None,
            tier=message.tier,
            day_seconds=message.day_seconds,
            day_seconds_limit=message.day_seconds_limit if message.HasField("day_seconds_limit") else None,
            month_seconds=message.month_seconds,
            month_seconds_limit=message.month_seconds_limit if message.HasField("month_seconds_limit") else None,
            jobs=message.jobs,
            jobs_limit=message.jobs_limit if message.HasField("jobs_limit") else None,
            longest_seconds_limit=message.longest_seconds_limit if message.HasField("longest_seconds_limit") else None,
        )
