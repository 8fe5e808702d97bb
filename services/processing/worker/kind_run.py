"""One attempt at one job of any kind: brings the files, runs the kind in a thread, stores and measures what it made."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from protos.users.v1 import tracks_pb2
from services.processing.heavy_work import Check, HeavyWork
from services.processing.jobs.kind import Equipment, JobKind, Made, NewTrack, Report, SourceTrack, Work
from services.processing.jobs.licences import merged
from services.processing.jobs.stored_request import SourceRecord, StoredRequest
from services.processing.media.derivatives import digest_of
from services.processing.media.formats import media_type_of
from services.processing.media.measuring import Measured, measure
from services.processing.scratch import Scratch
from services.processing.worker.time_limit import TimeLimit, allowed_seconds
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

# How the parts of an attempt share the progress bar.
_FETCHED: Final = 0.05
_MADE: Final = 0.9
_STORING: Final = "storing what was made"

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NOT_IN_KEYS: Final = re.compile(r"[^a-z0-9_-]+")
_LONGEST_TITLE: Final = 200
_MOST_TAGS: Final = 20

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the ledger is told."""

    tracks: Sequence[tracks_pb2.TrackContent]
    result: Mapping[str, Any]
    stored_bytes: int
    # Of the longest source, or of what was made: what the speed is measured by.
    audio_seconds: float


class KindRun:
    """Runs kinds. Holds nothing between two jobs."""

    def __init__(
        self,
        store: ObjectStore,
        scratch: Scratch,
        heavy: HeavyWork,
        equipment: Equipment,
        allowed: Callable[..., float] = allowed_seconds,
    ) -> None:
        self._store = store
        self._allowed = allowed
        self._equipment = equipment
        self._scratch = scratch
        self._heavy = heavy

    async def run(
        self, kind: JobKind, request: StoredRequest, target_folder: str, *, check: Check, report: Report
    ) -> Outcome:
        """Do the work; everything that is stored lies below `target_folder`.

        `check` raises when the work has to stop, `report` hears the fraction and the stage; both run in any thread.
        """
        async with self._heavy.turn():
            with self._scratch.folder() as folder:
                report(0.0, "fetching the audio")
                check()
                sources, upload = await self._fetched(request, folder, check)
                place = folder / "made"
                place.mkdir()

                def work(stopped: Check) -> Made:
                    def every() -> None:
                        stopped()
                        check()
                        limit.check()

                    def tell(fraction: float, stage: str) -> None:
                        report(_FETCHED + (_MADE - _FETCHED) * min(1.0, max(0.0, fraction)), stage)

                    parsed = kind.parse(request.body)
                    limit = TimeLimit(self._allowed(parsed, sources.values(), upload=upload is not None))
                    return kind.run(Work(parsed, sources, place, every, tell, self._equipment, upload))

                report(_FETCHED, "beginning")
                made = await self._heavy.run(work)
                report(_MADE, _STORING)
                storing = _Storing(self._store, self._heavy, target_folder, check, report)
                return await storing.store(kind, made, sources)

    async def _fetched(
        self, request: StoredRequest, folder: Path, check: Check
    ) -> tuple[dict[str, SourceTrack], Path | None]:
        files: dict[str, Path] = {}
        for source in request.sources:
            for key in source.object_keys:
                if key not in files:
                    files[key] = folder / f"source-{len(files)}{Path(key).suffix}"
                    check()
                    await self._download(key, files[key], "The track was deleted before its turn came.")
            if source.cover and source.cover not in files:
                with contextlib.suppress(AppError):
                    await self._store.download(source.cover, cover := folder / f"cover-{len(files)}.jpg")
                    files[source.cover] = cover
        upload = None
        if request.upload:
            upload = folder / "upload"
            await self._download(request.upload, upload, "The file was deleted before its turn came. Send it again.")
        return {source.track_id: _source_track(source, files) for source in request.sources}, upload

    async def _download(self, key: str, path: Path, gone: str) -> None:
        try:
            await self._store.download(key, path)
        except AppError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
            raise AppError(ErrorCode.NOT_FOUND, gone, key=key) from error


def _source_track(source: SourceRecord, files: Mapping[str, Path]) -> SourceTrack:
    return SourceTrack(
        track_id=source.track_id,
        title=source.title,
        prompt=source.prompt,
        duration_seconds=source.duration_seconds,
        sample_rate_hz=source.sample_rate_hz,
        channels=source.channels,
        bpm=source.bpm,
        key=source.key,
        tags=source.tags,
        licence=source.licence,
        master=files.get(source.master),
        stems={name: files[key] for name, key in source.stems.items()},
        midi=files.get(source.midi),
        artist=source.artist,
        cover=files.get(source.cover),
        stem=source.stem,
    )


