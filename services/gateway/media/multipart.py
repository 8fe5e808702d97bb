"""A file within `multipart/form-data` (RFC 7578), handed on while it comes: never held whole."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from services.shared.errors import AppError, ErrorCode

FILE_FIELD: Final = "file"

_LONGEST_FIELD: Final = 4_096
_LONGEST_HEADERS: Final = 8_192
_MOST_PARTS: Final = 20


def boundary_of(content_type: str) -> bytes:
    """The boundary of a Content-Type. Raises `AppError` (UNSUPPORTED_MEDIA) for any other type."""
    media_type, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if media_type != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise AppError(
            ErrorCode.UNSUPPORTED_MEDIA, "Send the file as `Content-Type: multipart/form-data`, in the field `file`."
        )
    return boundary


class FileForm:
    """Reads a form. After `file` has ended, the rest is known: the file's name, size and digest, and the fields."""

    def __init__(self, boundary: bytes, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._ready: list[bytes] = []
        self._name = self._filename = b""
        self._header_name = self._header_value = b""
        self._parts = 0
        self._seen_file = self._ended = False
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.filename = ""
        self.fields: dict[str, str] = {}
        self._field = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._take_header_name,
                "on_header_value": self._take_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._take,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )

    @property
    def sha256(self) -> str:
        """Of the file, hexadecimal."""
        return self._digest.hexdigest()

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the field `file`, as they come. Raises `AppError` (VALIDATION) for a form that is none."""
        async for chunk in self._chunks:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _broken() from error
            for part in self._ready:
                self._digest.update(part)
                self.size_bytes += len(part)
                yield part
            self._ready.clear()
        if not self._ended:
            raise _broken()
        if not self._seen_file:
            raise AppError.field(f"/{FILE_FIELD}", "Send the file in the field `file`.")
        if self.size_bytes == 0:
            raise AppError.field(f"/{FILE_FIELD}", "The file is empty.")

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise AppError.field("", f"The form has more than {_MOST_PARTS} fields.")
        self._name = self._filename = self._field = b""

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name = _grown(self._header_name, data[start:end])

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value = _grown(self._header_value, data[start:end])

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, options = parse_options_header(self._header_value)
            self._name, self._filename = options.get(b"name", b""), options.get(b"filename", b"")
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        if self._name == FILE_FIELD.encode():
            if self._seen_file:
                raise AppError.field(f"/{FILE_FIELD}", "Send one file at a time.")
            self._seen_file = True
            self.filename = self._filename.decode("utf-8", "replace")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD.encode():
            self._ready.append(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _LONGEST_FIELD:
            raise AppError.field(f"/{self._name.decode('utf-8', 'replace')[:50]}", "This field is too long.")

    def _end(self) -> None:
        if self._name and self._name != FILE_FIELD.encode():
            try:
                self.fields[self._name.decode()] = self._field.decode()
            except UnicodeDecodeError:
                raise _broken() from None

    def _finish(self) -> None:
        self._ended = True


def _grown(have: bytes, more: bytes) -> bytes:
    if len(have) + len(more) > _LONGEST_HEADERS:
        raise _broken()
    return have + more


def _broken() -> AppError:
    return AppError(ErrorCode.VALIDATION, "The body is no complete multipart/form-data: send it again.")
