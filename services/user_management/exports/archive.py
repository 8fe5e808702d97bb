"""A ZIP archive as a stream of bytes (APPNOTE 6.3.10): written entry by entry, never held as a whole.

Sound and pictures are packed already, so that nothing is compressed; sizes follow each entry in a data descriptor, with
64 bits where they need them.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, cast

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One entry: its path, its time, and its bytes."""

    path: str
    modified: datetime
    chunks: AsyncIterator[bytes]


class _Sink:
    """What `zipfile` writes to: it can neither seek nor tell, and keeps nothing that was taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take bytes of the archive."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


async def zipped(files: AsyncIterator[ArchiveFile]) -> AsyncGenerator[bytes, None]:
    """The archive of the files, in pieces. What reading them raises is raised again, and leaves it unfinished."""
    sink = _Sink()
    archive = zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED, allowZip64=True)
    async for file in files:
        info = zipfile.ZipInfo(file.path, file.modified.timetuple()[:6])
        info.external_attr = 0o600 << 16
        with archive.open(info, "w", force_zip64=True) as entry:
            async for chunk in file.chunks:
                entry.write(chunk)
                yield sink.taken()
        yield sink.taken()
    archive.close()
    yield sink.taken()
