"""Object storage: one async interface over local files, memory, S3, GCS and Azure (obstore underneath).

Writes are atomic: a reader sees the old object, the new one or none. Credentials come from each provider's own
environment variables. Keys are plain paths ("jobs/<job>/3/master.flac"); what could leave the store's root is refused.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, MemoryStore, from_url
from obstore.store import ObjectStore as Backend

from services.shared.errors import AppError, ErrorCode

_KEY_SEGMENT = re.compile(r"[A-Za-z0-9._=@+-]{1,255}")
_LONGEST_KEY = 1024

_MULTIPART_CHUNK_BYTES = 8 * 1024 * 1024
_MULTIPART_CONCURRENCY = 4

# errno values as they stand in obstore's messages: ENOSPC and EDQUOT; EROFS, EACCES and EPERM.
_FULL = re.compile(r"os error (28|122)\b")
_NOT_WRITABLE = re.compile(r"os error (30|13|1)\b")

# A private S3 or an emulator on http:// is a choice that its endpoint states.
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AZURE_STORAGE_ENDPOINT")

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object."""

    key: str
    size_bytes: int
    modified: datetime


class ObjectStore:
    """Every method raises `AppError`: NOT_FOUND, STORAGE_FULL, RANGE_NOT_SATISFIABLE, VALIDATION (key), UNAVAILABLE."""

    def __init__(self, backend: Backend, root: Path | None = None) -> None:
        self._backend = backend
        # Only local stores have one: there, killed writers leave drafts behind that the backend does not list.
        self._root = root

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open `file:///folder` (made when missing), `memory://`, `s3://bucket/prefix`, `gs://…` or `az://…`."""
        scheme = urlsplit(url).scheme
        if scheme == "memory":
            return cls(MemoryStore())
        if scheme == "file":
            root = Path(unquote(urlsplit(url).path))
            try:
                root.mkdir(parents=True, exist_ok=True)
                return cls(LocalStore(root, automatic_cleanup=True), root)
            except OSError as error:
                raise _not_writable(str(root), error.strerror or str(error)) from error
        try:
            return cls(
                from_url(
                    url,
                    client_options={
                        "connect_timeout": timedelta(seconds=5),
                        # The whole request, body included: a listener may take an object at the speed of its music.
                        "timeout": timedelta(hours=6),
                        "read_timeout": timedelta(seconds=60),
                        "allow_http": _plain_http_is_meant(),
                    },
                    retry_config={"max_retries": 8, "retry_timeout": timedelta(seconds=30)},
                )
            )
        except (BaseError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise AppError(ErrorCode.VALIDATION, f"STORAGE_URL cannot be used: {reason}") from error

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, replacing what is there."""
        await _guarded(key, obstore.put_async(self._backend, _checked(key), data, use_multipart=False))

    async def put_file(self, key: str, path: Path) -> None:
        """Store a local file without reading it into memory at once."""
        _checked(key)
        await asyncio.to_thread(path.stat)
        await _guarded(
            key,
            obstore.put_async(
                self._backend,
                key,
                path,
                chunk_size=_MULTIPART_CHUNK_BYTES,
                max_concurrency=_MULTIPART_CONCURRENCY,
            ),
        )

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store what comes, in parts; nothing is there unless all has come. What `chunks` raises is raised again."""
        await _guarded(
            key,
            obstore.put_async(
                self._backend,
                _checked(key),
                chunks,
                chunk_size=_MULTIPART_CHUNK_BYTES,
                max_concurrency=_MULTIPART_CONCURRENCY,
            ),
        )

    async def get(self, key: str) -> bytes:
        """The whole object; meant for small ones."""
        result = await _guarded(key, obstore.get_async(self._backend, _checked(key)))
        return bytes(await _guarded(key, result.bytes_async()))

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Bytes `start` (inclusive) to `end` (exclusive), cut at the object's end."""
        result = await self._open(key, start, end)
        return bytes(await _guarded(key, result.bytes_async())) if result is not None else b""

    async def stream(
        self, key: str, start: int = 0, end: int | None = None, chunk_bytes: int = 262_144
    ) -> AsyncIterator[bytes]:
        """Bytes `start` to `end` (exclusive; None: the object's end) in chunks of at most `chunk_bytes`."""
        result = await self._open(key, start, end)
        if result is not None:
            with _translated(key):
                async for part in result.stream(min_chunk_size=chunk_bytes):
                    view = memoryview(part)
                    for offset in range(0, len(view), chunk_bytes):
                        yield bytes(view[offset : offset + chunk_bytes])

    async def head(self, key: str) -> ObjectInfo:
        """Size and time of an object."""
        meta = await _guarded(key, obstore.head_async(self._backend, _checked(key)))
        return ObjectInfo(key, meta["size"], meta["last_modified"])

    async def exists(self, key: str) -> bool:
        """Whether there is an object of this key."""
        try:
            await self.head(key)
        except AppError as error:
            if error.code is ErrorCode.NOT_FOUND:
                return False
            raise
        return True

    async def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        try:
            await _guarded(key, obstore.delete_async(self._backend, _checked(key)))
        except AppError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise

    async def delete_prefix(self, prefix: str) -> int:
        """Remove every object below a folder-like prefix ("jobs/<job>"). Returns how many there were."""
        folder = _checked(prefix.rstrip("/"))
        keys = [info.key async for info in self.list(folder)]
        for key in keys:
            await self.delete(key)
        if self._root is not None:
            await asyncio.to_thread(shutil.rmtree, self._root / folder, ignore_errors=True)
        return len(keys)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """The objects below a folder-like prefix, in no particular order; all of them when it is empty."""
        folder = _checked(prefix.rstrip("/")) if prefix else None
        with _translated(prefix):
            async for page in obstore.list(self._backend, folder):
                for meta in page:
                    yield ObjectInfo(meta["path"], meta["size"], meta["last_modified"])

    async def download(self, key: str, path: Path) -> None:
        """Write an object to a local file, which appears whole or not at all."""
        draft = path.with_name(f"{path.name}.part")
        try:
            with await asyncio.to_thread(draft.open, "wb") as file:
                async for chunk in self.stream(key, chunk_bytes=1024 * 1024):
                    await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(draft.replace, path)
        except OSError as error:
            raise _from_os(str(path), error.errno or 0, error.strerror or str(error)) from error
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)

    async def _open(self, key: str, start: int, end: int | None) -> obstore.GetResult | None:
        """Begin to read; None when the range is empty."""
        if start < 0 or (end is not None and end < start):
            raise AppError(ErrorCode.RANGE_NOT_SATISFIABLE, "The range is not valid.", start=start, end=end)
        options: obstore.GetOptions = {}
        if end is not None:
            options["range"] = (start, end)
        elif start > 0:
            options["range"] = {"offset": start}
        try:
            if start == end:
                await self._check_start(key, start)
                return None
            return await _guarded(key, obstore.get_async(self._backend, _checked(key), options=options))
        except AppError as error:
            # Backends say "range beyond the end" in different words, mixed with other failures.
            if error.code is ErrorCode.UNAVAILABLE and options:
                await self._check_start(key, start)
            raise

    async def _check_start(self, key: str, start: int) -> None:
        size = (await self.head(key)).size_bytes
        if start > size or start == size > 0:
            raise AppError(
                ErrorCode.RANGE_NOT_SATISFIABLE, f"The range begins beyond the end ({size} bytes).", size_bytes=size
            )


