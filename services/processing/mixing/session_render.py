"""Renders a session from files: chooses rate and tempo, opens sources, bounces the master."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.processing.jobs.kind import Check, Report, SourceTrack
from services.processing.media.reading import inspect
from services.processing.mixing import limits
from services.processing.mixing.bounce import Bounced, bounce
from services.processing.mixing.build import DEFAULT_TEMPO, build, is_warped, place
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.graph import Renderer
from services.processing.mixing.session import Clip, MixRequest
from services.processing.mixing.timeline.source import Source, open_source
from services.processing.mixing.timeline.warp import Warps
from services.shared.errors import AppError

# How warped clips and the mix share the progress bar.
_WARPED: Final = 0.3

PathOf = Callable[[str, Clip], Path]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was made. `tempo_known`: somebody said the tempo."""

    bounced: Bounced
    rate_hz: int
    tempo_bpm: float
    tempo_known: bool

    def result(self) -> dict[str, Any]:
        """The job's public result."""
        return {
            "duration": round(self.bounced.frames / self.rate_hz, 6),
            "sample_rate": self.rate_hz,
            "channels": 2,
            "tempo": self.tempo_bpm,
            "peak": round(self.bounced.peak, 6),
            "clipped_samples": self.bounced.clipped_samples,
        }


def render_session(
    request: MixRequest,
    sources: Mapping[str, SourceTrack],
    path_of: PathOf,
    path: Path,
    *,
    scratch: Path,
    threads: int,
    check: Check,
    report: Report,
) -> Rendered:
    """Write the mix to `path` as FLAC of 24 bits.

    `path_of` finds the file that a clip plays; `scratch` takes what has to be made first. Raises VALIDATION for what
    only the sources show (an offset behind their end), UNSUPPORTED_MEDIA for damaged ones.
    """
    clips = request.pointed_clips()
    paths = {pointer: path_of(pointer, clip) for pointer, clip in clips}
    rate_hz = request.sample_rate or rate_for(max(inspect(file).sample_rate_hz for file in paths.values()))
    tempo, known = _tempo(request, sources)
    warped = [(pointer, clip) for pointer, clip in clips if is_warped(clip)]
    share = _WARPED if warped else 0.0
    warps = Warps(scratch, rate_hz, check, lambda done, what: report(share * done, what))
    warps.prepare([(pointer, clip, paths[pointer]) for pointer, clip in warped])

    def opener(pointer: str, clip: Clip) -> Source:
        return warps.open(paths[pointer], clip) if is_warped(clip) else open_source(paths[pointer], rate_hz)

    plan = place(request, opener, rate_hz, tempo)
    start, end, tail, waits = _extent(request, plan.frames, rate_hz)
    song_end = plan.frames if request.tail is None else plan.frames + round(request.tail * rate_hz)
    renderer = Renderer(build(plan, end_frames=song_end, threads=threads, check=check))
    try:
        bounced = bounce(
            renderer,
            path,
            rate_hz=rate_hz,
            start=start,
            end=end,
            longest_tail=tail,
            wait_for_silence=waits,
            ceiling_dbtp=request.master.ceiling_dbtp,
            check=check,
            report=lambda done, what: report(share + (1.0 - share) * done, what),
        )
    finally:
        renderer.close()
    return Rendered(bounced, rate_hz, tempo, known)


def rate_for(highest_hz: int) -> int:
    """44.1 or 48 kHz, whichever suits the highest rate among the sources."""
    return 44_100 if highest_hz <= 44_100 or highest_hz % 44_100 == 0 else 48_000


def _tempo(request: MixRequest, sources: Mapping[str, SourceTrack]) -> tuple[float, bool]:
    if request.tempo is not None:
        return request.tempo, True
    known = {source.bpm for source in sources.values() if source.bpm > 0}
    return (known.pop(), True) if len(known) == 1 else (DEFAULT_TEMPO, False)


def _extent(request: MixRequest, frames: int, rate_hz: int) -> tuple[int, int, int, bool]:
    """First and last sample, the longest tail, and whether silence ends it earlier."""
    tail = round((limits.LONGEST_TAIL_SECONDS if request.tail is None else request.tail) * rate_hz)
    waits = request.tail is None
    if waits and not _rings(request):
        tail = 0
    if request.range is None:
        return 0, frames, tail, waits
    start = round(request.range.start * rate_hz)
    if start >= frames:
        raise AppError.field("/range/start", "This lies behind the end of the song.")
    if request.range.end is None:
        return start, frames, tail, waits
    end = round(request.range.end * rate_hz)
    return start, min(end, frames + tail), 0, False


def _rings(request: MixRequest) -> bool:
    """Whether anything in the session sounds on after its input. A fade-out at the end leaves nothing to hear."""
    if request.master.fade_out is not None and request.master.fade_out.seconds > 0:
        return False
    strips = (*request.tracks, *request.buses, request.master)
    return any(EFFECTS[effect.type].tail and not effect.bypass for strip in strips for effect in strip.effects)
