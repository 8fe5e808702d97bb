"""Onset curves of a song and how they repeat: what tempo and bars are read from."""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from services.processing.analysis.frames import (
    FRAMES_PER_SECOND,
    LONG_FRAMES_PER_SECOND,
    LOWEST_NOTE,
    REGISTERS,
    Float32,
)

Float64 = NDArray[np.float64]

# What lasts longer than that is no onset but a swell.
_LOCAL_SECONDS: Final = 0.5
_ALIKE: Final = (1.0,) * len(REGISTERS)


def local_rise(onsets: Float32, weights: tuple[float, ...] = _ALIKE) -> Float32:
    """One curve `[frames]` of all registers `[frames, registers]`, levelled and weighted, above its surroundings."""
    balanced = (onsets / (onsets.mean(axis=0) + 1e-6)) @ np.array(weights, dtype=np.float32)
    return above_surroundings(balanced)


def above_surroundings(curve: Float32, seconds: float = _LOCAL_SECONDS) -> Float32:
    """What of a curve stands above its moving mean."""
    mean = uniform_filter1d(curve, max(1, int(FRAMES_PER_SECOND * seconds)))
    return np.asarray(np.maximum(0.0, curve - mean), dtype=np.float32)


def chord_changes(notes: Float32, frames: int) -> Float32:
    """How much the pitch classes change around each of so many short frames, from notes `[long frames, notes]`."""
    classes = pitch_classes(notes)
    smooth = uniform_filter1d(classes, 4, axis=0)
    change = np.zeros(len(classes), dtype=np.float32)
    if len(classes) > 8:
        left, right = smooth[:-8], smooth[8:]
        norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
        change[4:-4] = 1.0 - (left * right).sum(axis=1) / (norms + 1e-9)
    places = np.arange(frames) / FRAMES_PER_SECOND * LONG_FRAMES_PER_SECOND
    return above_surroundings(np.interp(places, np.arange(len(change)), change).astype(np.float32), 2.0)


def pitch_classes(notes: Float32, low: int = 0, high: int | None = None) -> Float32:
    """Notes `[frames, notes]` (or a range of them) folded into pitch classes `[frames, 12]`, C first."""
    part = notes[:, low:high]
    folded = np.zeros((len(part), 12), dtype=np.float32)
    for index in range(part.shape[1]):
        folded[:, (LOWEST_NOTE + low + index) % 12] += part[:, index]
    return folded


def autocorrelation(curve: Float32) -> Float64:
    """How alike a curve is to itself at every lag, `[frames]`; 1 at lag 0, all 0 for a curve without any movement."""
    centred = curve.astype(np.float64) - float(curve.mean())
    count = len(centred)
    size = scipy.fft.next_fast_len(2 * count, real=True)
    spectrum = scipy.fft.rfft(centred, size)
    found = scipy.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[:count] / np.arange(count, 0, -1)
    return np.asarray(found / found[0]) if found[0] > 1e-12 else np.zeros(count)
