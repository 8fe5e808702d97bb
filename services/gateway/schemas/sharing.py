"""Links that open one track for whoever holds them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import sharing_pb2
from services.gateway.schemas.body import Body
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.schemas.tracks import Licence

# A year, in hours.
LONGEST_LIFE_HOURS = 366 * 24
DEFAULT_LIFE_HOURS = 30 * 24


class ShareRequest(Body):
    """What a link is to be like."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"expires_in_hours": 168, "password": "only for the band"}]}
    )

    expires_in_hours: Annotated[
        int | None,
        Field(ge=1, le=LONGEST_LIFE_HOURS, description="How long it works; null: until it is revoked."),
    ] = DEFAULT_LIFE_HOURS
    password: Annotated[
        str | None, Field(min_length=1, max_length=256, description="What whoever opens it has to know.")
    ] = None


class Share(BaseModel):
    """A link to a track, without its token."""

    id: str
    track_id: str
    prefix: Annotated[str, Field(description="How the token begins.", examples=["mgs_3q2-7wQ0"])]
    has_password: bool
    created_at: datetime
    expires_at: Annotated[datetime | None, Field(description="Null: it works until it is revoked.")]
    opened_count: Annotated[int, Field(description="How often it was opened.", examples=[3])]
    last_opened_at: datetime | None

    @classmethod
    def from_message(cls, message: sharing_pb2.Share) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            track_id=message.track_id,
            prefix=message.prefix,
            has_password=message.has_password,
            created_at=to_datetime(message.created_at),
            expires_at=optional_datetime(message, "expires_at"),
            opened_count=message.opened_count,
            last_opened_at=optional_datetime(message, "last_opened_at"),
        )


class NewShare(BaseModel):
    """A link that was just made."""

    share: Share
    token: Annotated[
        str, Field(description="What `POST /api/v1/shared` opens. Shown this once.", examples=["mgs_3q2-7wQ0…"])
    ]


class ShareList(BaseModel):
    """The links of a track, newest first."""

    items: list[Share]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None


class OpenShareRequest(Body):
    """What opens a link."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "mgs_3q2-7wQ0…", "password": "only for the band"}]}
    )

    token: Annotated[str, Field(min_length=1, max_length=256, description="The link's token.")]
    password: Annotated[str | None, Field(max_length=256, description="Where the link asks for one.")] = None


class SharedTrack(BaseModel):
    """A track as whoever holds a link to it sees it: to hear, not to change."""

    title: Annotated[str, Field(examples=["Warm lo-fi"])]
    by: Annotated[str, Field(description="Its owner's username.", examples=["ada"])]
    duration: Annotated[float, Field(description="Seconds.", examples=[30.0])]
    bpm: Annotated[float | None, Field(description="Beats a minute.", examples=[84.0])]
    key: Annotated[str | None, Field(examples=["D minor"])]
    licence: Licence
    created_at: datetime
    expires_at: Annotated[datetime | None, Field(description="When the link ends; null: when it is revoked.")]
    links: Annotated[
        dict[str, str],
        Field(
            description="Signed: they work without a header, until they expire or the link is revoked; append "
            "`&format=mp3` to `audio` for another format, `&points=500` to `waveform`, `&size=320` to `cover`.",
            examples=[{"audio": "/api/v1/shared/…/audio?expires=…&signature=…"}],
        ),
    ]

    @classmethod
    def from_message(cls, message: sharing_pb2.OpenShareResponse, links: dict[str, str]) -> Self:
        """From the wire."""
        content = message.track.content
        return cls(
            title=content.title,
            by=message.track.owner_username,
            duration=content.duration_seconds,
            bpm=content.bpm or None,
            key=content.key or None,
            licence=Licence(
                name=content.licence.name,
                commercial_use=content.licence.commercial_use,
                attributions=list(content.licence.attributions),
            ),
            created_at=to_datetime(message.track.created_at),
            expires_at=optional_datetime(message.share, "expires_at"),
            links=links,
        )
