"""The kind of job that analyses a track: `POST /api/v1/processing/analyze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import BaseModel

from services.processing.analysis.request import MUSICAL, AnalyzeRequest
from services.processing.jobs.kind import Check, JobKind, Made, Wanted, Work
from services.processing.jobs.parsing import validated
from services.processing.jobs.sizes import PICTURE_BYTES, Sound
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from services.processing.analysis.listening import Heard

# Listening takes most of the time.
_HEARD: Final = 0.85
_DESCRIBED: Final = 0.95
_SPECTROGRAM_HEIGHT: Final = 400
_WAVEFORM_HEIGHT: Final = 200
# The longest list of a job's result; `analysis.json` holds all of it. So a result stays far below the 256 KiB that
# the ledger takes, however long the track is.
_MOST_LISTED: Final = 500


class AnalyzeKind:
    """Says what is in a track; changes nothing. Leaves `analysis.json` and the pictures that were asked for."""

    name: Final = "analyze"

    def parse(self, body: Mapping[str, Any]) -> AnalyzeRequest:
        """The checked request. Raises VALIDATION."""
        return validated(AnalyzeRequest, body)

    def wanted(self, request: BaseModel) -> Sequence[Wanted]:
        """The track."""
        return [Wanted(_checked(request).track_id)]

    def written_bytes(self, request: BaseModel, sources: Mapping[str, Sound]) -> int:
        """Curves and pictures."""
        return PICTURE_BYTES

    def run(self, work: Work) -> Made:
        """Analyse in a thread. Raises UNSUPPORTED_MEDIA for what cannot be read. Silence is an answer, not an error."""
        # SciPy and Numba stay out of processes that only parse requests.
        from services.processing.analysis.listening import listen

        asked = _checked(work.request)
        source = work.sources[asked.track_id].master
        if source is None:
            raise AppError(ErrorCode.INTERNAL, "The track came without its master.", track_id=asked.track_id)
        heard = listen(
            source,
            musical=bool(asked.wanted & MUSICAL),
            spectrogram="spectrogram" in asked.wanted,
            waveform="waveform" in asked.wanted,
            check=work.check,
            progress=lambda done: work.report(_HEARD * done, "listening"),
        )
        work.report(_HEARD, "finding beats, harmony and form" if asked.wanted & MUSICAL else "measuring")
        whole, curves = _described(asked, heard, work.check)
        work.check()
        file = work.folder / "analysis.json"
        file.write_bytes(orjson.dumps({**whole, **curves}, option=orjson.OPT_INDENT_2))
        work.report(_DESCRIBED, "writing it down")
        return Made(result=shortened(whole), files={file.name: file, **_drawn(heard, work.folder, asked.scheme)})


def shortened(whole: Mapping[str, Any], most: int = _MOST_LISTED) -> dict[str, Any]:
    """The analysis as a job's result: the first `most` beats, downbeats, chords and sections of each.

    Where any was cut, `truncated` is true and `counts` says how many there are of each.
    """
    result = dict(whole)
    lists: dict[str, list[Any]] = {name: whole[name] for name in ("chords", "sections") if name in whole}
    beats = whole.get("beats")
    if beats is not None:
        lists |= {"beats": beats["times"], "downbeats": beats["downbeats"]}
        result["beats"] = {**beats, "times": beats["times"][:most], "downbeats": beats["downbeats"][:most]}
    for name in ("chords", "sections"):
        if name in lists:
            result[name] = lists[name][:most]
    if any(len(items) > most for items in lists.values()):
        result["truncated"] = True
        result["counts"] = {name: len(items) for name, items in lists.items()}
    return result


def _described(asked: AnalyzeRequest, heard: Heard, check: Check) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the job answers, and the curves that only its file holds."""
    from services.processing.analysis import listening, song

    info = heard.survey.info
    result: dict[str, Any] = {
        "duration": round(info.duration_seconds, 6),
        "sample_rate": info.sample_rate_hz,
        "channels": info.channels,
        "features": list(asked.features),
    }
    curves: dict[str, Any] = {}
    if heard.frames is not None:
        described = song.describe(heard.frames, check)
        parts = {
            "tempo": song.tempo_dict,
            "beats": song.beats_dict,
            "key": song.key_dict,
            "chords": song.chords_list,
            "sections": song.sections_list,
        }
        result |= {name: part(described) for name, part in parts.items() if name in asked.wanted}
    if "loudness" in asked.wanted:
        result["loudness"] = listening.loudness_dict(heard.survey)
        curves["loudness_curve"] = listening.loudness_curve(heard.survey)
    if "spectrum" in asked.wanted:
        result["spectrum"] = listening.spectrum_dict(heard.survey)
    if "energy" in asked.wanted:
        result["energy"] = listening.energy_dict(heard.survey)
    return result, curves


def _drawn(heard: Heard, folder: Path, scheme: str) -> dict[str, Path]:
    """The pictures that were asked for, by file name."""
    pictures: dict[str, bytes] = {}
    if heard.spectrogram is not None:
        pictures["spectrogram.png"] = heard.spectrogram.png(_SPECTROGRAM_HEIGHT, scheme)
    if heard.waveform is not None:
        pictures["waveform.png"] = heard.waveform.png(_WAVEFORM_HEIGHT, scheme)
        pictures["waveform.svg"] = heard.waveform.svg(_WAVEFORM_HEIGHT, scheme)
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in pictures}


def _checked(request: Any) -> AnalyzeRequest:
    if not isinstance(request, AnalyzeRequest):
        raise AppError(ErrorCode.INTERNAL, "The job's request is no request for an analysis.")
    return request


KIND: Final[JobKind] = AnalyzeKind()
