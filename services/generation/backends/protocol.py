"""What a generation backend is: the one interface between the worker and everything that makes audio.

A backend is found by the entry point group `musicgen.backends`; the entry point names a class that is constructed with
`BackendEnvironment` and satisfies `Backend`. Nothing here imports torch or numpy at run time, so that the gRPC server
can read descriptions without the heavy stack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Drums, bass, chords, melody and what else there is.
MOST_STEMS = 5
_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """One model that a backend offers; the wire form is `generation.v1.Model`.

    `parameters` lists the optional request fields (by their API names) that the model takes beside prompt, duration,
    model, seed, title and public; what is not listed is refused by name. `continues_from` says what a model that takes
    `continue_from_id` goes on from: "notes" (its own songs, as it wrote them) or "sound" (any track).
    `style_codebooks` is how many a style is heard through at most; 0 where nobody knows, or the model takes no style.
    """

    id: str
    family: str
    title: str
    description: str
    licence: str
    commercial_use: bool
    size_bytes: int
    sample_rate_hz: int
    channels: int
    max_duration_seconds: float
    default_duration_seconds: float
    conditioning: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: tuple[str, ...]
    revision: str
    installed: bool = True
    attributions: tuple[str, ...] = ()
    cost: int = 1
    continues_from: Literal["", "notes", "sound"] = ""
    style_codebooks: int = 0

    def most_stored_bytes(self, seconds: float) -> int:
        """What a song of so many seconds takes in storage at most: master and stems, of 16 bits and not yet packed."""
        files = 1 + (MOST_STEMS if "stems" in self.outputs else 0)
        return math.ceil(seconds * self.sample_rate_hz) * self.channels * _SAMPLE_BYTES * files


@dataclass(frozen=True, slots=True)
class Section:
    """One part of an asked form; exactly one of `seconds` and `bars` is set."""

    section: str
    seconds: float | None = None
    bars: int | None = None
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Retake:
    """A section of a song that is played anew with a seed of its own; `occurrence` counts from 1, 0 means each.

    `after` is how many extensions the song had by then.
    """

    section: str
    seed: int
    occurrence: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Extension:
    """How a song of the composer went on: from bar `bar` of the song that was `from_seconds` long until then.

    `prompt` and `structure` are about what was added.
    """

    bar: int
    from_seconds: float
    seed: int
    prompt: str = ""
    structure: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class StyleGuess:
    """The composer's style whose words a prompt is nearest to in meaning: how near (0–1), and the nearest of them."""

    genre: str
    likeness: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A checked request with every default filled in: the job's `request_json` decoded.

    `seed` is always set (the server draws one when the caller gave none); `None` elsewhere means the model's default.
    """

    prompt: str
    duration_seconds: float
    model: str
    seed: int
    negative_prompt: str = ""
    guidance_scale: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    lyrics: str = ""
    structure: tuple[Section, ...] = ()
    bpm: float | None = None
    key: str = ""
    title: str = ""
    public: bool = False
    spec: dict[str, Any] = field(default_factory=dict)
    # Tracks of the library: one whose melody the song follows, one in whose manner it is (with how far the words push
    # beyond that, and through how many codebooks it is heard), one that it goes on from at a second.
    melody_id: str = ""
    style_id: str = ""
    guidance_beta: float | None = None
    style_codebooks: int | None = None
    continue_from_id: str = ""
    continue_at: float | None = None
    # A song of the composer that this one varies: its form and harmony come from `frame_seed`, and the parts that were
    # played anew since from `retakes`.
    variation_of_id: str = ""
    frame_seed: int | None = None
    retakes: tuple[Retake, ...] = ()
    # How that song was made longer, step by step; `duration_seconds` is what it is after the last one.
    extensions: tuple[Extension, ...] = ()
    # What the composer guessed when nothing said a style; kept with the song, so that nobody guesses twice.
    guess: StyleGuess | None = None

    @property
    def heard(self) -> dict[str, str]:
        """The tracks whose sound making the song takes, by the field that names each."""
        named = {"melody_id": self.melody_id, "style_id": self.style_id, "continue_from_id": self.continue_from_id}
        return {field: track_id for field, track_id in named.items() if track_id}


@dataclass(frozen=True, slots=True)
class StemFile:
    """A finished stem on local disk: lossless, as long as the master, summing with its siblings to it."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class GeneratedTrack:
    """What a backend hands over when the song is whole; the worker uploads the files and completes the job.

    `mastering_gain_db` is the static gain from the live audio to the master. Files lie below the context's scratch
    folder.
    """

    master_path: Path
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    loudness_lufs: float
    true_peak_dbtp: float
    mastering_gain_db: float
    title: str
    runtime: str
    precision: str
    stems: Sequence[StemFile] = ()
    midi_path: Path | None = None
    bpm: float = 0.0
    key: str = ""
    tags: tuple[str, ...] = ()
    spec: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


