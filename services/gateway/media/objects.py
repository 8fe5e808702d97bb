"""Stored objects as HTTP representations: ranges, validators, file names (RFC 9110 §8, §13, §14)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.media.conditional import http_date, is_unchanged, range_applies
from services.gateway.media.ranges import ByteRange, parse_range
from services.gateway.streams.response import StreamedResponse
from services.shared import direction
from services.shared.storage import ObjectStore

# Signed and authorised answers are the listener's own; what lies under an entity tag never changes.
CACHED_FOR_AN_HOUR = "private, max-age=3600"
# What may be another thing at any moment: asked for each time, and sent only when it is.
CACHED_AND_ASKED_FOR = "private, no-cache"

# What paths are made of, control characters, and what turns the direction of writing, with which a name seems to end
# otherwise than it does.
_NOT_FOR_FILE_NAMES = re.compile(f'[\x00-\x1f\x7f-\x9f"\\\\/:*?<>|\u2028\u2029{direction.CHARACTERS}]+')
_LONGEST_TITLE = 100


@dataclass(frozen=True, slots=True)
class Representation:
    """What an object is to HTTP. `etag` is quoted and strong; `title` and `extension` make its file name.

    `modified` is None for what may be replaced by something older.
    """

    key: str
    size_bytes: int
    media_type: str
    etag: str
    modified: datetime | None
    title: str
    extension: str
    cache_control: str = CACHED_FOR_AN_HOUR


async def object_response(request: Request, store: ObjectStore, what: Representation, *, attachment: bool) -> Response:
    """200, 206 or 304 for a GET or HEAD. Raises `AppError` (RANGE_NOT_SATISFIABLE, NOT_FOUND)."""
    headers = {
        "etag": what.etag,
        "cache-control": what.cache_control,
        "accept-ranges": "bytes",
        "content-disposition": content_disposition(what.title, what.extension, attachment=attachment),
    }
    if what.modified is not None:
        headers["last-modified"] = http_date(what.modified)
    asked = request.headers
    if is_unchanged(asked.get("if-none-match"), asked.get("if-modified-since"), what.etag, what.modified):
        return Response(status_code=304, headers=headers)
    part: ByteRange | None = None
    if range_applies(asked.get("if-range"), what.etag, what.modified):
        part = parse_range(asked.get("range"), what.size_bytes)
    whole = part or ByteRange(0, what.size_bytes)
    headers["content-length"] = str(whole.length)
    if part is not None:
        headers["content-range"] = part.content_range(what.size_bytes)
    status = 206 if part is not None else 200
    if request.scope["state"].get("head"):
        return Response(status_code=status, headers=headers, media_type=what.media_type)
    chunks = _chunks(store, what.key, whole)
    # The first piece is read before the status is said, so that a lost object is an error and not a broken file.
    first = await anext(chunks, b"")
    return StreamedResponse(
        _followed_by(first, chunks), kind="audio", media_type=what.media_type, status_code=status, headers=headers
    )


def content_disposition(title: str, extension: str, *, attachment: bool) -> str:
    """The header with an ASCII name for old clients and the real one (RFC 6266 §4.3, RFC 8187)."""
    cleaned = " ".join(_NOT_FOR_FILE_NAMES.sub(" ", title).split())[:_LONGEST_TITLE].strip(". ") or "track"
    ascii_name = cleaned.encode("ascii", "replace").decode().replace("?", "_")
    kind = "attachment" if attachment else "inline"
    real_name = quote(f"{cleaned}.{extension}", safe="")
    return f"{kind}; filename=\"{ascii_name}.{extension}\"; filename*=UTF-8''{real_name}"


async def _chunks(store: ObjectStore, key: str, part: ByteRange) -> AsyncGenerator[bytes, None]:
    # The store's iterator is an async generator: closing it lets go of the file or connection.
    source = cast("AsyncGenerator[bytes, None]", store.stream(key, part.start, part.end))
    async with aclosing(source) as chunks:
        async for chunk in chunks:
            yield chunk


async def _followed_by(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for chunk in rest:
            yield chunk
