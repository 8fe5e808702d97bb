"""RIFF chunks of a SoundFont file, read without trusting a single length in it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from services.shared.errors import AppError, ErrorCode

_HEADER = struct.Struct("<4sI")
_MAX_CHUNKS = 4096


def damaged(what: str) -> AppError:
    """The error that every reader of this package raises for a file that it cannot trust."""
    return AppError(ErrorCode.UNSUPPORTED_MEDIA, f"The SoundFont file is damaged or not a SoundFont: {what}.")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: `tag` as four bytes, its payload as `[start, end)` in the file."""

    tag: bytes
    start: int
    end: int


def _is_tag(tag: bytes) -> bool:
    return len(tag) == 4 and all(32 <= byte < 127 for byte in tag)


def iterate_chunks(data: memoryview, start: int, end: int) -> Iterator[Chunk]:
    """Walk the chunks in `[start, end)`.

    RIFF pads odd payloads to even length; writers of compressed SoundFonts do not always, so the padding byte is only
    skipped when a tag follows it. A chunk that claims more than its parent holds ends the walk with an error.
    """
    count = 0
    while start + _HEADER.size <= end:
        tag, size = _HEADER.unpack_from(data, start)
        count += 1
        if not _is_tag(tag) or count > _MAX_CHUNKS:
            raise damaged(f"no chunk starts at byte {start}")
        body = start + _HEADER.size
        if body + size > end:
            raise damaged(f"the chunk {tag.decode('ascii')} ends beyond the file")
        yield Chunk(tag, body, body + size)
        start = body + size
        if size % 2 and not _is_tag(bytes(data[start : start + 4])):
            start += 1


def find_lists(data: memoryview) -> dict[bytes, Chunk]:
    """The LIST chunks of a `RIFF sfbk` file by their form (`INFO`, `sdta`, `pdta`), payloads without the form tag."""
    if len(data) < 12 or bytes(data[:4]) != b"RIFF" or bytes(data[8:12]) != b"sfbk":
        raise damaged("it does not begin with a RIFF header of form sfbk")
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise damaged("it is shorter than its header says")
    lists = {}
    for chunk in iterate_chunks(data, 12, size + 8):
        if chunk.tag == b"LIST" and chunk.end - chunk.start >= 4:
            lists[bytes(data[chunk.start : chunk.start + 4])] = Chunk(chunk.tag, chunk.start + 4, chunk.end)
    return lists