class GenerationCancelled(Exception):  # noqa: N818 — an outcome, not an error
    """Raised by `GenerationContext.check` when the work has to stop now (cancel, lost lease, drain)."""


class GenerationPostponed(Exception):  # noqa: N818 — an outcome, not an error
    """Raised by a backend that has no room for a song for too long: the job goes back unharmed, for whoever has."""


class GenerationContext(Protocol):
    """The worker's side of one running job. Every method may be called from any thread.

    `start` is called once, before the first `audio`; `audio` takes float32 `[samples, channels]` in −1…1 and may block
    for back-pressure.
    """

    @property
    def scratch(self) -> Path:
        """An empty folder of this attempt; removed by the worker afterwards."""

    def check(self) -> None:
        """Raise `GenerationCancelled` when the work has to stop. Call it at least every 0.2 s of work."""

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Report how far the song is (0–1), and what is being done in a musician's words. Cheap: call it often."""

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        """Open the live channel. `total_samples` is None when the length is not known yet."""

    def audio(self, samples: NDArray[np.float32]) -> None:
        """Publish the next live samples, at most 0.5 s a call."""


@runtime_checkable
class ResumableContext(Protocol):
    """What a context may offer beside `GenerationContext`: a record of the song that survives this worker.

    The record is the backend's own: bytes that are only ever appended, fenced like the live audio. What is saved before
    `audio` is called is published before that audio.
    """

    def saved_tokens(self) -> bytes:
        """The record as earlier attempts left it; empty for a new song."""

    def save_tokens(self, data: bytes, *, restart: bool = False) -> None:
        """Append to the record; `restart` begins it anew."""


@runtime_checkable
class SourceContext(Protocol):
    """What a context may offer beside `GenerationContext`: the other tracks that a request names."""

    def source(self, track_id: str) -> Path:
        """A local copy of a track's lossless master. Raises VALIDATION when there is none."""


@dataclass(frozen=True, slots=True)
class BackendEnvironment:
    """What every backend is constructed with.

    `models_dir` and `assets_dir` are local folders that outlive the process. `device` is auto, cpu or cuda, `precision`
    auto, float32, bfloat16, int8 or int4, `cache_precision` auto, float16 or int8; `threads` 0 leaves the choice to the
    backend. `slots` are the songs that the worker makes at once; 0 when nobody knows.
    """

    models_dir: Path
    assets_dir: Path
    device: str = "auto"
    threads: int = 0
    precision: str = "auto"
    cache_precision: str = "auto"
    slots: int = 0


class Backend(Protocol):
    """A family of models. Constructing it is cheap; `load` is not."""

    def describe(self) -> Sequence[ModelDescription]:
        """The models on offer. Light: no weights are read."""

    def load(self, model_id: str) -> None:
        """Bring a model into memory and warm it up (kernels compiled). Idempotent; blocking."""

    async def generate(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        """Make one song. Several calls may run at once; the backend decides how they share the machine.

        Raises `GenerationCancelled` when the context says so, `GenerationPostponed` when there is no room for too long,
        `AppError` for what the caller can mend.
        """

    def close(self) -> None:
        """Free memory and threads. Idempotent."""


@runtime_checkable
class CheckingBackend(Protocol):
    """What a backend may offer beside `Backend`: a closer look at a request before it is accepted."""

    def check(self, request: GenerationRequest) -> None:
        """Raise `AppError` (VALIDATION, pointers into the API's body) for what `generate` would refuse.

        Runs in the gRPC server: quick, and without the heavy stack.
        """


@runtime_checkable
class EvictingBackend(Protocol):
    """What a backend may offer that lets models go to make room for others."""

    @property
    def resident_models(self) -> Sequence[str]:
        """Ids of the models that are in memory now."""
