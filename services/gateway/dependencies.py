"""What routes ask the framework for."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import orjson
from fastapi import Depends, Header, Query
from starlette.requests import Request

from protos.users.v1 import jobs_pb2
from services.gateway.admission import caller_of, collaborators_of
from services.gateway.collaborators import Collaborators
from services.gateway.schemas.body import Body
from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.identity import Principal

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_USERNAME = re.compile(r"[a-z0-9_-]{3,30}", re.ASCII)
_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")


Gateway = Annotated[Collaborators, Depends(collaborators_of)]
Caller = Annotated[Principal, Depends(caller_of)]

Limit = Annotated[int, Query(ge=1, le=100, description="Items at most.")]
Cursor = Annotated[str, Query(max_length=500, description="`next_cursor` of the page before.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 printable ASCII characters. The same key and body get the first answer for 24 hours.",
        examples=["3b2f0c1e-song-1"],
    ),
]


def known_id(value: str, noun: str) -> str:
    """`value` if it can be an id. Raises `AppError` (NOT_FOUND): an id of another form is the id of nothing."""
    if _ID.fullmatch(value) is None:
        raise AppError(ErrorCode.NOT_FOUND, f"There is no {noun} of this id.")
    return value


def known_username(value: str) -> str:
    """`value` in lower case if it can be a username. Raises `AppError` (NOT_FOUND)."""
    if _USERNAME.fullmatch(value.lower()) is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is nobody of this name.")
    return value.lower()


def idempotency_of(
    request: Request, key: str | None, body: Body | None, *, item: int | None = None, about: str = ""
) -> jobs_pb2.Idempotency | None:
    """What makes the request harmless to repeat; None without a key. `item`: the position within a batch; `about`: the
    thing that the path names, which makes the request another one as its body does.

    Raises `AppError` (VALIDATION) for a key of the wrong form.
    """
    if key is None:
        return None
    if _IDEMPOTENCY_KEY.fullmatch(key) is None:
        detail = "Must be 1 to 255 printable ASCII characters, for example a random UUID."
        raise AppError(
            ErrorCode.VALIDATION, detail, violations=[FieldViolation("/Idempotency-Key", detail)], location="header"
        )
    # What was sent, whatever its spacing and the order of its fields.
    sent = body.model_dump(exclude_unset=True) if body is not None else None
    canonical = orjson.dumps(sent, option=orjson.OPT_SORT_KEYS) + about.encode()
    route = f"{request.method} {request.scope['route'].path}"
    return jobs_pb2.Idempotency(
        route=route if item is None else f"{route}#{item}", key=key, body_sha256=hashlib.sha256(canonical).digest()
    )
