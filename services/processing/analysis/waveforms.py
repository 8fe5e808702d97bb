"""Waveforms of stored audio: `peaks.bin` is made once beside the derivatives, and read by ranges afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis import waveform
from services.processing.heavy_work import Check, HeavyWork
from services.processing.media.derivatives import derivative_folder
from services.processing.media.reading import blocks, inspect
from services.processing.scratch import Scratch
from services.processing.single_flight import SingleFlight
from services.shared.storage import ObjectStore

_FILE: Final = "peaks.bin"


@dataclass(frozen=True, slots=True)
class Waveform:
    """float32 `[points]` each, −1 to 1 (up to ±8 where a float master goes beyond full scale)."""

    minima: NDArray[np.float32]
    maxima: NDArray[np.float32]
    duration_seconds: float


class Waveforms:
    """Makes and reads peaks."""

    def __init__(self, store: ObjectStore, scratch: Scratch, heavy: HeavyWork, *, linger_seconds: float) -> None:
        self._store = store
        self._scratch = scratch
        self._heavy = heavy
        self._flights: SingleFlight[str, None] = SingleFlight(linger_seconds)

    async def get(self, source_key: str, points: int) -> Waveform:
        """Minima and maxima of `points` equal parts. Raises VALIDATION, NOT_FOUND, UNSUPPORTED_MEDIA, …"""
        waveform.check_points(points)
        await self.ensure(source_key)
        key = _peaks_key(source_key)
        layout = waveform.read_layout(await self._store.get_range(key, 0, waveform.HEADER_BYTES))
        level = layout.level_for(points)
        start, end = layout.byte_range(level)
        peaks = waveform.read_level(await self._store.get_range(key, start, end) if end > start else b"")
        minima, maxima = waveform.answer(layout, level, peaks, points)
        return Waveform(minima, maxima, layout.duration_seconds)

    async def ensure(self, source_key: str) -> None:
        """Make the peaks unless they are there."""
        if not await self._store.exists(_peaks_key(source_key)):
            await self._flights.join(source_key, lambda: self._make(source_key))

    async def aclose(self) -> None:
        """Stop what is being made."""
        await self._flights.aclose()

    async def _make(self, source_key: str) -> None:
        async with self._heavy.turn():
            with self._scratch.folder() as folder:
                source = folder / "source"
                await self._store.download(source_key, source)
                data = await self._heavy.run(lambda check: _peaks_of(source, check))
            await self._store.put(_peaks_key(source_key), data)


def _peaks_of(source: Path, check: Check) -> bytes:
    info = inspect(source)
    return waveform.build(blocks(source, check), info.frames, info.sample_rate_hz)


def _peaks_key(source_key: str) -> str:
    return f"{derivative_folder(source_key)}/{_FILE}"
