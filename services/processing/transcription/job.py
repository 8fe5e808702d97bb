"""The job "transcribe": a track, or each of its stems, becomes notes. Importing this module loads nothing heavy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.processing.jobs.kind import Equipment, JobKind, Made, SourceTrack, Wanted, Work
from services.processing.jobs.sizes import PAPER_BYTES, Sound
from services.processing.transcription import request as requests
from services.processing.transcription.request import TranscribeRequest
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.processing.transcription.basic_pitch import BasicPitch
    from services.processing.transcription.midi_file import Part

ASSET: Final = "transcriber.basic-pitch"
_FETCHED: Final = 0.05
_HEARD: Final = 0.9
_COUNTED: Final = 0.95
_FETCHING: Final = "fetching the transcriber"
# A step of 16 bits, −90 dB: below lies what separators leave of nothing.
_QUIETEST: Final = 2.0**-15
# What the network hears of an hour is about 550 MB, and some work on it holds as much again.
LONGEST_SECONDS: Final = 3_600.0
# General MIDI programs for the stems that composers and separators name; a piano for the rest.
_PROGRAMS: Final = {"bass": 33, "vocals": 53, "guitar": 27, "other": 48, "chords": 0, "melody": 80}


class TranscribeKind:
    """Keeps the network; it is small."""

    name = "transcribe"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Equipment, BasicPitch] | None = None

    def parse(self, body: Mapping[str, Any]) -> TranscribeRequest:
        """See `JobKind.parse`."""
        return requests.parse(body)

    def wanted(self, request: TranscribeRequest) -> Sequence[Wanted]:
        """The master for the tempo, and the stem or all stems, be they tracks that a separation made."""
        stems = (request.stem,) if request.stem else None
        return (
            Wanted(request.track_id),
            Wanted(request.track_id, master=False, stems=stems, pointer="/stem", separated=True),
        )

    def written_bytes(self, request: TranscribeRequest, sources: Mapping[str, Sound]) -> int:
        """Two files of notes."""
        return PAPER_BYTES

    def run(self, work: Work) -> Made:
        """See `JobKind.run`."""
        from services.processing.analysis.key import estimate_key
        from services.processing.transcription.key_signature import signature_of
        from services.processing.transcription.midi_file import Heading, Part, write_midi
        from services.processing.transcription.musicxml import write_musicxml
        from services.processing.transcription.pulse import heard, on_grid, pulse_of

        request: TranscribeRequest = work.request
        track = work.sources[request.track_id]
        if track.duration_seconds > LONGEST_SECONDS:
            raise AppError.field(
                "/track_id",
                f"The track is {track.duration_seconds / 60.0:,.0f} minutes long, and at most "
                f"{LONGEST_SECONDS / 60.0:.0f} are written down at once. Cut it into parts first.",
            )
        work.report(0.0, "reading the track")
        voices = _voices(request, track)
        parts = [self._part(name, path, request, work, share) for name, path, share in voices]
        work.report(_HEARD, "finding beats and key")
        frames = heard(track.master or voices[0][1], work.check)
        pulse = pulse_of(frames, request.bpm or track.bpm)
        pitched = any(part.notes for part in parts if not part.drums)
        found = estimate_key(frames) if pitched and not track.key else None
        key = found.name if found else track.key
        beats, pickup = on_grid(pulse)
        if request.quantize is not None:
            quantizer = request.quantize.quantizer(pulse.meter)
            parts = [Part(part.name, quantizer.apply(part.notes, beats), part.program, part.drums) for part in parts]
        work.check()
        work.report(_COUNTED, "writing the notes")
        heading = Heading(beats, signature_of(key), track.title, pulse.meter, pickup)
        files = {"transcription.mid": work.folder / "transcription.mid"}
        write_midi(files["transcription.mid"], parts, heading, bends=request.bends)
        if request.musicxml:
            files["transcription.musicxml"] = work.folder / "transcription.musicxml"
            write_musicxml(files["transcription.musicxml"], parts, heading)
        result = {
            "bpm": round(pulse.bpm, 2),
            "key": key,
            "beats": [round(beat, 4) for beat in pulse.beats.seconds],
            "beats_per_bar": pulse.meter.beats,
            "time_signature": pulse.meter.name,
            "parts": [
                {"name": part.name, "drums": part.drums, "program": part.program, "notes": len(part.notes)}
                for part in parts
            ],
        }
        return Made(result=result, files=files)

    def _part(self, name: str, path: Path, request: TranscribeRequest, work: Work, share: tuple[float, float]) -> Part:
        """The notes of one voice."""
        import numpy as np

        from services.processing.media.reading import inspect
        from services.processing.transcription.decoding import transcribe
        from services.processing.transcription.drums import DrumNetwork, transcribe_drums
        from services.processing.transcription.midi_file import Part
        from services.processing.transcription.sound import RATE_HZ, mono_blocks

        start, width = _FETCHED + (_HEARD - _FETCHED) * share[0], (_HEARD - _FETCHED) * (share[1] - share[0])
        stage = f"listening to the {name}"
        work.report(start, stage)
        drums = request.instrument == "drums" or (request.instrument == "auto" and name == "drums")
        if drums:
            hits = transcribe_drums(
                path, DrumNetwork.load(), work.check, lambda done: work.report(start + width * done, stage)
            )
            return Part(name, hits, drums=True)
        network = self._network(work)
        total = max(1.0, inspect(path).duration_seconds * RATE_HZ)
        loudest = 0.0

        def blocks() -> Iterator[NDArray[np.float32]]:
            nonlocal loudest
            for block in mono_blocks(path, RATE_HZ, work.check):
                loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
                yield block

        heard = network.listen(
            blocks(), work.check, lambda frames: work.report(start + width * min(1.0, frames / total), stage)
        )
        # The network hears notes in the rounding of a stem that is empty: how loud a sound is means nothing to it.
        notes = transcribe(heard, work.check) if loudest >= _QUIETEST else []
        return Part(name, notes, _PROGRAMS.get(name, 0))

    def _network(self, work: Work) -> BasicPitch:
        from services.processing.networks import fetch_files
        from services.processing.transcription.basic_pitch import BasicPitch

        with self._lock:
            if self._loaded is None or self._loaded[0] != work.equipment:
                work.report(0.0, _FETCHING)
                (path,) = fetch_files(
                    (ASSET,), work.equipment, work.check, lambda done: work.report(_FETCHED * done, _FETCHING)
                )
                self._loaded = (work.equipment, BasicPitch(path, work.equipment.threads))
            return self._loaded[1]


def _voices(request: TranscribeRequest, track: SourceTrack) -> list[tuple[str, Path, tuple[float, float]]]:
    """What to listen to: name, file and share of the progress bar. Raises VALIDATION or NOT_FOUND."""
    if request.stem is not None:
        if request.stem not in track.stems:
            raise AppError.field("/stem", "The track has no such stem. Leave it out, or separate the track first.")
        chosen = [(request.stem, track.stems[request.stem])]
    elif track.stems:
        chosen = list(track.stems.items())
    elif track.master is not None:
        chosen = [("drums" if request.instrument == "drums" else track.stem or "song", track.master)]
    else:
        raise AppError(ErrorCode.NOT_FOUND, "The track has no audio any more.")
    count = len(chosen)
    return [(name, path, (index / count, (index + 1) / count)) for index, (name, path) in enumerate(chosen)]


KIND: Final[JobKind] = TranscribeKind()
