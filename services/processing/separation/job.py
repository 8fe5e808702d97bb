"""The job "separate": a track's stems become tracks of their own. Importing this module loads nothing heavy."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from services.processing.jobs.kind import JobKind, LicenceTerms, Made, NewTrack, SourceTrack, Wanted, Work
from services.processing.jobs.sizes import Sound, version_bytes
from services.processing.separation import request as requests
from services.processing.separation.catalogue import SEPARATORS
from services.processing.separation.plan import Output, plan_karaoke, plan_outputs
from services.processing.separation.request import SeparateRequest
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from services.processing.separation.separator import Separator
    from services.processing.separation.stems import Written

# How the parts share the progress bar.
_FETCHED: Final = 0.1
_FETCHING: Final = "fetching the separator"


class SeparateKind:
    """Keeps the separator that was used last: loading takes about a second."""

    name = "separate"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[object, Separator] | None = None

    def parse(self, body: Mapping[str, Any]) -> SeparateRequest:
        """See `JobKind.parse`."""
        return requests.parse(body)

    def wanted(self, request: SeparateRequest) -> Sequence[Wanted]:
        """The track's master."""
        return (Wanted(request.track_id),)

    def written_bytes(self, request: SeparateRequest, sources: Mapping[str, Sound]) -> int:
        """A version of the track for each stem."""
        return requests.track_count(request) * version_bytes(sources[request.track_id])

    def run(self, work: Work) -> Made:
        """See `JobKind.run`. One song at a time in a process: a network takes every core anyway."""
        request: SeparateRequest = work.request
        track = work.sources[request.track_id]
        work.report(0.0, "reading the track")
        while not self._lock.acquire(timeout=0.2):
            work.check()
        try:
            separator = self._separator(request, work)
            outputs = outputs_of(request, separator)
            written = self._write(track, separator, outputs, work)
        finally:
            self._lock.release()
        return _made(request, track, separator, written)

    def _write(self, track: SourceTrack, separator: Separator, outputs: Sequence[Output], work: Work) -> Written:
        from services.processing.separation.source import Master
        from services.processing.separation.stems import write_stems

        if track.master is None:
            raise AppError(ErrorCode.NOT_FOUND, "The track has no audio any more.")
        stage = "taking the song apart"
        return write_stems(
            Master(track.master),
            separator,
            outputs,
            work.folder,
            work.check,
            lambda fraction: work.report(_FETCHED + (1 - _FETCHED) * fraction, stage),
        )

    def _separator(self, request: SeparateRequest, work: Work) -> Separator:
        from services.processing.separation.loading import load_separator

        frozen = tuple((stem, tuple(by.items())) for stem, by in (request.weights or {}).items())
        key = (request.model, frozen, work.equipment)
        if self._loaded is None or self._loaded[0] != key:
            # Let go of the old one first: two large networks may not fit.
            self._loaded = None
            work.report(0.0, _FETCHING)
            separator = load_separator(
                request.model,
                request.weights,
                work.equipment,
                work.check,
                lambda fraction: work.report(_FETCHED * fraction, _FETCHING),
            )
            self._loaded = (key, separator)
        return self._loaded[1]


def outputs_of(request: SeparateRequest, separator: Separator) -> tuple[Output, ...]:
    """The tracks to write. Raises VALIDATION for stems that a local checkpoint turns out not to have."""
    if request.preset == "karaoke":
        return plan_karaoke(separator.stems, request.guide_gain)
    info = SEPARATORS.get(request.model)
    rest = info.rest if info else next((stem for stem in ("accompaniment", "other") if stem in separator.stems), "")
    return plan_outputs(separator.stems, rest, request.stems, request.residual)


def _made(request: SeparateRequest, track: SourceTrack, separator: Separator, written: Written) -> Made:
    tracks = [
        NewTrack(
            title=f"{track.title} ({stem.name})",
            master=stem.path,
            parent_id=track.track_id,
            tags=track.tags,
            bpm=track.bpm,
            key=track.key,
            model=request.model,
            model_revision=separator.revision,
            runtime=separator.runtime,
            precision=separator.precision,
            spec={"separate": request.model_dump(mode="json", exclude_none=True), "stem": stem.name},
            licence=licence_of(request.model, track.licence),
        )
        for stem in written.stems
    ]
    result = {
        "model": request.model,
        "gain": round(written.gain, 6),
        "stems": [
            {"name": stem.name, "peak": round(stem.peak, 6), "energy_share": round(stem.energy_share, 6)}
            for stem in written.stems
        ],
        "notes": _notes(written.gain, len(tracks)),
    }
    return Made(result=result, tracks=tracks)


def _notes(gain: float, count: int) -> list[str]:
    """What a musician should know of stems that do not have the song's level."""
    if gain == 1.0:
        return []
    lowered = f"{-20.0 * math.log10(gain):.1f} dB"
    if count == 1:
        return [f"What was made is {lowered} lower than in the song, because it would have clipped."]
    return [f"One stem alone would have clipped, so all are {lowered} lower: together they are the song at that level."]


def licence_of(model: str, source: LicenceTerms) -> LicenceTerms:
    """A stem is the same recording: the source's terms, unless the weights forbid commercial use."""
    info = SEPARATORS.get(model)
    if info is None or info.commercial_use:
        return source
    return LicenceTerms(f"{source.name}, separated by {info.licence}", False, source.attributions)


KIND: Final[JobKind] = SeparateKind()
