"""The job "mix": a session and the tracks that it names become a new track."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from services.processing.jobs.kind import JobKind, Made, NewTrack, SourceTrack, Wanted, Work
from services.processing.jobs.sizes import PAPER_BYTES, Sound, master_bytes
from services.processing.mixing.limits import LONGEST_TAIL_SECONDS
from services.processing.mixing.session import Clip, MixRequest
from services.processing.mixing.session_rules import parse
from services.shared.errors import AppError

ENGINE_REVISION: Final = "3"
_MODEL: Final = "mixer"
_MOST_THREADS: Final = 4
_SESSION_FILE: Final = "session.json"
_HIGHEST_RATE_HZ: Final = 48_000


class Mix:
    """Checks, fetches and renders sessions."""

    name: Final = "mix"

    def parse(self, body: Mapping[str, Any]) -> MixRequest:
        """The checked session. Raises VALIDATION with every field that has to change."""
        return parse(body)

    def wanted(self, request: MixRequest) -> Sequence[Wanted]:
        """Each source once: its master where a clip plays the whole of it, and the stems that are named."""
        masters: set[str] = set()
        stems: dict[str, list[str]] = {}
        for _, clip in request.pointed_clips():
            track_id = str(clip.track_id)
            named = stems.setdefault(track_id, [])
            if clip.stem is None:
                masters.add(track_id)
            elif clip.stem not in named:
                named.append(clip.stem)
        return [
            Wanted(track_id, track_id in masters, tuple(stems[track_id]), pointer)
            for track_id, pointer in request.naming_pointers().items()
        ]

    def written_bytes(self, request: MixRequest, sources: Mapping[str, Sound]) -> int:
        """A stereo master from the song's beginning to where the last clip ends, with the longest tail."""
        ends = (_end(clip, sources[str(clip.track_id)]) for _, clip in request.pointed_clips())
        tail = LONGEST_TAIL_SECONDS if request.tail is None else request.tail
        seconds = max(ends) + tail
        if request.range is not None:
            seconds = min(seconds, request.range.end or seconds) - request.range.start
        return master_bytes(seconds, request.sample_rate or _HIGHEST_RATE_HZ, 2) + PAPER_BYTES

    def run(self, work: Work) -> Made:
        """Render the session into a track whose spec holds it, so that it can be rendered again."""
        # Compiled code and codecs load here, in the worker, and not where requests are checked.
        from services.processing.mixing.session_render import render_session

        request: MixRequest = work.request
        path = work.folder / "mix.flac"
        rendered = render_session(
            request,
            {str(clip.track_id): work.sources[str(clip.track_id)] for _, clip in request.pointed_clips()},
            lambda pointer, clip: _path_of(work.sources, pointer, clip),
            path,
            scratch=work.folder,
            threads=min(_MOST_THREADS, _cores()),
            check=work.check,
            report=work.report,
        )
        # With what was chosen for it, so that it sounds the same even if a source's own tempo is corrected later.
        chosen = {
            "version": request.version,
            "engine_revision": ENGINE_REVISION,
            "tempo": rendered.tempo_bpm,
            "sample_rate": rendered.rate_hz,
        }
        document = request.model_dump(mode="json", exclude_defaults=True) | chosen
        session = work.folder / _SESSION_FILE
        session.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        sources = list(work.sources.values())
        track = NewTrack(
            title=request.title or _title(sources),
            master=path,
            parent_id=sources[0].track_id if len(sources) == 1 else "",
            tags=tuple(dict.fromkeys(tag for source in sources for tag in source.tags)),
            bpm=rendered.tempo_bpm if rendered.tempo_known else 0.0,
            key=sources[0].key if len({source.key for source in sources}) == 1 else "",
            model=_MODEL,
            model_revision=ENGINE_REVISION,
            runtime="numba",
            precision="float64",
            spec={"session": document},
        )
        result = rendered.result() | {"engine_revision": ENGINE_REVISION, "notes": _notes(request.engine_revision)}
        return Made(result, (track,), {_SESSION_FILE: session})


def _notes(revision: str | None) -> list[str]:
    """What a musician should know of a session that another mixer rendered last."""
    if revision in (None, ENGINE_REVISION):
        return []
    return [
        f"Revision {revision} of the mixer rendered this session last, and this is revision {ENGINE_REVISION}: "
        "it may sound a little different. The track of then stays as it is."
    ]


def _end(clip: Clip, source: Sound) -> float:
    """Where a clip ends in the song, in seconds."""
    if clip.length is not None:
        return clip.start + clip.length
    return clip.start + max(0.0, source.duration_seconds - clip.offset) * clip.stretch


def _path_of(sources: Mapping[str, SourceTrack], pointer: str, clip: Clip) -> Path:
    source = sources[str(clip.track_id)]
    found = source.master if clip.stem is None else source.stems.get(clip.stem)
    if found is None:
        names = ", ".join(sorted(source.stems)) or "none"
        raise AppError.field(f"{pointer}/stem", f"{source.title} has no such stem; there are {names}.")
    return found


def _title(sources: Sequence[SourceTrack]) -> str:
    return f"{sources[0].title[:190]} (mix)"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


KIND: Final[JobKind] = Mix()
