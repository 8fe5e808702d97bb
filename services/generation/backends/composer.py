"""The `composer` backend: prompts become scores, and scores are played. Light to import; numba comes with `load`."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.generation.backends.protocol import (
    BackendEnvironment,
    GeneratedTrack,
    GenerationContext,
    GenerationRequest,
    ModelDescription,
    StemFile,
)
from services.generation.composer.description import DESCRIPTION
from services.shared.assets.store import AssetStore
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from services.generation.composer.render.studio import Studio

SOUNDFONT = "soundfont.musescore-general-lite"
# More threads than that wait for the interpreter more than they play.
_MOST_THREADS = 4


class ComposerBackend:
    """Backend of the entry point `composer`. All songs of a process share one studio."""

    def __init__(self, environment: BackendEnvironment) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._studio: Studio | None = None

    def describe(self) -> Sequence[ModelDescription]:
        """The one model."""
        return (DESCRIPTION,)

    def load(self, model_id: str) -> None:
        """Compile the kernels and decode common sounds. MODEL_NOT_INSTALLED when the SoundFont is missing."""
        if model_id != DESCRIPTION.id:
            raise AppError(ErrorCode.NOT_FOUND, f"There is no composer model “{model_id}”.")
        self._open_studio()

    async def generate(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        """Make one song; when the caller is cancelled, the song stops too."""
        abandoned = threading.Event()
        try:
            return await asyncio.to_thread(self._make, request, context, abandoned)
        finally:
            abandoned.set()

    def close(self) -> None:
        """End the studio's threads. Idempotent."""
        with self._lock:
            studio, self._studio = self._studio, None
        if studio is not None:
            studio.close()

    def _open_studio(self) -> Studio:
        with self._lock:
            if self._studio is None:
                # Here and not above: the gRPC server reads descriptions without numba and the sampler.
                from services.generation.composer.render.studio import Studio

                font = AssetStore(self._environment.assets_dir).path(SOUNDFONT)
                threads = self._environment.threads or min(_MOST_THREADS, len(os.sched_getaffinity(0)))
                studio = Studio(font, threads)
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
        progress.report(0.0, "writing the song")
        score = compose(request)
        midi = context.scratch / "song.mid"
        write_midi(score, midi)
        release = studio.record(score, progress)
        return GeneratedTrack(
            master_path=release.master_path,
            duration_seconds=release.duration_seconds,
            sample_rate_hz=DESCRIPTION.sample_rate_hz,
            channels=DESCRIPTION.channels,
            loudness_lufs=release.measured.loudness_lufs,
            true_peak_dbtp=release.measured.true_peak_dbtp,
            mastering_gain_db=release.mastering_gain_db,
            title=score.title,
            runtime="numba",
            precision="float32",
            stems=tuple(StemFile(name, path) for name, path in release.stems.items()),
            midi_path=midi,
            bpm=score.bpm,
            key=score.key,
            tags=score.tags,
            spec=score.spec,
            metrics=release.metrics,
        )
