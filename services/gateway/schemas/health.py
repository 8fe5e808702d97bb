"""Bodies of the operations calls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Dependency(BaseModel):
    """One thing that the gateway cannot work without."""

    name: Annotated[str, Field(examples=["user_management"])]
    state: Annotated[Literal["up", "down"], Field(examples=["up"])]
    latency_ms: Annotated[float, Field(description="How long the check took.", examples=[1.4])]
    detail: Annotated[str, Field(description="Why it is down; empty when it is up.")] = ""


class Readiness(BaseModel):
    """Every dependency answers."""

    status: Literal["ready"] = "ready"
    dependencies: list[Dependency]


class Version(BaseModel):
    """What runs here."""

    name: Annotated[str, Field(examples=["music-gen-ai"])]
    version: Annotated[str, Field(examples=["0.1.0"])]
    api: Annotated[str, Field(examples=["v1"])]
    single_user: Annotated[bool, Field(description="Whether the server works for one person without sign-in.")]
    guests: Annotated[bool, Field(description="Whether one may try it without an account: `POST /api/v1/auth/guest`.")]
