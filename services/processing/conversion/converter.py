"""Runs one conversion: from the master in storage to a file of its own, written where only this attempt writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.processing.conversion.request import ConvertRequest
from services.processing.heavy_work import Check, HeavyWork
from services.processing.media.derivatives import digest_of
from services.processing.media.encoding import Encoded, encode
from services.processing.scratch import Scratch
from services.shared.storage import ObjectStore

# How the parts of a conversion share the progress bar.
_DOWNLOADED = 0.1
_ENCODED = 0.9

Report = Callable[[float, str], None]


class Converter:
    """Converts masters. Holds nothing between two of them."""

    def __init__(self, store: ObjectStore, scratch: Scratch, heavy: HeavyWork) -> None:
        self._store = store
        self._scratch = scratch
        self._heavy = heavy

    async def convert(
        self, request: ConvertRequest, source_key: str, target_folder: str, *, check: Check, report: Report
    ) -> dict[str, Any]:
        """Write `<target_folder>/audio.<format>`; the answer is the job's result.

        `check` raises when the work has to stop, `report` hears the fraction and the stage; both run in any thread.
        """
        key = f"{target_folder}/audio.{request.format}"
        async with self._heavy.turn():
            with self._scratch.folder() as folder:
                source, made = folder / "source", folder / "made"
                report(0.0, "reading the track")
                check()
                await self._store.download(source_key, source)
                report(_DOWNLOADED, f"writing {request.format}")
                encoded = await self._heavy.run(lambda stopped: _encode(request, source, made, stopped, check, report))
                report(_ENCODED, "storing the file")
                check()
                digest, size_bytes = await asyncio.to_thread(digest_of, made)
                await self._store.put_file(key, made)
        return {
            "object_key": key,
            "format": request.format,
            "media_type": request.target.format.media_type,
            "size_bytes": size_bytes,
            "sha256": digest,
            "duration": round(encoded.duration_seconds, 6),
            "sample_rate": encoded.sample_rate_hz,
            "channels": encoded.channels,
        }


def _encode(request: ConvertRequest, source: Path, made: Path, stopped: Check, check: Check, report: Report) -> Encoded:
    def both() -> None:
        stopped()
        check()

    def tell(fraction: float) -> None:
        report(_DOWNLOADED + (_ENCODED - _DOWNLOADED) * fraction, f"writing {request.format}")

    return encode(source, made, request.target, check=both, progress=tell)
