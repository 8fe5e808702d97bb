"""JSON travels as gzip where that saves something: lists, waveforms, songs' notes. Sound and pictures are packed.

Answers that hold somebody's secrets stay as they are: from the length of a packed answer one could guess at them, where
a part of it can be chosen from outside (the BREACH attack).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.encodings import takes
from services.gateway.media.conditional import GZIP_SUFFIX

# Below that, what is saved is less than a packet; above, packing would hold up everybody else's answers.
_LEAST_BYTES: Final = 2_048
_MOST_BYTES: Final = 262_144
# A fifth of the size that JSON has, at the least work.
_LEVEL: Final = 1
_GZIP: Final = 31
_SECRET_PATHS: Final = ("/api/v1/auth/", "/api/v1/api-keys", "/api/v1/webhooks")


class CompressionMiddleware:
    """Packs JSON bodies of some size, if they are sent whole and the client takes gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"].startswith(_SECRET_PATHS) or not _wanted(scope["headers"]):
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_packed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_json(message["headers"]):
                start = message
                return
            if start is not None:
                begun, start = start, None
                body = message.get("body", b"")
                if not message.get("more_body") and _LEAST_BYTES <= len(body) <= _MOST_BYTES:
                    packed = _packed(body)
                    begun = {**begun, "headers": _described(begun["headers"], len(packed))}
                    message = {**message, "body": packed}
                await send(begun)
            await send(message)

        await self._app(scope, receive, send_packed)


def _wanted(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"accept-encoding" and takes(value.decode("latin-1"), "gzip") for name, value in headers)


def _is_json(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    found = {name.lower(): value for name, value in headers}
    media_type = found.get(b"content-type", b"").partition(b";")[0].strip()
    return b"content-encoding" not in found and (media_type == b"application/json" or media_type.endswith(b"+json"))


def _packed(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()


def _described(headers: Iterable[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    """The headers of the packed body: another representation, so a strong validator is another one, too."""
    described, vary = [], [b"Accept-Encoding"]
    for name, value in headers:
        lower = name.lower()
        if lower == b"vary":
            vary.append(value)
        elif lower == b"etag" and not value.startswith(b"W/"):
            described.append((name, value.removesuffix(b'"') + GZIP_SUFFIX.encode() + b'"'))
        elif lower != b"content-length":
            described.append((name, value))
    return [
        *described,
        (b"content-encoding", b"gzip"),
        (b"content-length", str(length).encode()),
        (b"vary", b", ".join(vary)),
    ]
