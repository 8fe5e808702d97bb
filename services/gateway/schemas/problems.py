"""Problem documents (RFC 9457), the body of every error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.schemas.health import Dependency


class ProblemError(BaseModel):
    """One value of a request that has to change."""

    model_config = ConfigDict(populate_by_name=True)

    pointer: Annotated[
        str, Field(description="RFC 6901 JSON pointer to the value; empty: the whole body.", examples=["/duration"])
    ]
    detail: Annotated[str, Field(description="What is wrong and what to change.")]
    location: Annotated[
        Literal["body", "query", "path", "header"],
        Field(alias="in", description="The part of the request that `pointer` points into."),
    ] = "body"


class Problem(BaseModel):
    """What went wrong and what to do about it."""

    type: Annotated[
        str,
        Field(description="A stable URI; the page behind it explains the problem.", examples=["/problems/validation"]),
    ]
    title: Annotated[str, Field(description="The type in words; the same for every occurrence.")]
    status: Annotated[int, Field(description="The HTTP status code.", examples=[422])]
    detail: Annotated[str, Field(description="This occurrence in words.")]
    instance: Annotated[str | None, Field(description="The path that was asked for.")] = None
    request_id: Annotated[str | None, Field(description="Names the request in the server's logs.")] = None
    errors: Annotated[list[ProblemError] | None, Field(description="The values that have to change.")] = None
    dependencies: Annotated[
        list[Dependency] | None, Field(description="With `/problems/not-ready`: every dependency.")
    ] = None
