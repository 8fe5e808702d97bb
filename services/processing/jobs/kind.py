"""What every kind of processing job has in common: how it is checked, what it reads, what it makes.

A kind lives in its own package (`separation/job.py`, `mixing/job.py`, …) and knows files on a local disk, nothing of
storage, leases or the wire; the worker brings the files, runs the kind in a thread and stores what it made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from services.processing.jobs.sizes import Sound

RequestT = TypeVar("RequestT", bound=BaseModel)

Check = Callable[[], None]
Report = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A track that a request needs: its master, and the stems that are named (`None`: all that it has)."""

    track_id: str
    master: bool = True
    stems: tuple[str, ...] | None = ()
    # Where the request names the track, for errors: "/track_id".
    pointer: str = "/track_id"
    # The picture that the track was given, if any.
    cover: bool = False
    # Where the track has no such stem, or none at all: what a separation took out of it, tracks of the caller's own.
    separated: bool = False


@dataclass(frozen=True, slots=True)
class LicenceTerms:
    """Who may do what with a track. `name` is an SPDX id or a plain name."""

    name: str
    commercial_use: bool
    attributions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceTrack:
    """A track of the library with the wanted files on this machine's disk. `bpm` is 0 and `key` empty when unknown."""

    track_id: str
    title: str
    prompt: str
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    bpm: float
    key: str
    tags: tuple[str, ...]
    licence: LicenceTerms
    # Lossless (FLAC or WAV). None when the master was not wanted.
    master: Path | None
    stems: Mapping[str, Path]
    # Standard MIDI file; None when the track has none or the master was not wanted.
    midi: Path | None
    # Its owner's name, and the picture (JPEG) that they gave it, where the job wanted it and it was still there.
    artist: str = ""
    cover: Path | None = None
    # Which stem of another track it is ("drums"), where a separation made it; else empty.
    stem: str = ""


@dataclass(frozen=True, slots=True)
class NewTrack:
    """A track that a job made. Loudness, true peak, duration and digest are measured by the worker.

    `master` and `stems` are FLAC files of 16 or 24 bit inside the job's folder. Without a `licence` the sources'
    terms hold: the strictest use, all attributions.
    """

    title: str
    master: Path
    stems: Mapping[str, Path] = field(default_factory=dict)
    midi: Path | None = None
    parent_id: str = ""
    tags: tuple[str, ...] = ()
    bpm: float = 0.0
    key: str = ""
    # Id of what made it: "spleeter-2stems", "mixer", "mastering".
    model: str = ""
    model_revision: str = ""
    runtime: str = "numpy"
    precision: str = "float32"
    spec: Mapping[str, Any] = field(default_factory=dict)
    licence: LicenceTerms | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a job leaves behind.

    `result` is the job's public result (JSON; ids of new tracks are added by the worker). `files` are stored beside
    it under their names ("transcription.mid", "spectrogram.png"); each is served by `/jobs/{id}/files/{name}`.
    """

    result: Mapping[str, Any]
    tracks: Sequence[NewTrack] = ()
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a worker's machine offers to the kinds that run neural networks.

    `device` is "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:1"; `threads` of 0 leaves the choice to the
    library.
    """

    # Fetched files (`services.shared.assets`); may be read-only when everything is there.
    assets_dir: Path = Path("/var/lib/musicgen/assets")
    # Checkpoints that an operator put here.
    models_dir: Path = Path("/var/lib/musicgen/models")
    device: str = "auto"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """One job as a kind sees it.

    `sources` are by track id. `folder` is empty, private and removed afterwards. `check` raises when the work has to
    stop (cancelled, lease lost, shutting down): call it at least every 0.5 s of work. `report` takes 0 to 1 and what
    is being done in a musician's words; it is cheap.
    """

    request: Any
    sources: Mapping[str, SourceTrack]
    folder: Path
    check: Check
    report: Report
    equipment: Equipment = Equipment()
    # The file that a person sent; only the kind "import" has one.
    upload: Path | None = None


@runtime_checkable
class Timed(Protocol):
    """A request that says itself how long its sound is, whatever its sources are."""

    @property
    def said_seconds(self) -> float:
        """Length of what is to be made, in seconds, as far as the request alone says."""


class JobKind(Protocol):
    """One kind of processing job. Holds no state of a job; `run` may be called from several threads."""

    @property
    def name(self) -> str:
        """One of "separate", "mix", "master", "transcribe", "analyze", "convert" and "import"."""

    def parse(self, body: Mapping[str, Any]) -> BaseModel:
        """The checked request. Raises VALIDATION with every field that has to change; heavy imports stay out."""

    def wanted(self, request: Any) -> Sequence[Wanted]:
        """The tracks that the request needs; each is read with the caller's own rights."""

    def written_bytes(self, request: Any, sources: Mapping[str, Sound]) -> int:
        """About what the job will store, its sources known by track id (`jobs.sizes`)."""

    def run(self, work: Work) -> Made:
        """Do the work, in a thread. Raises `AppError` for what the caller can understand."""
