"""A file that is being fetched: resumed by ranges when the connection breaks, under its name only when it is whole."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import httpx

from musicgen_client.errors import UnexpectedAnswerError, UnreachableError

MOST_FAILURES: Final = 5
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class PartialFile:
    """Collects the bytes of one download beside its target and moves them there when all have come."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        self._file: BinaryIO = self._draft.open("xb")
        self._etag = ""
        self._expected: int | None = None
        self._failures = 0
        self.received = 0

    @property
    def expected(self) -> int | None:
        """Bytes of the whole file; None when the server does not say."""
        return self._expected

    def headers(self) -> dict[str, str]:
        """The headers of the next connection: the rest of what has begun, if the file is still the same."""
        headers = {"Accept-Encoding": "identity"}
        if self.received and self._etag:
            headers |= {"Range": f"bytes={self.received}-", "If-Range": self._etag}
        return headers

    def begin(self, response: httpx.Response) -> None:
        """An answer has come: go on where it begins."""
        etag = response.headers.get("etag", "")
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if found is None or int(found[1]) != self.received:
                raise UnexpectedAnswerError(f"{response.request.url} answered another range than the one asked for")
            return
        self.received = 0
        self._file.seek(0)
        self._file.truncate()
        self._etag = "" if etag.startswith("W/") else etag
        length = response.headers.get("content-length", "")
        self._expected = int(length) if length.isdigit() else None

    def write(self, data: bytes) -> None:
        """Keep the next bytes."""
        self._file.write(data)
        self.received += len(data)
        self._failures = 0

    def whole(self) -> bool:
        """Whether the connection's end was the file's end."""
        return self._expected is None or self.received == self._expected

    def dropped(self, cause: Exception | None = None) -> float:
        """The connection ended too early: seconds to wait before the next one."""
        self._failures += 1
        if self._failures > MOST_FAILURES:
            missing = "" if self._expected is None else f" of {self._expected}"
            raise UnreachableError(f"the download broke off after {self.received}{missing} bytes") from cause
        return float(0.1 * 2**self._failures)

    def commit(self) -> Path:
        """Put the whole file in its place."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self._target)
        return self._target

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)
