"""A file as a request's body (`multipart/form-data`, RFC 7578), read while it is sent, anew for each attempt."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Sent = Callable[[int, int], None]

_CHUNK_BYTES: Final = 262_144
# WHATWG HTML, "multipart/form-data encoding algorithm": what may not stand in a quoted file name.
_NOT_QUOTED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A local file and what is said of it. `sent` is told bytes so far, and bytes in all."""

    path: Path
    title: str | None = None
    sent: Sent | None = None

    def body(self) -> FileBody:
        """The body of one attempt. Raises OSError when the file cannot be read."""
        return FileBody(self)


class FileBody:
    """Iterable once or more, in either way; each time the file is read from its beginning."""

    def __init__(self, upload: FileUpload) -> None:
        self._upload = upload
        boundary = f"musicgen-{secrets.token_hex(16)}"
        self.content_type: Final = f"multipart/form-data; boundary={boundary}"
        head = ""
        if upload.title is not None:
            head += f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{upload.title}\r\n'
        name = upload.path.name.translate(_NOT_QUOTED)
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        self._head = (head + "Content-Type: application/octet-stream\r\n\r\n").encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file_bytes = upload.path.stat().st_size
        self.length: Final = len(self._head) + self._file_bytes + len(self._tail)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes in order."""
        yield self._head
        done = 0
        with self._upload.path.open("rb") as file:
            # Not beyond the announced length, should the file grow meanwhile.
            while data := file.read(min(_CHUNK_BYTES, self._file_bytes - done)):
                yield data
                done += len(data)
                if self._upload.sent is not None:
                    self._upload.sent(done, self._file_bytes)
        yield self._tail

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks()


class AsyncFileBody:
    """The same for an asynchronous client. Reading a local file takes no longer than sending it."""

    def __init__(self, body: FileBody) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._body.chunks():
            yield chunk
