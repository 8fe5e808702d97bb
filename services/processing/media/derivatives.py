"""Lossless objects in other formats, made once and kept in storage (contracts.md, "Object storage keys").

Beside `derivatives/<sha256 of source key>/audio.<ext>` lies `audio.<ext>.json`: which object holds the derivative, its
size and its SHA-256, written last. Encoding is reproducible, so two processes that make the same one at the same time
write the same bytes.

Files to be kept by people say what music they hold, and show it: `download-<digest of all that>.<ext>`, a copy of the
plain one with other heads. `download.<ext>.json` names the newest, which takes the place of the one before.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from prometheus_client import Counter, Histogram

from services.processing.heavy_work import Check, HeavyWork
from services.processing.media.encoding import encode
from services.processing.media.formats import DERIVATIVES, MediaFormat
from services.processing.media.reading import SourceInfo, inspect
from services.processing.media.tagging import FileTags, picture_of, write_tags
from services.processing.scratch import Scratch
from services.processing.single_flight import SingleFlight
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

_ETAG_DIGITS: Final = 32
# Of how heads are written: another way makes other files.
_TAGGING: Final = 1

_ASKED = Counter("processing_derivatives_total", "Derivatives asked for.", ["format", "outcome"])
_SECONDS = Histogram(
    "processing_derivative_seconds",
    "Time to make a derivative, with its download and upload.",
    ["format"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Derivative:
    """A file that can be sent. `etag` stands for its bytes."""

    object_key: str
    size_bytes: int
    media_type: str
    etag: str


def derivative_folder(source_key: str) -> str:
    """Where everything that is derived from an object lies."""
    return f"derivatives/{hashlib.sha256(source_key.encode()).hexdigest()}"


class Derivatives:
    """Makes and finds derivatives; one at a time of each, however many ask."""

    def __init__(self, store: ObjectStore, scratch: Scratch, heavy: HeavyWork, *, linger_seconds: float) -> None:
        self._store = store
        self._scratch = scratch
        self._heavy = heavy
        self._flights: SingleFlight[tuple[str, str], Derivative] = SingleFlight(linger_seconds)

    async def ensure(self, source_key: str, wanted: MediaFormat) -> Derivative:
        """The derivative of a lossless object. Raises NOT_FOUND, UNSUPPORTED_MEDIA, STORAGE_FULL, UNAVAILABLE."""
        found = await self._find(source_key, wanted)
        if found is not None:
            _ASKED.labels(wanted.name, "found").inc()
            return found
        _ASKED.labels(wanted.name, "made").inc()
        return await self._flights.join((source_key, wanted.name), lambda: self._make(source_key, wanted))

    async def tagged(self, source_key: str, wanted: MediaFormat, words: FileTags, cover_key: str) -> Derivative:
        """The derivative with `words` and a stored JPEG in it. Raises the same, NOT_FOUND for a lost picture too."""
        plain = await self.ensure(source_key, wanted)
        said = orjson.dumps([_TAGGING, plain.etag, asdict(words), cover_key])
        key = (
            f"{derivative_folder(source_key)}/download-{hashlib.sha256(said).hexdigest()[:_ETAG_DIGITS]}.{wanted.name}"
        )
        found = await self._recorded(_download_key(source_key, wanted))
        if found is not None and found["object_key"] == key:
            return Derivative(key, found["size_bytes"], wanted.media_type, found["sha256"][:_ETAG_DIGITS])
        work = partial(self._tag, source_key, wanted, plain, words, cover_key, key)
        return await self._flights.join((key, ""), work)

    async def aclose(self) -> None:
        """Stop what is being made."""
        await self._flights.aclose()

    async def _find(self, source_key: str, wanted: MediaFormat) -> Derivative | None:
        record = await self._recorded(_record_key(source_key, wanted))
        if record is None:
            return None
        etag = str(record["sha256"])[:_ETAG_DIGITS]
        return Derivative(record["object_key"], record["size_bytes"], wanted.media_type, etag)

    async def _recorded(self, record_key: str) -> dict[str, Any] | None:
        """What a record says, as long as the object that it names is there."""
        try:
            record: dict[str, Any] = orjson.loads(await self._store.get(record_key))
            info = await self._store.head(record["object_key"])
        except AppError as error:
            if error.code is ErrorCode.NOT_FOUND:
                return None
            raise
        return record if info.size_bytes == record["size_bytes"] else None

    async def _tag(
        self, source_key: str, wanted: MediaFormat, plain: Derivative, words: FileTags, cover_key: str, key: str
    ) -> Derivative:
        async with self._heavy.turn():
            with self._scratch.folder() as folder:
                bare, made = folder / "bare", folder / "made"
                await self._store.download(plain.object_key, bare)
                tags = replace(words, picture=picture_of(await self._store.get(cover_key)))
                await self._heavy.run(lambda _check: write_tags(bare, made, wanted.container, tags))
                digest, size_bytes = await asyncio.to_thread(digest_of, made)
                await self._store.put_file(key, made)
        earlier = await self._recorded(_download_key(source_key, wanted))
        record = {"object_key": key, "size_bytes": size_bytes, "sha256": digest}
        await self._store.put(_download_key(source_key, wanted), orjson.dumps(record))
        # One a format: however often a title changes, no more is kept. Whoever reads the old one asks again.
        if earlier is not None and earlier["object_key"] != key:
            await self._store.delete(earlier["object_key"])
        return Derivative(key, size_bytes, wanted.media_type, digest[:_ETAG_DIGITS])

    async def _make(self, source_key: str, wanted: MediaFormat) -> Derivative:
        async with self._heavy.turn():
            started = time.monotonic()
            with self._scratch.folder() as folder:
                source, made = folder / "source", folder / f"audio.{wanted.name}"
                await self._store.download(source_key, source)
                as_it_is = await self._heavy.run(lambda check: _make_file(source, made, wanted, check))
                object_key = source_key if as_it_is else _audio_key(source_key, wanted)
                path = source if as_it_is else made
                digest, size_bytes = await asyncio.to_thread(digest_of, path)
                if not as_it_is:
                    await self._store.put_file(object_key, path)
            record = {"object_key": object_key, "size_bytes": size_bytes, "sha256": digest}
            await self._store.put(_record_key(source_key, wanted), orjson.dumps(record))
            seconds = time.monotonic() - started
        _SECONDS.labels(wanted.name).observe(seconds)
        _log.info("derivative_made", format=wanted.name, size_bytes=size_bytes, seconds=round(seconds, 3))
        return Derivative(object_key, size_bytes, wanted.media_type, digest[:_ETAG_DIGITS])


def _make_file(source: Path, made: Path, wanted: MediaFormat, check: Check) -> bool:
    """Write the derivative; True when the source itself is what was wanted, and nothing was written."""
    if _is_already(inspect(source), wanted):
        return True
    encode(source, made, DERIVATIVES[wanted.name], check=check)
    return False


def _is_already(info: SourceInfo, wanted: MediaFormat) -> bool:
    if wanted.name == "flac":
        return info.container == "FLAC"
    return wanted.name == "wav" and info.container == "WAV" and info.subtype in {"PCM_16", "PCM_24"}


def _audio_key(source_key: str, wanted: MediaFormat) -> str:
    return f"{derivative_folder(source_key)}/audio.{wanted.name}"


def _record_key(source_key: str, wanted: MediaFormat) -> str:
    return f"{_audio_key(source_key, wanted)}.json"


def _download_key(source_key: str, wanted: MediaFormat) -> str:
    return f"{derivative_folder(source_key)}/download.{wanted.name}.json"


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 (hexadecimal) and size of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
