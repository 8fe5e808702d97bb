"""From a finished song on local disk to objects in storage, and to what the library is told about them."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

import orjson
import structlog

from protos.users.v1.tracks_pb2 import Licence, Stem, TrackContent
from services.generation.backends.protocol import GeneratedTrack, GenerationRequest, ModelDescription
from services.generation.job_request import SourceTrack
from services.shared.errors import AppError, ErrorCode
from services.shared.leases import Lease
from services.shared.live_channel import StaleToken
from services.shared.storage import ObjectStore

LONGEST_TITLE = 80
_UPLOAD_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.2
_NOT_IN_KEYS = re.compile(r"[^a-z0-9_-]+")

_log = structlog.get_logger(__name__)


@cache
def engine_version() -> str:
    """The platform's version, kept on every track so that a song can be made again."""
    try:
        return version("music-gen-ai")
    except PackageNotFoundError:
        return "source"


def title_from(prompt: str) -> str:
    """A title for a song that has none: the prompt's first line, cut at a word."""
    line = prompt.strip().splitlines()[0]
    if len(line) > LONGEST_TITLE:
        line = line[: LONGEST_TITLE - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
    return line[:1].upper() + line[1:]


class Outputs:
    """Stores one attempt's files below a folder that carries its fencing token."""

    def __init__(self, store: ObjectStore, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._prefix = f"jobs/{lease.job_id}/{lease.fencing_token}"
        # What lies there now.
        self.stored_bytes = 0

    async def store(
        self,
        track: GeneratedTrack,
        request: GenerationRequest,
        model: ModelDescription,
        sources: Sequence[SourceTrack] = (),
    ) -> TrackContent:
        """Upload master, stems and MIDI; what to tell the library. Raises `StaleToken`, STORAGE_FULL, UNAVAILABLE.

        `sources` are the tracks that the song started from: their terms hold for it too.
        """
        master_key = f"{self._prefix}/master.flac"
        stems = [
            Stem(name=stem.name, object_key=f"{self._prefix}/stems/{_key_part(stem.name)}.flac") for stem in track.stems
        ]
        midi_key = f"{self._prefix}/song.mid" if track.midi_path else ""
        files = [(master_key, track.master_path)]
        files += [(wire.object_key, stem.path) for wire, stem in zip(stems, track.stems, strict=True)]
        if track.midi_path:
            files.append((midi_key, track.midi_path))
        try:
            async with asyncio.TaskGroup() as group:
                digest = group.create_task(asyncio.to_thread(_sha256, track.master_path))
                for key, path in files:
                    group.create_task(self._upload(key, path))
        except ExceptionGroup as failures:
            # One sentence is enough for people, and callers look for `AppError`.
            raise failures.exceptions[0] from None
        return TrackContent(
            title=request.title or track.title or title_from(request.prompt),
            prompt=request.prompt,
            model=model.id,
            seed=request.seed,
            duration_seconds=track.duration_seconds,
            sample_rate_hz=track.sample_rate_hz,
            channels=track.channels,
            loudness_lufs=track.loudness_lufs,
            true_peak_dbtp=track.true_peak_dbtp,
            bpm=track.bpm,
            key=track.key,
            tags=track.tags,
            master_object_key=master_key,
            stems=stems,
            midi_object_key=midi_key,
            licence=_licence(model, sources),
            model_revision=model.revision,
            engine_version=engine_version(),
            runtime=track.runtime,
            precision=track.precision,
            spec_json=orjson.dumps(track.spec).decode() if track.spec else "",
            mastering_gain_db=track.mastering_gain_db,
            master_sha256=digest.result(),
            public=request.public,
            parent_id=request.variation_of_id or request.continue_from_id or request.melody_id or request.style_id,
        )

    async def _upload(self, key: str, path: Path) -> None:
        await self._patiently(lambda: self._store.put_file(key, path))
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        self.stored_bytes += size_bytes

    async def _patiently(self, operation: Callable[[], Awaitable[None]]) -> None:
        for attempt in range(_UPLOAD_TRIES):
            if self._lease.lost:
                raise StaleToken
            try:
                await operation()
            except AppError as error:
                if error.code is not ErrorCode.UNAVAILABLE or attempt == _UPLOAD_TRIES - 1:
                    raise
                _log.warning("upload_repeated", reason=error.message, attempt=attempt + 1)
                await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
            else:
                return


def _licence(model: ModelDescription, sources: Sequence[SourceTrack]) -> Licence:
    """The strictest use of the model's and the sources' terms, under the name of whose it is; all attributions."""
    strictest = next((source.licence for source in sources if not source.commercial_use), model.licence)
    attributions = dict.fromkeys(chain(model.attributions, *(source.attributions for source in sources)))
    return Licence(
        name=strictest if model.commercial_use else model.licence,
        commercial_use=model.commercial_use and all(source.commercial_use for source in sources),
        attributions=list(attributions),
    )


def _key_part(name: str) -> str:
    return _NOT_IN_KEYS.sub("-", name.lower()).strip("-") or "stem"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