class _Storing:
    """Puts what one attempt made where only this attempt writes."""

    def __init__(self, store: ObjectStore, heavy: HeavyWork, folder: str, check: Check, report: Report) -> None:
        self._store = store
        self._heavy = heavy
        self._folder = folder
        self._check = check
        self._report = report
        self._stored_bytes = 0
        # Each master is measured before it is stored, so its bytes count twice.
        self._work_bytes, self._done_bytes = 1, 0

    async def store(self, kind: JobKind, made: Made, sources: Mapping[str, SourceTrack]) -> Outcome:
        self._work_bytes = await asyncio.to_thread(_work_bytes, made)
        tracks = [
            await self._track(kind, new, f"{self._folder}/{position}" if position else self._folder, sources)
            for position, new in enumerate(made.tracks)
        ]
        files = [await self._file(name, path) for name, path in made.files.items()]
        result = {**made.result, "files": files} if files else dict(made.result)
        seconds = [track.duration_seconds for track in tracks] + [item.duration_seconds for item in sources.values()]
        return Outcome(tracks, result, self._stored_bytes, max(seconds, default=0.0))

    async def _track(
        self, kind: JobKind, new: NewTrack, folder: str, sources: Mapping[str, SourceTrack]
    ) -> tracks_pb2.TrackContent:
        if new.parent_id and new.parent_id not in sources:
            raise AppError(ErrorCode.INTERNAL, "The job named a parent that it was not given.", kind=kind.name)
        found = await self._in_thread(lambda check: measure(new.master, check))
        self._did((await asyncio.to_thread(new.master.stat)).st_size)
        if found.frames == 0:
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA, "Nothing was left to keep: the audio is empty.")
        content = _described(kind, new, found, sources)
        content.master_object_key, content.master_sha256 = await self._put(f"{folder}/master.flac", new.master)
        for position, (name, path) in enumerate(new.stems.items()):
            part = _NOT_IN_KEYS.sub("-", name.lower()).strip("-") or str(position)
            key, _ = await self._put(f"{folder}/stems/{position}-{part}.flac", path)
            content.stems.add(name=name, object_key=key)
        if new.midi is not None:
            content.midi_object_key, _ = await self._put(f"{folder}/song.mid", new.midi)
        return content

    async def _file(self, name: str, path: Path) -> dict[str, Any]:
        if _FILE_NAME.fullmatch(name) is None:
            raise AppError(ErrorCode.INTERNAL, "The job gave a file a name that cannot be served.", name=name[:200])
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        key, digest = await self._put(f"{self._folder}/files/{name}", path)
        return {
            "name": name,
            "object_key": key,
            "media_type": media_type_of(name),
            "size_bytes": size_bytes,
            "sha256": digest,
        }

    async def _put(self, key: str, path: Path) -> tuple[str, str]:
        self._check()
        digest, size_bytes = await asyncio.to_thread(digest_of, path)
        await self._store.put_file(key, path)
        self._stored_bytes += size_bytes
        self._did(size_bytes)
        return key, digest

    def _did(self, size_bytes: int) -> None:
        self._done_bytes += size_bytes
        self._report(_MADE + (1.0 - _MADE) * min(1.0, self._done_bytes / self._work_bytes), _STORING)

    async def _in_thread(self, work: Callable[[Check], ResultT]) -> ResultT:
        def both(stopped: Check) -> ResultT:
            def check() -> None:
                stopped()
                self._check()

            return work(check)

        return await self._heavy.run(both)


def _work_bytes(made: Made) -> int:
    """What is read to measure and to store: masters twice."""
    masters = [new.master for new in made.tracks]
    stems = [path for new in made.tracks for path in new.stems.values()]
    scores = [new.midi for new in made.tracks if new.midi is not None]
    return 1 + sum(path.stat().st_size for path in (*masters, *masters, *stems, *scores, *made.files.values()))


def _described(
    kind: JobKind, new: NewTrack, found: Measured, sources: Mapping[str, SourceTrack]
) -> tracks_pb2.TrackContent:
    """A new track without its objects."""
    parent = sources.get(new.parent_id)
    licence = new.licence or merged(item.licence for item in sources.values())
    return tracks_pb2.TrackContent(
        title=" ".join(new.title.split())[:_LONGEST_TITLE] or (parent.title if parent else kind.name),
        prompt=parent.prompt if parent else "",
        model=new.model or kind.name,
        duration_seconds=found.duration_seconds,
        sample_rate_hz=found.sample_rate_hz,
        channels=found.channels,
        loudness_lufs=found.loudness_lufs,
        true_peak_dbtp=found.true_peak_dbtp,
        bpm=new.bpm,
        key=new.key,
        tags=list(dict.fromkeys(new.tags))[:_MOST_TAGS],
        licence=tracks_pb2.Licence(
            name=licence.name, commercial_use=licence.commercial_use, attributions=licence.attributions
        ),
        model_revision=new.model_revision,
        engine_version=engine_version(),
        runtime=new.runtime,
        precision=new.precision,
        spec_json=orjson.dumps(dict(new.spec), option=orjson.OPT_SERIALIZE_NUMPY).decode() if new.spec else "",
        parent_id=new.parent_id,
    )


@cache
def engine_version() -> str:
    """The platform's version, kept on every track so that it can be made again."""
    try:
        return version("music-gen-ai")
    except PackageNotFoundError:
        return "source"
