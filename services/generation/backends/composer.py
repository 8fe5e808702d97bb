"""The `composer` backend: music from theory and sampled instruments, without a neural model. Light to import.

Each song has a thread of its own that composes, mixes and publishes; the parts of all songs are played by the threads
of one shared studio, block by block in turns, so that a second song starts at once and slows the first no more than it
must.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from services.generation.backends.protocol import (
    BackendEnvironment,
    GeneratedTrack,
    GenerationContext,
    GenerationRequest,
    ModelDescription,
    StemFile,
)
from services.generation.composer.description import DESCRIPTION, MODEL_ID
from services.generation.composer.style_guesser import StyleGuesser
from services.shared.assets.store import AssetStore
from services.shared.errors import AppError, ErrorCode
from services.shared.garbage import without_collecting

if TYPE_CHECKING:
    from pathlib import Path

    from services.generation.composer.render.studio import Studio

SOUNDFONT = "soundfont.musescore-general-lite"
"""Name of the instruments in the asset catalogue."""

# More than two add little: a song has a handful of parts, and its mix is one thread's work.
_THREADS = 2
_SONGS_AT_ONCE = 16
_RUNTIME = "numba"
_PRECISION = "float32"


def open_studio(font: Path, threads: int) -> Studio:
    """A studio with these instruments, and all of the composer's code loaded."""
    with without_collecting():
        # Here and not above: the gRPC server reads descriptions and makes no music.
        from services.generation.composer import compose  # noqa: F401  the first song should not wait for it
        from services.generation.composer.render.studio import Studio

        return Studio(font, threads)


class ComposerBackend:
    """Backend of the entry point `composer`."""

    def __init__(self, environment: BackendEnvironment) -> None:
        self._assets = AssetStore(environment.assets_dir)
        self._guesser = StyleGuesser(self._assets)
        self._threads = min(environment.threads or _THREADS, _THREADS)
        self._songs = ThreadPoolExecutor(_SONGS_AT_ONCE, thread_name_prefix="song")
        self._running: set[threading.Event] = set()
        self._lock = threading.Lock()
        self._studio: Studio | None = None

    def describe(self) -> Sequence[ModelDescription]:
        """The one model; installed when its instruments are."""
        return (replace(DESCRIPTION, installed=self._assets.has(SOUNDFONT)),)

    def check(self, request: GenerationRequest) -> None:
        """Read the request as `generate` will: VALIDATION for a key, tempo or field of `spec` that does not exist."""
        from services.generation.composer.prompt import read_request

        read_request(request)

    def load(self, model_id: str) -> None:
        """Open the instruments and compile the kernels: seconds the first time, then from numba's cache.

        NOT_FOUND for a model that is not this one, MODEL_NOT_INSTALLED when the SoundFont is missing or damaged.
        """
        if model_id != MODEL_ID:
            raise AppError(ErrorCode.NOT_FOUND, f"There is no composer model “{model_id}”.")
        self._open_studio()

    async def generate(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        """Make one song."""
        # Whoever awaits has it; a song that is made without a loop needs none.
        import asyncio

        abandoned = threading.Event()
        self._running.add(abandoned)
        song = asyncio.get_running_loop().run_in_executor(self._songs, self._make, request, context, abandoned)
        try:
            return await song
        finally:
            # Also when the caller was cancelled: the thread stops at its next check.
            abandoned.set()
            self._running.discard(abandoned)

    def close(self) -> None:
        """Stop what still plays and end the threads. Idempotent."""
        for abandoned in tuple(self._running):
            abandoned.set()
        self._songs.shutdown()
        with self._lock:
            studio, self._studio = self._studio, None
        if studio:
            studio.close()

    def _open_studio(self) -> Studio:
        with self._lock:
            if self._studio is None:
                path = self._assets.path(SOUNDFONT)
                try:
                    studio = open_studio(path, self._threads)
                except AppError as error:
                    raise AppError(
                        ErrorCode.MODEL_NOT_INSTALLED,
                        f"The composer's instruments at {path} cannot be used: {error.message} "
                        f"Remove {path.parent} and run `make assets`.",
                    ) from error
                studio.warm_up()
                self._studio = studio
            return self._studio

    def _make(
        self, request: GenerationRequest, context: GenerationContext, abandoned: threading.Event
    ) -> GeneratedTrack:
        from services.generation.composer.compose import compose
        from services.generation.composer.midi import write_midi
        from services.generation.composer.render.progress import Progress

        studio = self._open_studio()
        progress = Progress(context, abandoned)
        progress.report(0.0, "composing")
        score = compose(self._guesser.settle(request))
        result = studio.record(score, progress)
        # After the music: a long song's notes take a second to write, and somebody is waiting for the first sound.
        midi_path = context.scratch / "song.mid"
        write_midi(score, midi_path)
        return GeneratedTrack(
            master_path=result.master_path,
            duration_seconds=result.duration_seconds,
            sample_rate_hz=DESCRIPTION.sample_rate_hz,
            channels=DESCRIPTION.channels,
            loudness_lufs=result.measured.loudness_lufs,
            true_peak_dbtp=result.measured.true_peak_dbtp,
            mastering_gain_db=result.mastering_gain_db,
            title=score.title,
            runtime=_RUNTIME,
            precision=_PRECISION,
            stems=tuple(StemFile(name, path) for name, path in result.stems.items()),
            midi_path=midi_path,
            bpm=score.bpm,
            key=score.key,
            tags=score.tags,
            spec=dict(score.spec),
            metrics=dict(result.metrics),
        )
