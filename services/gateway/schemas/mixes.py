"""Mixes: sessions that people work on, and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import mixes_pb2
from services.gateway.schemas.body import Body, Line, Text
from services.gateway.schemas.processing import MixRequest
from services.gateway.schemas.times import to_datetime

_Title = Annotated[Line, Field(min_length=1, max_length=200)]
_Note = Annotated[Text, Field(max_length=2_000, description="What is new in it.", examples=["drums up 2 dB"])]
_SESSION: dict[str, Any] = {"tracks": [{"track_id": "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11", "gain_db": -2.0}]}


class Mix(BaseModel):
    """A session that is worked on."""

    id: str
    title: Annotated[str, Field(examples=["Rhythm section"])]
    version: Annotated[int, Field(description="Number of its newest version; the first is 1.", examples=[3])]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="When the newest version was saved.")]
    links: Annotated[dict[str, str], Field(examples=[{"self": "/api/v1/mixes/…"}])]

    @classmethod
    def from_message(cls, message: mixes_pb2.Mix) -> Self:
        """From the wire."""
        path = f"/api/v1/mixes/{message.id}"
        return cls(
            id=message.id,
            title=message.title,
            version=message.version,
            created_at=to_datetime(message.created_at),
            updated_at=to_datetime(message.updated_at),
            links={"self": path, "versions": f"{path}/versions", "newest": f"{path}/versions/{message.version}"},
        )


class MixList(BaseModel):
    """One page of mixes, newest first."""

    items: list[Mix]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class MixVersion(BaseModel):
    """A session as it once was; it never changes."""

    mix_id: str
    number: Annotated[int, Field(description="1, 2, 3, … without gaps.", examples=[3])]
    note: str
    restored_from: Annotated[int | None, Field(description="The version that it was restored from.")]
    created_at: datetime
    session: Annotated[dict[str, Any] | None, Field(description="Null in lists.", examples=[_SESSION])] = None

    @classmethod
    def from_message(cls, message: mixes_pb2.MixVersion) -> Self:
        """From the wire."""
        return cls(
            mix_id=message.mix_id,
            number=message.number,
            note=message.note,
            restored_from=message.restored_from or None,
            created_at=to_datetime(message.created_at),
            session=orjson.loads(message.session_json) if message.session_json else None,
        )


class MixVersionList(BaseModel):
    """One page of a mix's versions, newest first."""

    items: list[MixVersion]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class NewMix(Body):
    """A session to be kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Rhythm section", "session": _SESSION}]})

    title: _Title
    session: MixRequest
    note: _Note = ""


class NewMixVersion(Body):
    """A changed session."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"session": _SESSION, "note": "drums up 2 dB", "base_version": 1}]}
    )

    session: MixRequest
    note: _Note = ""
    base_version: Annotated[
        int | None,
        Field(ge=1, le=1_000_000, description="The version that was changed: 409 when it is not the newest any more."),
    ] = None


def session_text(session: MixRequest) -> str:
    """A session as it was sent, as JSON."""
    return orjson.dumps(session.model_dump(mode="json", exclude_unset=True)).decode()
