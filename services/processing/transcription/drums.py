"""Finds drum hits: kick, snare, closed and open hats, toms, cymbals.

A small convolutional network over mel levels gives an activation for each drum and frame; peaks are hits. It is
trained by `scripts/train_drums.py` on rendered kits, and runs on numpy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from services.processing.media.reading import inspect
from services.processing.transcription.note import Note
from services.processing.transcription.sound import mono_blocks

RATE_HZ: Final = 44_100
HOP: Final = 441
FRAME_SECONDS: Final = HOP / RATE_HZ
_SIZE: Final = 2_048
_BANDS: Final = 48

# Each drum's name and the General MIDI key that stands for it.
DRUMS: Final = (("kick", 36), ("snare", 38), ("hat", 42), ("open_hat", 46), ("tom", 45), ("cymbal", 49))
# Keys of a General MIDI kit that each drum stands for, in the order of `DRUMS`.
KEYS: Final = (
    frozenset({35, 36}),
    frozenset({37, 38, 39, 40}),
    frozenset({42, 44}),
    frozenset({46}),
    frozenset({41, 43, 45, 47, 48, 50}),
    frozenset({49, 51, 52, 53, 55, 57, 59}),
)

# Where the activation counts as a hit; chosen on the training script's validation clips.
THRESHOLD: Final = 0.5
# Two hits of one drum are at least so many frames apart (50 ms).
_APART: Final = 5
_WEIGHTS: Final = Path(__file__).with_name("drums.safetensors")
# Frames that the network hears at once (half a minute), and more of each side than its convolutions reach.
_PIECE: Final = 3_000
_CONTEXT: Final = 64
_LEVELS_SHARE: Final = 0.7
# A hit has no length; this is what MIDI files customarily give it.
_HIT_SECONDS: Final = 0.1

Matrix = NDArray[np.float32]


def mel_filters() -> Matrix:
    """`[bins, 48]`: triangles evenly spaced on the mel scale (O'Shaughnessy 1987) from 30 Hz to 18 kHz."""
    mel = np.linspace(_to_mel(30.0), _to_mel(18_000.0), _BANDS + 2)
    hertz = 700.0 * (10.0 ** (mel / 2_595.0) - 1.0)
    bins = np.arange(_SIZE // 2 + 1)[:, None] * RATE_HZ / _SIZE
    rising = (bins - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    falling = (hertz[2:] - bins) / (hertz[2:] - hertz[1:-1])
    return np.maximum(np.minimum(rising, falling), 0.0).astype(np.float32)


def _to_mel(hertz: float) -> float:
    return float(2_595.0 * np.log10(1.0 + hertz / 700.0))


def features(levels: Matrix) -> Matrix:
    """Mel levels `[T, 48]` → what the network sees `[T, 96]`: the level and how much it rose in a frame."""
    rise = np.diff(levels, axis=0, prepend=levels[:1])
    return np.concatenate((levels, np.maximum(rise, 0.0)), axis=1)


class Levels:
    """Mel levels of consecutive mono blocks at 44.1 kHz; frames are centred, 10 ms apart."""

    def __init__(self) -> None:
        self._held = np.zeros(_SIZE // 2, np.float32)
        self._window = np.hanning(_SIZE + 1)[:-1].astype(np.float32)
        self._filters = mel_filters()

    def add(self, block: Matrix) -> Matrix:
        """Log levels `[T, 48]` of the frames that are whole now."""
        self._held = np.concatenate((self._held, block))
        count = max(0, (len(self._held) - _SIZE) // HOP + 1)
        if not count:
            return np.zeros((0, _BANDS), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._held, _SIZE)[::HOP][:count]
        power = np.abs(np.fft.rfft(frames * self._window, axis=1)).astype(np.float32)
        self._held = self._held[count * HOP :]
        levels: Matrix = np.log10(1.0 + 10.0 * (power @ self._filters)).astype(np.float32)
        return levels


def levels_of(samples: Iterator[Matrix]) -> Matrix:
    """Mel levels of a whole recording, mono at 44.1 kHz."""
    meter = Levels()
    parts = [meter.add(block) for block in samples]
    parts.append(meter.add(np.zeros(_SIZE, np.float32)))
    return np.concatenate(parts)


class DrumNetwork:
    """Three convolutions over time and a linear layer. Weights `c{n}.w` `[width, taps, inputs]`, `c{n}.b`."""

    def __init__(self, weights: dict[str, Matrix]) -> None:
        self._layers = [
            (weights[f"c{n}.w"].astype(np.float32), weights[f"c{n}.b"].astype(np.float32)) for n in range(4)
        ]
        self._mean = weights["mean"].astype(np.float32)
        self._scale = weights["scale"].astype(np.float32)

    @classmethod
    def load(cls, path: Path = _WEIGHTS) -> DrumNetwork:
        """The network that is shipped."""
        return cls(load_file(path))

    def activations(self, levels: Matrix) -> Matrix:
        """Mel levels `[T, 48]` → activations `[T, 6]`, 0 to 1."""
        x = (features(levels) - self._mean) * self._scale
        for number, (weight, bias) in enumerate(self._layers):
            x = _convolve(x, weight) + bias
            if number < len(self._layers) - 1:
                x = np.maximum(x, 0.0)
        made: Matrix = 1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0)))
        return made


def _convolve(x: Matrix, weight: Matrix) -> Matrix:
    """`[T, inputs]` with `[width, taps, inputs]` → `[T, width]`, padded with zeros to the same length."""
    taps = weight.shape[1]
    padded = np.pad(x, ((taps // 2, taps // 2), (0, 0)))
    made = np.zeros((len(x), weight.shape[0]), np.float32)
    for tap in range(taps):
        made += padded[tap : tap + len(x)] @ weight[:, tap].T
    return made


def hits(activations: Matrix, levels: Matrix, threshold: float = THRESHOLD) -> list[Note]:
    """Peaks as notes, by time. Velocity follows how far the level rises, from 30 to 127."""
    found = []
    rise = np.maximum(levels[2:] - levels[:-2], 0.0)
    strength = np.pad(rise, ((1, 1), (0, 0))).mean(axis=1)
    loudest = max(1e-6, float(strength.max(initial=0.0)))
    for drum, (_, key) in enumerate(DRUMS):
        column = activations[:, drum]
        for frame in _peaks(column, threshold):
            near = strength[max(0, frame - 3) : frame + 4].max()
            velocity = int(np.clip(round(30 + 97 * near / loudest), 1, 127))
            start = frame * FRAME_SECONDS
            found.append(Note(start, start + _HIT_SECONDS, key, velocity))
    return sorted(found)


def _peaks(column: Matrix, threshold: float) -> list[int]:
    candidates = np.flatnonzero(column >= threshold)
    kept: list[int] = []
    taken = np.zeros(len(column), np.bool_)
    for frame in candidates[np.argsort(-column[candidates], kind="stable")].tolist():
        if not taken[frame]:
            kept.append(frame)
            taken[max(0, frame - _APART + 1) : frame + _APART] = True
    return sorted(kept)


def transcribe_drums(
    path: Path, network: DrumNetwork, check: Callable[[], None], progress: Callable[[float], None] = lambda _done: None
) -> list[Note]:
    """The hits in an audio file; `progress` hears fractions. Raises UNSUPPORTED_MEDIA for what is no sound master."""
    total = max(1.0, inspect(path).duration_seconds * RATE_HZ)
    done = 0

    def told() -> Iterator[Matrix]:
        nonlocal done
        for block in mono_blocks(path, RATE_HZ, check):
            yield block
            done += len(block)
            progress(_LEVELS_SHARE * min(1.0, done / total))

    levels = levels_of(told())
    made = np.empty((len(levels), len(DRUMS)), np.float32)
    # Piece by piece, so that a long track neither fills the memory nor keeps a worker that was told to stop.
    for start in range(0, len(levels), _PIECE):
        check()
        first = max(0, start - _CONTEXT)
        piece = network.activations(levels[first : start + _PIECE + _CONTEXT])
        made[start : start + _PIECE] = piece[start - first :][:_PIECE]
        progress(_LEVELS_SHARE + (1.0 - _LEVELS_SHARE) * min(1.0, (start + _PIECE) / len(levels)))
    check()
    return hits(made, levels)
