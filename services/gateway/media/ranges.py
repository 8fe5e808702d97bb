"""The Range header (RFC 9110 §14): which part of a representation a client asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.shared.errors import AppError, ErrorCode

_SINGLE = re.compile(r"\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)

# Positions of more digits than any file has bytes; int() of very long texts is slow.
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` up to and without `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes it holds."""
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """The Content-Range header of a 206."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The asked part of `size` bytes, or None when the whole is to be sent.

    None is the answer to a missing or malformed header, another unit and several ranges at once, all of which a server
    may ignore (§14.2). Raises `AppError` (RANGE_NOT_SATISFIABLE) with the Content-Range of the 416.
    """
    if header is None:
        return None
    unit, separator, spec = header.partition("=")
    match = _SINGLE.fullmatch(spec)
    if not separator or unit.strip().lower() != "bytes" or match is None:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        suffix = _position(last)
        start, end = max(0, size - suffix), size
    else:
        start, end = _position(first), size if not last else min(size, _position(last) + 1)
        if last and _position(last) < _position(first):
            return None
    if start >= end:
        raise AppError(
            ErrorCode.RANGE_NOT_SATISFIABLE,
            f"The range lies beyond the end: there are {size} bytes. Ask for positions below {size}.",
            content_range=f"bytes */{size}",
        )
    return ByteRange(start, end)


def _position(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS
