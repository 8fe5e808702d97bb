"""Bodies of sign-in by an identity provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.schemas.body import Body


class SignInProvider(BaseModel):
    """A site that people may sign in with."""

    id: Annotated[str, Field(examples=["example"])]
    title: Annotated[str, Field(description="For a button.", examples=["Example"])]
    start_url: Annotated[
        str,
        Field(
            description="Where a browser is sent to begin; takes `next`, the page that it ends at.",
            examples=["https://music.example/api/v1/auth/oidc/example/start"],
        ),
    ]


class SignInProviderList(BaseModel):
    """The providers that the operator has set up, in their order."""

    items: list[SignInProvider]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None


class SecondFactor(Body):
    """The second factor of an account whose provider has vouched for its owner."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"totp": "492039"}]})

    totp: Annotated[
        str, Field(min_length=6, max_length=64, description="The authenticator app's code, or a recovery code.")
    ]
