"""Impulse responses of rooms that never were: made here, the same on every machine, nothing is downloaded.

Each is noise with the statistics of the real thing, decaying at its own speed in each part of the spectrum (Moorer,
"About this reverberation business", 1979), with what its kind is known for: a room's early reflections, a hall's slow
build-up, a plate's density and brightness, a spring's chirping echoes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

Impulse = NDArray[np.float64]

_SEED: Final = 0x5ACE
_EDGES_HZ: Final = (250.0, 1_000.0, 4_000.0, 9_000.0)


@dataclass(frozen=True, slots=True)
class _Space:
    """`decays`: share of the decay time in each of five bands; `tilt_db`: their levels; times in seconds."""

    decays: tuple[float, ...]
    tilt_db: tuple[float, ...]
    onset: float
    reflections: int
    spread: float


_SPACES: Final = {
    "room": _Space((1.05, 1.0, 0.9, 0.65, 0.4), (-3, 0, 0, -2, -6), 0.002, 14, 0.035),
    "hall": _Space((1.2, 1.05, 0.95, 0.6, 0.35), (0, 0, -1, -4, -10), 0.045, 22, 0.090),
    "plate": _Space((0.8, 1.0, 1.0, 0.9, 0.7), (-6, -1, 0, 1, 0), 0.0, 0, 0.0),
}


def impulse(space: str, decay_seconds: float, rate_hz: int) -> Impulse:
    """`[2, n]` at the session's rate; of energy one on each side: noise comes back as loud as it went in."""
    spring = space == "spring"
    made = _spring(decay_seconds, rate_hz) if spring else _noise(_SPACES[space], space, decay_seconds, rate_hz)
    # The last milliseconds fade out, so that the end is no step.
    fade = min(made.shape[1], rate_hz // 20)
    made[:, -fade:] *= np.linspace(1.0, 0.0, fade)
    normalised: Impulse = made / np.sqrt(np.sum(made**2, axis=1, keepdims=True))
    return normalised


def _random(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=_SEED + sum(name.encode())))


def _decay(frames: int, seconds: float, rate_hz: int) -> NDArray[np.float64]:
    """An envelope that has fallen by 60 dB after `seconds`."""
    fallen: NDArray[np.float64] = np.power(10.0, -3.0 * np.arange(frames) / (seconds * rate_hz))
    return fallen


def _bands(noise: Impulse, rate_hz: int) -> list[Impulse]:
    """The parts of the spectrum between the edges; each next one is what the low-passes left over."""
    parts, rest = [], noise
    for edge in _EDGES_HZ:
        low = sosfilt(butter(2, min(edge, 0.45 * rate_hz), fs=rate_hz, output="sos"), rest)
        parts.append(low)
        rest = rest - low
    return [*parts, rest]


def _noise(space: _Space, name: str, seconds: float, rate_hz: int) -> Impulse:
    random = _random(name)
    frames = round(seconds * max(space.decays) * rate_hz)
    noise: Impulse = random.standard_normal((2, frames))
    made: Impulse = np.zeros((2, frames))
    for part, share, tilt in zip(_bands(noise, rate_hz), space.decays, space.tilt_db, strict=True):
        made += part * _decay(frames, seconds * share, rate_hz) * 10.0 ** (tilt / 20.0)
    rise = round(space.onset * rate_hz)
    if rise:
        ramp = np.ones(frames)
        ramp[:rise] = np.sin(0.5 * np.pi * np.arange(min(rise, frames)) / rise)[:frames] ** 2
        made *= ramp
    loudest = float(np.sqrt(np.mean(made**2))) * 12.0
    for number in range(space.reflections):
        # Reflections come closer together the later they are.
        time = space.spread * (((number + 1) / space.reflections) ** 0.7 + 0.04 * random.random())
        place = round(time * rate_hz)
        if place < frames:
            for side in range(2):
                sign = 1.0 if random.random() < 0.7 else -1.0
                made[side, place] += (
                    sign * loudest * (0.4 + 0.6 * random.random()) * (1.0 - 0.6 * number / space.reflections)
                )
    return made


def _spring(seconds: float, rate_hz: int) -> Impulse:
    """Two springs: each round trip is later at higher frequencies (Abel et al., "Spring reverb emulation", AES 121)."""
    frames = round(seconds * rate_hz)
    out = np.zeros((2, frames))
    for side, trip in enumerate((0.033, 0.041)):
        size = 1 << (frames - 1).bit_length()
        hz = np.fft.rfftfreq(2 * size, 1.0 / rate_hz)
        corner = 4_300.0
        x = np.clip(hz / corner, 0.0, 0.98)
        # Group delay of the dispersive line, and what a round trip costs.
        lag = trip * (1.0 + 0.55 * x**2 / (1.0 - x**2 + 0.08))
        phase = -2.0 * np.pi * np.cumsum(lag) * (hz[1] - hz[0])
        band = 1.0 / (1.0 + (hz / corner) ** 12) * np.minimum(1.0, (hz / 90.0) ** 2)
        total = np.zeros(len(hz), np.complex128)
        trips = int(seconds / trip)
        for number in range(1, trips + 1):
            loss = 10.0 ** (-3.0 * number * trip / seconds)
            total += loss * (-1.0 if number % 2 else 1.0) * np.exp(1j * number * phase)
        out[side] = np.fft.irfft(total * band)[:frames] * _decay(frames, 2.0 * seconds, rate_hz)
    return out
