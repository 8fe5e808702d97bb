"""Bodies of what owners do about their accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import credentials_pb2
from services.gateway.schemas.body import Body, Line
from services.gateway.schemas.times import optional_datetime, to_datetime

Scope = Literal["read", "generate", "write", "admin"]

Password = Annotated[str, Field(min_length=1, max_length=1024, description="The present password.")]
NewPassword = Annotated[str, Field(max_length=1024, description="8 to 256 characters.")]
Email = Annotated[Line, Field(min_length=3, max_length=320, examples=["ada@example.org"])]
MailToken = Annotated[str, Field(min_length=1, max_length=512, description="From the link in the mail.")]
Code = Annotated[str, Field(min_length=6, max_length=64, examples=["492039"])]


class EmailToken(Body):
    """The token of a mail."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "mgm_3q2-7wQ0…"}]})

    token: MailToken


class EmailAddress(Body):
    """An address that a mail is to go to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.org"}]})

    email: Email


class EmailChange(Body):
    """Another address for the account."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"password": "a long passphrase", "email": "ada@example.net"}]}
    )

    password: Password
    email: Email


class PasswordReset(Body):
    """A new password, by the token of a mail."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "mgm_3q2-7wQ0…", "password": "another long passphrase"}]}
    )

    token: MailToken
    password: NewPassword


class PasswordChange(Body):
    """A new password, by the present one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"present_password": "a long passphrase", "password": "another long passphrase"}]
        }
    )

    present_password: Password
    password: NewPassword


class PasswordProof(Body):
    """The present password, for what matters."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "a long passphrase"}]})

    password: Password


class FactorCode(Body):
    """The present code of the authenticator app."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "492039"}]})

    code: Code


class FactorRemoval(Body):
    """What turns the second factor off; a recovery code will do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "a long passphrase", "code": "492039"}]})

    password: Password
    code: Code


class FactorEnrolment(BaseModel):
    """What an authenticator app needs."""

    secret: Annotated[str, Field(description="For typing: Base32.", examples=["JBSWY3DPEHPK3PXP"])]
    uri: Annotated[str, Field(description="For a QR code: `otpauth://totp/…`.")]


class RecoveryCodes(BaseModel):
    """For when the phone is lost. Shown this once; each works once, in place of a code."""

    recovery_codes: Annotated[list[str], Field(examples=[["k3v9p-x7q2m"]])]


class Accepted(BaseModel):
    """What was taken, without saying more."""

    message: Annotated[str, Field(examples=["If this address has an account, a mail is on its way."])]


class ApiKeyRequest(Body):
    """A key to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "my DAW", "scopes": ["read", "generate"], "expires_in_days": 90}]}
    )

    name: Annotated[Line, Field(min_length=1, max_length=100)]
    scopes: Annotated[
        list[Scope],
        Field(
            min_length=1,
            max_length=4,
            description="read: lists, tracks, audio, events. generate: jobs of every kind. write: changes to the "
            "library, cancel. admin: administration. Passwords, sessions and keys are beyond every key.",
        ),
    ]
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650, description="Null: it does not expire.")] = None


class ApiKey(BaseModel):
    """A key as its owner sees it."""

    id: str
    name: str
    prefix: Annotated[str, Field(description="How the secret begins.", examples=["mga_3q2-7wQ0"])]
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Field(description="To five minutes.")]

    @classmethod
    def from_message(cls, message: credentials_pb2.ApiKey) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            name=message.name,
            prefix=message.prefix,
            scopes=list(message.scopes),  # type: ignore[arg-type] # checked by the model
            created_at=to_datetime(message.created_at),
            expires_at=optional_datetime(message, "expires_at"),
            last_used_at=optional_datetime(message, "last_used_at"),
        )


class NewApiKey(BaseModel):
    """A key that was made."""

    key: ApiKey
    secret: Annotated[str, Field(description="Send it as `X-API-Key`. Shown this once.", examples=["mga_3q2-7wQ0…"])]


class ApiKeyList(BaseModel):
    """The keys that were not revoked, newest first."""

    items: list[ApiKey]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None
