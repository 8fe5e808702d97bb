"""Projects: folders of one's own tracks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import projects_pb2
from services.gateway.schemas.body import Body, Line, Text
from services.gateway.schemas.times import to_datetime

_Title = Annotated[Line, Field(min_length=1, max_length=200)]
_Description = Annotated[Text, Field(max_length=2_000)]


class Project(BaseModel):
    """A folder of tracks."""

    id: str
    title: Annotated[str, Field(examples=["First album"])]
    description: str
    track_count: Annotated[int, Field(description="How many tracks it holds, without those in the trash.")]
    created_at: datetime
    links: Annotated[dict[str, str], Field(examples=[{"self": "/api/v1/projects/…"}])]

    @classmethod
    def from_message(cls, message: projects_pb2.Project) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            title=message.title,
            description=message.description,
            track_count=message.track_count,
            created_at=to_datetime(message.created_at),
            links={"self": f"/api/v1/projects/{message.id}", "tracks": f"/api/v1/tracks?project_id={message.id}"},
        )


class ProjectList(BaseModel):
    """One page of projects, newest first."""

    items: list[Project]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class NewProject(Body):
    """A project to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "First album"}]})

    title: _Title
    description: _Description = ""


class ProjectPatch(Body):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Second album"}]})

    title: _Title | None = None
    description: _Description | None = None