def _plain_http_is_meant() -> bool:
    # Options given here replace the backend's own reading of its …_ALLOW_HTTP variables, so they are read again.
    endpoints = (os.environ.get(name, "") for name in _ENDPOINT_VARIABLES)
    return any(endpoint.startswith("http://") for endpoint in endpoints)


def _checked(key: str) -> str:
    segments = key.split("/")
    if len(key) > _LONGEST_KEY or not all(_KEY_SEGMENT.fullmatch(part) and part.strip(".") for part in segments):
        raise AppError(ErrorCode.VALIDATION, "The storage key is not valid.", key=key[:100])
    return key


async def _guarded(key: str, operation: Awaitable[ResultT]) -> ResultT:
    with _translated(key):
        return await operation


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """Turn obstore's errors into ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise AppError(ErrorCode.NOT_FOUND, "There is no such object in storage.", key=key) from error
    except (BaseError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        if found := _FULL.search(reason):
            raise _from_os(key, int(found[1]), reason) from error
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or _NOT_WRITABLE.search(reason):
            raise _not_writable(key, reason) from error
        raise AppError(ErrorCode.UNAVAILABLE, "Storage does not answer. Try again.", key=key, reason=reason) from error


def _from_os(where: str, number: int, reason: str) -> AppError:
    if number in {28, 122}:
        return AppError(ErrorCode.STORAGE_FULL, "Storage is full. Free some space and try again.", where=where)
    return _not_writable(where, reason)


def _not_writable(where: str, reason: str) -> AppError:
    return AppError(
        ErrorCode.UNAVAILABLE,
        "Storage cannot be used: it is read-only or access is denied. Check STORAGE_URL and its permissions.",
        where=where,
        reason=reason,
    )
