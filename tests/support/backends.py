"""Backends for tests of the platform: `MUSICGEN_GENERATION_EXTRA_BACKENDS=tests.support.backends:ToneBackend`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.generation.backends.protocol import (
    BackendEnvironment,
    GeneratedTrack,
    GenerationCancelled,
    GenerationContext,
    GenerationRequest,
    ModelDescription,
)
from services.generation.mastering import Recording, write_master
from services.shared.errors import AppError, ErrorCode

RATE = 44_100
BLOCK = RATE // 5


class ToneBackend:
    """A sine whose pitch follows the seed, made `spec.speed` times faster than it plays (0: as fast as possible).

    `spec.crash_at` kills the process with SIGKILL when so many seconds are made, `spec.fail_at` raises `spec.error`
    there ("app": STORAGE_FULL, "field": VALIDATION of `spec`, else an error that nobody foresaw), `spec.hold_at` makes
    nothing more until it is told to stop, `spec.deaf` ignores requests to stop for so many seconds, `spec.fault` spoils
    the file: "clip", "offset", "silence" or "short"; `spec.loudness_error_lu` states a wrong loudness.
    """

    def __init__(self, environment: BackendEnvironment) -> None:
        pass

    def describe(self) -> Sequence[ModelDescription]:
        return (
            ModelDescription(
                id="tone",
                family="test",
                title="Tone",
                description="A sine, for tests.",
                licence="Apache-2.0",
                commercial_use=True,
                size_bytes=0,
                sample_rate_hz=RATE,
                channels=2,
                max_duration_seconds=600.0,
                default_duration_seconds=5.0,
                conditioning=("text", "melody"),
                outputs=("audio",),
                parameters=("spec", "melody_id"),
                revision="tone-1",
            ),
        )

    def load(self, model_id: str) -> None:
        pass

    async def generate(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        return await asyncio.to_thread(self._generate, request, context)

    def close(self) -> None:
        pass

    def _generate(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        spec, total = request.spec, round(request.duration_seconds * RATE)
        recording = Recording(context.scratch / "live.f32", RATE, 2)
        context.start(RATE, 2, total)
        began = time.monotonic()
        for start in range(0, total, BLOCK):
            if "deaf" not in spec:
                context.check()
            made = start / RATE
            _misbehave(spec, made)
            while made >= spec.get("hold_at", np.inf):
                context.check()
                time.sleep(0.02)
            block = _sine(request.seed, start, min(start + BLOCK, total))
            recording.append(block)
            with contextlib.suppress(*((GenerationCancelled,) if "deaf" in spec else ())):
                context.audio(block)
            context.progress(start / total, "humming", (total - start) / RATE / (spec.get("speed") or 50))
            if speed := spec.get("speed", 0):
                time.sleep(max(0.0, began + (made + BLOCK / RATE) / speed - time.monotonic()))
        recording.close()
        master = write_master(context.scratch / "master.flac", recording)
        if fault := spec.get("fault"):
            _spoil(master.path, fault)
        return GeneratedTrack(
            master_path=master.path,
            duration_seconds=master.duration_seconds,
            sample_rate_hz=RATE,
            channels=2,
            loudness_lufs=master.loudness_lufs + spec.get("loudness_error_lu", 0.0),
            true_peak_dbtp=master.true_peak_dbtp,
            mastering_gain_db=master.gain_db,
            title="",
            runtime="numpy",
            precision="float32",
            tags=("tone",),
            spec={"seed": request.seed},
        )


def _sine(seed: int, start: int, stop: int) -> NDArray[np.float32]:
    phase = 2 * np.pi * (220.0 + seed % 220) / RATE * np.arange(start, stop)
    return np.repeat((0.2 * np.sin(phase)).astype(np.float32)[:, None], 2, axis=1)


def _misbehave(spec: dict[str, Any], made: float) -> None:
    if made >= spec.get("crash_at", np.inf):
        os.kill(os.getpid(), signal.SIGKILL)
    if made >= spec.get("fail_at", np.inf):
        if spec.get("error") == "app":
            raise AppError(ErrorCode.STORAGE_FULL, "There is no room for another tone. Delete some.")
        if spec.get("error") == "field":
            raise AppError.field("/spec/fail_at", "The tone breaks there.")
        raise ZeroDivisionError("nobody foresaw this")


def _spoil(path: Path, fault: str) -> None:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    spoilt = {
        "clip": np.clip(audio * 20, -1, 1),
        "offset": audio * 0.5 + 0.05,
        "silence": audio * 0,
        "short": audio[: len(audio) // 2],
    }[fault]
    soundfile.write(path, spoilt, rate, subtype="PCM_24", format="FLAC")
