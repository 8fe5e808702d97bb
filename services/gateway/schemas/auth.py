"""Bodies of sign-in and sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import accounts_pb2
from services.gateway.schemas.body import Body, Line
from services.gateway.schemas.times import to_datetime
from services.gateway.schemas.users import User


class RegisterRequest(Body):
    """A new account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"username": "ada", "email": "ada@example.org", "password": "a long passphrase", "full_name": "Ada L."}
            ]
        }
    )

    username: Annotated[Line, Field(max_length=64, description="3 to 30 of a-z, 0-9, _ and -; unique.")]
    email: Annotated[Line, Field(max_length=320, description="Unique without regard to case.")]
    password: Annotated[str, Field(max_length=1024, description="8 to 256 characters.")]
    full_name: Annotated[Line, Field(max_length=200)] = ""


class LoginRequest(Body):
    """A sign-in."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"identifier": "ada", "password": "a long passphrase"}]})

    identifier: Annotated[str, Field(min_length=1, max_length=320, description="E-mail address or username.")]
    password: Annotated[str, Field(min_length=1, max_length=1024)]
    totp: Annotated[
        str,
        Field(
            max_length=64,
            description="The authenticator app's code, or a recovery code; after `/problems/second-factor-required`.",
        ),
    ] = ""


class RefreshRequest(Body):
    """A refresh token, to be exchanged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": "3q2-7wQ0…"}]})

    refresh_token: Annotated[
        str,
        Field(min_length=1, max_length=512, description="Single use; using it twice ends every session of its family."),
    ]


class TokenPair(BaseModel):
    """What a sign-in answers."""

    access_token: Annotated[str, Field(description="Send it as `Authorization: Bearer …`.")]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 — the name of the scheme
    expires_in: Annotated[int, Field(description="Seconds until the access token ends.", examples=[900])]
    refresh_token: Annotated[str, Field(description="For `POST /api/v1/auth/refresh`; single use.")]
    user: User

    @classmethod
    def from_message(cls, message: accounts_pb2.TokenPair) -> Self:
        """From the wire."""
        return cls(
            access_token=message.access_token,
            expires_in=message.expires_in_seconds,
            refresh_token=message.refresh_token,
            user=User.from_message(message.user),
        )


class Session(BaseModel):
    """A device that is signed in."""

    id: str
    address: Annotated[str, Field(description="The device's address at sign-in.", examples=["203.0.113.7"])]
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    current: Annotated[bool, Field(description="Whether this is the session of the call.")]

    @classmethod
    def from_message(cls, message: accounts_pb2.Session) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            address=message.address,
            user_agent=message.user_agent,
            created_at=to_datetime(message.created_at),
            last_used_at=to_datetime(message.last_used_at),
            current=message.current,
        )


class SessionList(BaseModel):
    """The devices that are signed in, newest first."""

    items: list[Session]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None
