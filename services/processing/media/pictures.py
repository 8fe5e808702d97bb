"""Spectrograms and waveforms of stored audio, made once and kept beside the other derivatives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from services.processing.heavy_work import Check, HeavyWork
from services.processing.media.derivatives import derivative_folder
from services.processing.scratch import Scratch
from services.processing.single_flight import SingleFlight
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

WIDTHS: Final = range(64, 4_097)
HEIGHTS: Final = range(32, 2_049)
# What is drawn and kept: the next of these, so that a track has a few pictures and not one for each number.
_WIDTH_STEPS: Final = (400, 800, 1_200, 1_600, 2_400, 4_096)
_HEIGHT_STEPS: Final = (100, 200, 400, 800, 2_048)

_ETAG_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored PNG or SVG. `etag` stands for what was asked for, which always makes the same bytes."""

    object_key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is drawn. `name` is the file's, `draw` the function of `analysis.pictures`."""

    name: str
    draw: str
    width: int
    height: int
    scheme: str


class Pictures:
    """Makes and finds pictures; one at a time of each, however many ask."""

    def __init__(self, store: ObjectStore, scratch: Scratch, heavy: HeavyWork, *, linger_seconds: float) -> None:
        self._store = store
        self._scratch = scratch
        self._heavy = heavy
        self._flights: SingleFlight[str, None] = SingleFlight(linger_seconds)

    async def spectrogram(self, source_key: str, width: int, height: int, scheme: str) -> Picture:
        """The spectrogram of a lossless object, at least as large as asked.

        Raises VALIDATION, NOT_FOUND, UNSUPPORTED_MEDIA, …
        """
        return await self._ensure(source_key, "spectrogram", "png", width, height, scheme)

    async def waveform(self, source_key: str, width: int, height: int, scheme: str, *, vector: bool) -> Picture:
        """The waveform of a lossless object as PNG or SVG, at least as large as asked. Raises the same."""
        return await self._ensure(source_key, "waveform", "svg" if vector else "png", width, height, scheme)

    async def _ensure(self, source_key: str, what: str, ending: str, width: int, height: int, scheme: str) -> Picture:
        if width not in WIDTHS or height not in HEIGHTS:
            raise AppError.field("/width", f"A picture is {_span(WIDTHS)} by {_span(HEIGHTS)} pixels.")
        if not scheme.replace("-", "").replace("_", "").isalnum():
            raise AppError.field("/scheme", "There is no such colour scheme.")
        width = next(step for step in _WIDTH_STEPS if step >= width)
        height = next(step for step in _HEIGHT_STEPS if step >= height)
        wish = _Wish(f"{what}-{width}x{height}-{scheme}.{ending}", f"{what}_{ending}", width, height, scheme)
        key = f"{derivative_folder(source_key)}/{wish.name}"
        if not await self._store.exists(key):
            await self._flights.join(key, lambda: self._make(source_key, key, wish))
        info = await self._store.head(key)
        return Picture(key, info.size_bytes, hashlib.sha256(key.encode()).hexdigest()[:_ETAG_DIGITS])

    async def aclose(self) -> None:
        """Stop what is being made."""
        await self._flights.aclose()

    async def _make(self, source_key: str, key: str, wish: _Wish) -> None:
        async with self._heavy.turn():
            with self._scratch.folder() as folder:
                source = folder / "source"
                await self._store.download(source_key, source)
                data = await self._heavy.run(lambda check: _drawn(source, wish, check))
            await self._store.put(key, data)


def _drawn(source: Path, wish: _Wish, check: Check) -> bytes:
    try:
        # Imported here: whoever draws nothing needs no transforms.
        pictures = import_module("services.processing.analysis.pictures")
    except ModuleNotFoundError as error:
        raise AppError(ErrorCode.NOT_FOUND, "This server draws no pictures.") from error
    made: bytes = getattr(pictures, wish.draw)(source, wish.width, wish.height, wish.scheme, check)
    return made


def _span(values: range) -> str:
    return f"{values.start} to {values.stop - 1}"
