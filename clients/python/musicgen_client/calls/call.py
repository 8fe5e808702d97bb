"""A call of the HTTP API, as data: how it is asked, and how its answer is read. Both clients send them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from musicgen_client.answer import Edited
from musicgen_client.errors import UnexpectedAnswerError
from musicgen_client.models import (
    Job,
)
from musicgen_client.tokens import TokenStore
from musicgen_client.uploads import FileUpload

T = TypeVar("T")


T_co = TypeVar("T_co", covariant=True)


ModelT = TypeVar("ModelT", bound=BaseModel)


API: Final = "/api/v1"


LONGEST_WAIT_SECONDS: Final = 60.0


def _no_effect(_store: TokenStore, _answer: Any) -> None:
    """Most answers change nothing here."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One request of the API and the reading of its answer; `effect` is told what was read."""

    method: str
    path: str
    read: Callable[[httpx.Response], T_co]
    params: Mapping[str, str | int | float | Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    upload: FileUpload | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = True
    wait_seconds: float = 0.0
    effect: Callable[[TokenStore, Any], None] = _no_effect

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no harm."""
        return self.method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in self.headers


def reader_of(model: type[ModelT]) -> Callable[[httpx.Response], ModelT]:
    """Reads answers as a model. The reader raises `UnexpectedAnswerError` for what does not fit."""
    read = reader_by(TypeAdapter(model))
    if not issubclass(model, Edited):
        return read
    return lambda response: read(response).model_copy(update={"etag": response.headers.get("etag", "")})


def reader_by(adapter: TypeAdapter[T]) -> Callable[[httpx.Response], T]:
    """Reads answers as what the adapter knows. The reader raises `UnexpectedAnswerError` for what does not fit."""

    def read(response: httpx.Response) -> T:
        try:
            return adapter.validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            raise UnexpectedAnswerError(
                f"{response.request.url} answered what this client does not understand ({where}: {first['msg']})"
            ) from error

    return read


def read_nothing(_response: httpx.Response) -> None:
    """Answers without a body."""


READ_JOB: Final = reader_of(Job)


def path_to(*segments: str) -> str:
    """A path of the API, its segments quoted."""
    return API + "".join("/" + quote(segment, safe="") for segment in segments)


def given(**values: T | None) -> dict[str, T]:
    """Those of the values that were given."""
    return {name: value for name, value in values.items() if value is not None}


def once(key: str | None) -> dict[str, str]:
    """Makes a POST safe to repeat."""
    return {"Idempotency-Key": key or secrets.token_hex(16)}


def unless_edited(if_match: str | None) -> dict[str, str]:
    """Binds a change to the state that was read, by its `etag`; None: to none."""
    return {"If-Match": if_match} if if_match is not None else {}
