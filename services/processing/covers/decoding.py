"""Decodes pictures that strangers sent: a confined child does it, and only new JPEGs come out of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from services.processing.covers import decoder
from services.processing.covers.sizes import MOST_BYTES, SIZES
from services.processing.media.sandbox import Limits, Sandbox, TimeUp
from services.shared.errors import AppError, ErrorCode

_LONGEST_HEAD: Final = 4_096
# A JPEG of 1,280 × 1,280 pixels that is nothing but noise has about 2.5 MB.
_LARGEST_OUTPUT: Final = 16 * 1024**2
_JPEG_START: Final = b"\xff\xd8\xff"


def decoded(path: Path, check: Callable[[], None], *, limits: Limits = decoder.LIMITS) -> dict[int, bytes]:
    """The picture as a square JPEG in each size, without any metadata.

    `check` runs at least every 0.1 s and may raise. Raises UNSUPPORTED_MEDIA with a sentence for the file's owner.
    """
    if path.stat().st_size > MOST_BYTES:
        raise _refused(f"The picture is larger than {MOST_BYTES // 1024**2} MiB. Send a smaller one.")
    found = bytearray()
    with Sandbox([decoder.__name__, str(path)], limits, check) as child:
        try:
            for part in child.output():
                found += part
                if len(found) > _LARGEST_OUTPUT:
                    raise _refused("The picture cannot be decoded.")
        except TimeUp:
            raise _refused("The picture takes too long to decode: it is damaged, or made to be slow.") from None
        if child.status == decoder.REFUSED:
            raise _refused(_message(child.errors))
        if child.status != 0:
            raise AppError(
                ErrorCode.UNSUPPORTED_MEDIA,
                "The picture cannot be decoded: it is damaged, or needs more memory or time than it may have.",
                status=child.status,
                errors=child.errors[-2_000:],
            )
    return _parts(bytes(found))


def _parts(data: bytes) -> dict[int, bytes]:
    head, _, rest = data[:_LONGEST_HEAD].partition(b"\n")
    try:
        lengths = {int(size): int(length) for size, length in orjson.loads(head)["sizes"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused("The picture cannot be decoded.") from error
    rest = data[len(head) + 1 :]
    if tuple(lengths) != SIZES or sum(lengths.values()) != len(rest) or min(lengths.values()) <= 0:
        raise _refused("The picture cannot be decoded.")
    made, start = {}, 0
    for size, length in lengths.items():
        made[size] = rest[start : start + length]
        start += length
        if not made[size].startswith(_JPEG_START):
            raise _refused("The picture cannot be decoded.")
    return made


def _message(text: str) -> str:
    # Libraries write there too; ours is the last line.
    with contextlib.suppress(ValueError, KeyError, TypeError, IndexError):
        return str(orjson.loads(text.strip().splitlines()[-1])["message"])
    return "The picture is damaged and cannot be decoded."


def _refused(message: str) -> AppError:
    return AppError(ErrorCode.UNSUPPORTED_MEDIA, message)
