"""What is measured on a finished song: levels, range, contrast, silence, width, stems, spectrum."""

from __future__ import annotations

import math
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyebur128
import soundfile
from numpy.typing import NDArray

from services.generation.composer.render.bounce import bounce
from services.generation.composer.render.progress import Progress
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import Score

RATE = 44_100
BANDS_HZ = tuple(40.0 * 2.0**octave for octave in range(10))


@dataclass
class _Quiet:
    """The worker's side of a song that nobody listens to."""

    scratch: Path

    def check(self) -> None:
        """Go on."""

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Nobody watches."""

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        """Nobody listens."""

    def audio(self, samples: NDArray[np.float32]) -> None:
        """Nobody listens."""


def render(score: Score, bank: SoundBank) -> dict[str, Any]:
    """Play and master a score; its measures, and `audio` `[samples, 2]` for plots."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as executor:
        made = bounce(score, bank, executor, Progress(_Quiet(Path(folder))))
        audio = soundfile.read(made.master_path, dtype="float64", always_2d=True)[0]
        stems = [soundfile.read(path, dtype="float64", always_2d=True)[0] for path in made.stems.values()]
        return {
            **measures(audio, stems, score),
            "true_peak_dbtp": made.measured.true_peak_dbtp,
            "times_real_time": made.metrics["times_real_time"],
            "audio": audio,
        }


def measures(audio: NDArray[np.float64], stems: list[NDArray[np.float64]], score: Score) -> dict[str, float]:
    """Levels in dB or LU; `contrast_db` between the loudest and the softest section; `longest_silence` in seconds."""
    meter = pyebur128.R128State(2, RATE, pyebur128.MeasurementMode.MODE_I | pyebur128.MeasurementMode.MODE_LRA)
    meter.add_frames(np.ascontiguousarray(audio, dtype=np.float32).reshape(-1), len(audio))
    mid, side = audio.sum(axis=1) / 2, (audio[:, 0] - audio[:, 1]) / 2
    loud = np.abs(audio).max(axis=1) > 10 ** (-60 / 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[1], loud.astype(int), [1]])))
    gaps = np.diff(edges)[::2] if len(edges) else np.zeros(1)
    rest = audio - sum(stems) if stems else audio
    return {
        "loudness_lufs": pyebur128.get_loudness_global(meter),
        "lra_lu": pyebur128.get_loudness_range(meter),
        "contrast_db": _contrast(audio, score),
        "longest_silence": float(gaps.max() / RATE) if len(gaps) else 0.0,
        "dc": float(np.abs(audio.mean(axis=0)).max()),
        "side_db": _db(np.sqrt(np.mean(side**2)) / max(1e-9, np.sqrt(np.mean(mid**2)))),
        **_balance(audio),
        "stem_sum_db": _db(np.sqrt(np.mean(rest**2)) / max(1e-9, np.sqrt(np.mean(audio**2)))),
    }


def bands(audio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the power in octaves from 40 Hz, dB."""
    power = np.abs(np.fft.rfft(audio.mean(axis=1))) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    shares = np.array([power[(hertz >= low) & (hertz < 2 * low)].sum() for low in BANDS_HZ[:-1]])
    return np.asarray(10 * np.log10(shares / shares.sum() + 1e-9))


def _balance(audio: NDArray[np.float64]) -> dict[str, float]:
    """The spectrum's slope from 80 Hz up in dB an octave, and how far an octave stands above its line."""
    shares = bands(audio)[1:]
    octaves = np.arange(len(shares))
    slope, level = np.polyfit(octaves, shares, 1)
    return {"tilt_db_octave": float(slope), "octave_above_db": float((shares - slope * octaves - level).max())}


def _contrast(audio: NDArray[np.float64], score: Score) -> float:
    bar = score.beats_per_bar * score.seconds_per_beat * RATE
    if len(score.sections) < 2 or max(s.energy for s in score.sections) - min(s.energy for s in score.sections) < 0.1:
        return math.nan  # the form asks for none
    levels = []
    for section in score.sections:
        piece = audio[round(section.start_bar * bar) : round(section.end_bar * bar)]
        if len(piece) > RATE:
            levels.append(_db(float(np.sqrt(np.mean(piece**2)))))
    return max(levels) - min(levels) if levels else math.nan


def _db(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-9)))
