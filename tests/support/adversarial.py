"""Signals that limiters fail on, by number; and a true-peak meter that shares nothing with ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

KINDS = 12
RATES = (44_100, 48_000, 22_050, 96_000)


def adversarial(number: int) -> tuple[Any, int]:
    """float32 `[n, 1 or 2]` of half a second to a second, −20 to +6 dBFS, and its sample rate."""
    random = np.random.default_rng(number)
    rate = RATES[number // KINDS % 4] if number % 5 == 0 else RATES[0]
    frames = int(rate * random.uniform(0.45, 0.9))
    made = np.stack([_wave(number % KINDS, frames, rate, random) for _ in range(1 + number // KINDS % 2)], axis=1)
    gain = 10.0 ** (random.uniform(-20.0, 6.0) / 20.0)
    return np.clip(made * gain, -7.9, 7.9).astype(np.float32), rate


def _wave(kind: int, frames: int, rate: int, random: Any) -> Any:
    time = np.arange(frames)
    if kind == 0:
        return random.standard_normal(frames) * 0.3
    if kind == 1:
        return np.sign(random.standard_normal(frames))
    if kind == 2:  # peaks half-way between samples
        return np.sin(2 * np.pi * time / 4 + np.pi / 4)
    if kind == 3:
        return np.sin(2 * np.pi * time * random.uniform(0.3, 0.499) + random.uniform(0, 6))
    if kind == 4:  # lone clicks
        clicks = np.zeros(frames)
        clicks[random.integers(0, frames, 40)] = random.choice([-1.0, 1.0], 40)
        return clicks
    if kind == 5:  # alternating samples whose phase flips: the highest swing between samples that there is
        bursts = np.zeros(frames)
        burst = np.where(np.arange(60) % 2, 1.0, -1.0) * np.where(np.arange(60) < 30, 1.0, -1.0)
        for start in random.integers(0, frames - 100, 30):
            bursts[start : start + 60] = burst
        return bursts
    if kind == 6:
        return scipy.signal.square(2 * np.pi * time * random.uniform(0.001, 0.2))
    if kind == 7:
        return np.clip(random.standard_normal(frames) * 3.0, -1.0, 1.0)
    if kind == 8:  # a sweep, loud and soft in turns
        return np.sin(2 * np.pi * np.cumsum(np.linspace(0.0005, 0.49, frames))) * np.where((time // 2_000) % 2, 1, 0.05)
    if kind == 9:  # alternating samples out of silence
        return (time > frames // 2) * np.where(time % 2, 0.9, -0.9) + 0.02 * random.standard_normal(frames)
    if kind == 10:
        return np.clip(random.standard_cauchy(frames), -6.0, 6.0) / 6.0
    return 0.8 * np.sin(2 * np.pi * 80.0 * time / rate) + 0.4 * np.sin(2 * np.pi * 0.45 * time)


def independent_peak(samples: Any) -> float:
    """The highest magnitude on a grid of eight points a sample, by SciPy: ideal (FFT) and by a 1,025-tap filter."""
    padded = np.pad(samples, ((2_048, 2_048), (0, 0)))
    size = 1 << (len(padded) - 1).bit_length()
    ideal = scipy.signal.resample(np.pad(padded, ((0, size - len(padded)), (0, 0))), 8 * size, axis=0)
    taps = scipy.signal.firwin(1_025, 1 / 8, window=("kaiser", 10.0))
    filtered = scipy.signal.resample_poly(padded, 8, 1, axis=0, window=taps)
    return float(max(np.abs(ideal).max(), np.abs(filtered).max()))
