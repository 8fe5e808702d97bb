"""Reading fields of gRPC messages: what every servicer checks in the same way. All raise `AppError`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.shared.errors import AppError

DEFAULT_PAGE: Final = 20
LARGEST_PAGE: Final = 100
LARGEST_JSON_BYTES: Final = 256 * 1024
# A job's request: what the gateway lets through (1 MiB), spelled out in full and with the sources beside it.
LARGEST_REQUEST_BYTES: Final = 2 * 1024 * 1024
# Well below what one gRPC message may hold.
LARGEST_PAGE_BYTES: Final = 2 * 1024 * 1024

# PostgreSQL's text holds no NUL, and UTF-8 no lone surrogate.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def parse_id(text: str) -> UUID | None:
    """The id, or None when it cannot be one (and so names nothing)."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def json_object(text: str, pointer: str, *, largest_bytes: int = LARGEST_JSON_BYTES) -> dict[str, Any]:
    """A JSON object that the database can store."""
    if len(text.encode(errors="replace")) > largest_bytes:
        raise AppError.field(pointer, f"This is too large: {largest_bytes // 1024} KiB are the limit.")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise AppError.field(pointer, "This is not valid JSON.") from error
    if not isinstance(value, dict):
        raise AppError.field(pointer, "This has to be a JSON object.")
    if _holds_unstorable(value):
        raise AppError.field(pointer, "Texts must not hold the character U+0000.")
    return value


def optional_json_object(text: str, pointer: str) -> dict[str, Any] | None:
    """The same; None for an empty text."""
    return json_object(text, pointer) if text else None


def storable(text: str, limit: int) -> str:
    """A text of ours (not a user's) without what the database cannot hold, cut at `limit` characters."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)[:limit]


def json_text(value: dict[str, Any] | None) -> str:
    """The JSON text of an object; empty for None."""
    return "" if value is None else orjson.dumps(value).decode()


def timestamp(value: datetime | None) -> Timestamp | None:
    """The wire form of an instant."""
    if value is None:
        return None
    found = Timestamp()
    found.FromDatetime(value)
    return found


def page_limit(limit: int) -> int:
    """How many items a page holds."""
    if not 0 <= limit <= LARGEST_PAGE:
        raise AppError.field("/limit", f"The limit has to be 1 to {LARGEST_PAGE}.")
    return limit or DEFAULT_PAGE


def fitting(messages: Sequence[Message]) -> int:
    """How many of a page's messages one answer can hold; at least one, so that paging goes on."""
    total = 0
    for count, message in enumerate(messages):
        total += message.ByteSize()
        if total > LARGEST_PAGE_BYTES:
            return max(count, 1)
    return len(messages)


def cursor_of(last_id: UUID) -> str:
    """The cursor of the page that begins after this item."""
    return base64.urlsafe_b64encode(last_id.bytes).decode().rstrip("=")


def cursor_id(cursor: str) -> UUID | None:
    """The item that a page begins after; None for the first page."""
    if not cursor:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise AppError.field("/cursor", "This is not a cursor. Take next_cursor of the page before.") from error


def _holds_unstorable(value: object) -> bool:
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is not None
    if isinstance(value, dict):
        return any(_holds_unstorable(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_unstorable(part) for part in value)
