"""Downloads over the standard library: resumable, bounded, with errors that say what to do.

`urllib` reads the proxy variables and the system's certificates by itself, and works where only the interpreter is
installed.
"""

from __future__ import annotations

import base64
import errno
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from services.shared.assets.errors import AssetError
from services.shared.errors import ErrorCode

CHUNK_BYTES = 1 << 18
SMALL_BYTES = 64 << 20
_ATTEMPTS = 4
_RETRY_STATUSES = {408, 425, 429, 500, 502, 503, 504}
# Of writing the file here; the network's own come wrapped in a URLError, which has no number.
_LOCAL_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EISDIR}
_USER_AGENT = "music-gen-ai"


class _BrokenTransferError(Exception):
    """The transfer broke off and may be continued."""


def _open(url: str, headers: Mapping[str, str], timeout_seconds: float) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT})  # noqa: S310 — schemes are checked by Source
    if parts.username:
        host = parts.netloc.rpartition("@")[2]
        request = urllib.request.Request(parts._replace(netloc=host).geturl(), headers={"User-Agent": _USER_AGENT})  # noqa: S310
        secret = base64.b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {secret}")
    for name, value in headers.items():
        if name == "Authorization":
            request.add_unredirected_header(name, value)
        else:
            request.add_header(name, value)
    return cast(http.client.HTTPResponse, urllib.request.urlopen(request, timeout=timeout_seconds))  # noqa: S310


def public(url: str) -> str:
    """The address without user, password and query, for messages."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def fetch_small(
    url: str, *, accept: str, timeout_seconds: float = 20.0, headers: Mapping[str, str] | None = None
) -> tuple[bytes, str]:
    """The body (64 MiB at most) and content type of an index page. Raises `AssetError` (UNAVAILABLE)."""
    try:
        with _open(url, {"Accept": accept, **(headers or {})}, timeout_seconds) as response:
            return response.read(SMALL_BYTES), response.headers.get("Content-Type", "")
    except (OSError, http.client.HTTPException) as error:
        raise AssetError(ErrorCode.UNAVAILABLE, f"{public(url)} could not be read: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    return str(getattr(error, "reason", error)) or type(error).__name__


def download(
    url: str,
    target: Path,
    *,
    limit_bytes: int,
    headers: Mapping[str, str] | None = None,
    on_bytes: Callable[[int, int | None], None] = lambda done, total: None,
    timeout_seconds: float = 30.0,
    pause_seconds: float = 0.5,
) -> None:
    """Bring `url` to `target`, going on from what is there already; repeats what broke off, up to four times.

    `on_bytes` gets the bytes on disk and the whole size (None when the server does not tell). Raises `AssetError`:
    `UNAVAILABLE` when it cannot be had, `STORAGE_FULL` when the disk is full, `PAYLOAD_TOO_LARGE` above `limit_bytes`.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _download_once(url, target, limit_bytes, headers or {}, on_bytes, timeout_seconds)
        except (_BrokenTransferError, http.client.HTTPException, OSError) as error:
            if isinstance(error, OSError) and error.errno in _LOCAL_ERRORS:
                message = f"{target.parent} cannot be written ({error.strerror}): free some space or make it writable."
                raise AssetError(ErrorCode.STORAGE_FULL, message) from error
            final = isinstance(error, urllib.error.HTTPError) and error.code not in _RETRY_STATUSES
            if final or attempt == _ATTEMPTS:
                raise AssetError(
                    ErrorCode.UNAVAILABLE, f"{public(url)} could not be fetched: {_reason(error)}."
                ) from error
            time.sleep(pause_seconds * 2 ** (attempt - 1))
        else:
            return


def _download_once(
    url: str,
    target: Path,
    limit_bytes: int,
    headers: Mapping[str, str],
    on_bytes: Callable[[int, int | None], None],
    timeout_seconds: float,
) -> None:
    have = target.stat().st_size if target.exists() else 0
    wanted = {**headers, "Range": f"bytes={have}-"} if have else dict(headers)
    try:
        response = _open(url, wanted, timeout_seconds)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            # Nothing lies beyond what is there: whole already, or a leftover of another version. The hash decides.
            if error.headers.get("Content-Range", "") == f"bytes */{have}":
                return
            target.unlink()
            raise _BrokenTransferError("what was there does not fit; beginning anew") from error
        raise
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and response.status == 206 and not resumed:
            target.unlink()
            raise _BrokenTransferError("the server went on at another place")
        start = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if total is not None and total > limit_bytes:
            _refuse_size(url, total, limit_bytes)
        with target.open("ab" if resumed else "wb") as file:
            done = _copy(response, file, start, total, limit_bytes, on_bytes, url)
        if total is not None and done < total:
            raise _BrokenTransferError(f"the connection ended after {done} of {total} bytes")


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    start: int,
    total: int | None,
    limit_bytes: int,
    on_bytes: Callable[[int, int | None], None],
    url: str,
) -> int:
    done = start
    on_bytes(done, total)
    while chunk := response.read(CHUNK_BYTES):
        done += len(chunk)
        if done > limit_bytes:
            _refuse_size(url, done, limit_bytes)
        file.write(chunk)
        on_bytes(done, total)
    return done


def _refuse_size(url: str, size: int, limit_bytes: int) -> None:
    message = (
        f"{public(url)} is larger ({size} bytes) than expected (at most {limit_bytes}): it is not the pinned file."
    )
    raise AssetError(ErrorCode.PAYLOAD_TOO_LARGE, message)
