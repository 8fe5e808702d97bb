"""What is measured on a finished song: levels, range, contrast, silence, width, stems, spectrum."""

from __future__ import annotations

import math
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyebur128
import soundfile
from numpy.typing import NDArray

from services.generation.composer.render.bounce import Bounce, bounce
from services.generation.composer.render.progress import Progress
from services.generation.composer.sampler.bank import SoundBank
from services.generation.composer.score import Score

from . import spectra
from .unheard import Unheard

RATE = 44_100


def render(score: Score, bank: SoundBank, threads: int = 2) -> dict[str, Any]:
    """Play and master a score; its measures, and `audio` `[samples, 2]` for plots."""
    with tempfile.TemporaryDirectory() as folder:
        made = _bounced(score, bank, threads, Path(folder))
        audio, stems = _read(made.master_path), [_read(path) for path in made.stems.values()]
    return {**measures(audio, stems, score), "true_peak_dbtp": made.measured.true_peak_dbtp, "audio": audio}


def master(score: Score, bank: SoundBank, threads: int = 2) -> NDArray[np.float64]:
    """Play and master a score; the audio `[samples, 2]` alone."""
    with tempfile.TemporaryDirectory() as folder:
        return _read(_bounced(score, bank, threads, Path(folder)).master_path)


def _bounced(score: Score, bank: SoundBank, threads: int, folder: Path) -> Bounce:
    with ThreadPoolExecutor(threads) as executor:
        return bounce(score, bank, executor, Progress(Unheard(folder)))


def _read(path: Path) -> NDArray[np.float64]:
    return np.asarray(soundfile.read(path, dtype="float64", always_2d=True)[0])


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
        **_balance(audio, score.genre),
        "stem_sum_db": _db(np.sqrt(np.mean(rest**2)) / max(1e-9, np.sqrt(np.mean(audio**2)))),
    }


def _balance(audio: NDArray[np.float64], genre: str) -> dict[str, float]:
    """The slope of the octaves from 63 Hz to 8 kHz in dB an octave, how far one lies outside of the style's band, and
    the octaves themselves, dB of the whole."""
    octaves, band = spectra.octaves(audio, RATE), spectra.band_of(genre)
    return {
        "tilt_db_octave": float(np.polyfit(np.arange(len(octaves)), octaves, 1)[0]),
        "outside_band_db": band.outside_db(octaves) if band is not None else math.nan,
        **{f"octave_{centre:g}": float(level) for centre, level in zip(spectra.OCTAVES_HZ, octaves, strict=True)},
    }


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
