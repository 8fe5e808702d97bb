"""What a listener's ear gets of a song: beginnings, notes and colour, frame by frame.

The song is heard as mono at 22.05 kHz. Short frames (46 ms, 86 a second) say when something begins and in which
register; long ones (0.37 s, 11 a second) tell notes a semitone apart. What is kept of two hours is about 70 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

RATE_HZ: Final = 22_050
SHORT_HOP: Final = 256
FRAMES_PER_SECOND: Final = RATE_HZ / SHORT_HOP
LONG_HOP: Final = 2_048
LONG_FRAMES_PER_SECOND: Final = RATE_HZ / LONG_HOP
MEL_BANDS: Final = 48
# Registers of the onsets, as mel bands: kick and bass, lows, low middle, middle, presence, air.
REGISTERS: Final = ((0, 3), (3, 8), (8, 16), (16, 26), (26, 37), (37, 48))
LOWEST_NOTE: Final = 28
NOTES: Final = 69

_SHORT: Final = 1_024
_LONG: Final = 8_192
_MEL_RANGE_HZ: Final = (27.5, 10_500.0)
_COMPRESSION: Final = 100.0
# An onset is a rise against the frame two hops (23 ms) before.
_LAG: Final = 2
_BATCH: Final = 64
# Cells of a semitone that the notes are gathered in until the song's tuning is known.
_CELLS: Final = 3


@dataclass(frozen=True, slots=True)
class Frames:
    """A song as frames.

    `onsets` `[short frames, registers]`: how much each register rises. `colour` `[long frames, MEL_BANDS]`: compressed
    levels. `notes` `[long frames, NOTES]`: magnitude of every semitone from E1 (MIDI 28) to C7, at the song's own
    tuning, `tuning_cents` above A = 440 Hz (−50 to 50).
    """

    onsets: Float32
    colour: Float32
    notes: Float32
    tuning_cents: float
    duration_seconds: float


class Listener:
    """Turns a stream of blocks `[n, channels]` of any rate into frames."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._samples = 0
        self._resampler = soxr.ResampleStream(sample_rate_hz, RATE_HZ, 1, dtype="float32", quality="MQ")
        self._short = _Framer(_SHORT, SHORT_HOP)
        self._long = _Framer(_LONG, LONG_HOP)
        self._filters = _mel_filters()
        self._before: Float32 = np.zeros((_LAG, MEL_BANDS), dtype=np.float32)
        self._onsets: list[Float32] = []
        self._levels: Float32 = np.zeros((0, MEL_BANDS), dtype=np.float32)
        self._colour: list[Float32] = []
        self._cells: list[NDArray[np.float16]] = []
        self._tuning = np.zeros(100)

    def add(self, block: Float32) -> None:
        """Take the next samples."""
        self._samples += len(block)
        self._hear(self._resampler.resample_chunk(np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))))

    def finish(self) -> Frames:
        """The frames; the stream is over."""
        self._hear(self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
        # As much silence as brings the last sample into the middle of a frame.
        self._hear(np.zeros(_LONG, dtype=np.float32))
        duration = self._samples / self._rate
        short, long = (int(duration * rate) + 1 for rate in (FRAMES_PER_SECOND, LONG_FRAMES_PER_SECOND))
        cents = int(np.argmax(_smooth_circle(self._tuning))) - 50
        return Frames(
            onsets=np.concatenate(self._onsets)[:short],
            colour=np.concatenate(self._colour)[:long],
            notes=_tuned(np.concatenate(self._cells)[:long], cents),
            tuning_cents=float(cents),
            duration_seconds=duration,
        )

    def _hear(self, samples: Float32) -> None:
        for frames in self._short.frames(samples):
            self._hear_short(frames)
        for frames in self._long.frames(samples):
            self._hear_long(frames)

    def _hear_short(self, frames: Float32) -> None:
        magnitude = np.abs(scipy.fft.rfft(frames, axis=1))
        levels = np.log1p(_COMPRESSION * (magnitude @ self._filters))
        history = np.concatenate([self._before, levels])
        # Against the loudest neighbour band: a voice's vibrato is no onset (S. Böck and G. Widmer, "Maximum filter
        # vibrato suppression for onset detection", DAFx 2013).
        earlier = history[:-_LAG]
        widened = earlier.copy()
        widened[:, 1:] = np.maximum(widened[:, 1:], earlier[:, :-1])
        widened[:, :-1] = np.maximum(widened[:, :-1], earlier[:, 1:])
        rises = np.maximum(0.0, levels - widened)
        self._onsets.append(np.stack([rises[:, low:high].mean(axis=1) for low, high in REGISTERS], axis=1))
        self._before = history[-_LAG:]
        # Colour is the mean over the short frames of a long hop.
        kept = np.concatenate([self._levels, levels])
        ratio = LONG_HOP // SHORT_HOP
        whole = len(kept) // ratio * ratio
        self._colour.append(kept[:whole].reshape(-1, ratio, MEL_BANDS).mean(axis=1))
        self._levels = kept[whole:]

    def _hear_long(self, frames: Float32) -> None:
        magnitude = np.abs(scipy.fft.rfft(frames, axis=1))
        row, cell, weight, cents = _partials(magnitude)
        width = NOTES * _CELLS
        inside = (cell >= 0) & (cell < width)
        flat = np.bincount((row * width + cell)[inside], weight[inside], minlength=len(frames) * width)
        self._cells.append(flat.reshape(len(frames), width).astype(np.float16))
        self._tuning += np.bincount(cents, weight, minlength=100)


class _Framer:
    """Cuts a stream into windowed frames, the first centred on the first sample."""

    def __init__(self, size: int, hop: int) -> None:
        self._size = size
        self._hop = hop
        self._window = (np.hanning(size + 1)[:-1] * (2.0 / size)).astype(np.float32)
        self._kept: Float32 = np.zeros(size // 2, dtype=np.float32)

    def frames(self, samples: Float32) -> list[Float32]:
        """Batches `[frames, size]` of whatever is complete."""
        signal = np.concatenate([self._kept, samples])
        count = max(0, (len(signal) - self._size) // self._hop + 1)
        self._kept = signal[count * self._hop :]
        if not count:
            return []
        views = np.lib.stride_tricks.sliding_window_view(signal, self._size)[:: self._hop]
        return [views[start : min(count, start + _BATCH)] * self._window for start in range(0, count, _BATCH)]


def _mel_filters() -> Float32:
    """Triangles on the mel scale (O'Shaughnessy), `[_SHORT // 2 + 1, MEL_BANDS]`, at least one bin wide."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in _MEL_RANGE_HZ)
    edges = 700.0 * (10.0 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595.0) - 1.0)
    step = RATE_HZ / _SHORT
    bins = np.arange(_SHORT // 2 + 1)[:, None] * step
    rising = (bins - edges[:-2]) / np.maximum(edges[1:-1] - edges[:-2], step)
    falling = (edges[2:] - bins) / np.maximum(edges[2:] - edges[1:-1], step)
    return np.asarray(np.clip(np.minimum(rising + 0.5, falling + 0.5), 0.0, 1.0), dtype=np.float32)


def _partials(
    magnitude: Float32,
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float64, NDArray[np.int64]]:
    """The peaks of spectra `[frames, bins]`: frame, cell of its pitch, weight, and cents within the semitone (0–99).

    A peak's frequency is that of the parabola through its three logarithms, which tells bass notes apart that lie less
    than a bin from each other.
    """
    step = RATE_HZ / _LONG
    low = int(_hz(LOWEST_NOTE - 0.5) / step)
    high = int(_hz(LOWEST_NOTE + NOTES - 0.5) / step) + 2
    part = magnitude[:, low - 1 : high + 1]
    middle = part[:, 1:-1]
    floor = 1e-3 * part.max(axis=1, keepdims=True) + 1e-7
    row, place = np.nonzero((middle > part[:, :-2]) & (middle >= part[:, 2:]) & (middle > floor))
    a, b, c = (np.log(part[row, place + shift] + 1e-12).astype(np.float64) for shift in range(3))
    shift = np.clip(0.5 * (a - c) / np.minimum(a - 2.0 * b + c, -1e-9), -0.5, 0.5)
    pitch = 69.0 + 12.0 * np.log2((place + low + shift) * step / 440.0)
    # Square roots: a melody's partial counts beside a loud bass.
    weight = np.sqrt(np.exp(b))
    cell = np.floor((pitch - (LOWEST_NOTE - 0.5)) * _CELLS).astype(np.int64)
    cents = np.floor((pitch - np.floor(pitch + 0.5)) * 100.0 + 50.0).astype(np.int64) % 100
    return row.astype(np.int64), cell, weight, cents


def _smooth_circle(histogram: Float64) -> Float64:
    """A histogram of cents under a window of ±15 cents; the circle closes."""
    wide = np.concatenate([histogram[-15:], histogram, histogram[:15]])
    return np.convolve(wide, np.hanning(33)[1:-1], mode="valid")


def _tuned(cells: NDArray[np.float16], cents: int) -> Float32:
    """Cells `[frames, NOTES · _CELLS]` as semitones of the song's tuning, `[frames, NOTES]`."""
    moved = np.roll(cells, -round(cents * _CELLS / 100.0), axis=1)
    return np.asarray(moved.reshape(len(cells), NOTES, _CELLS).sum(axis=2, dtype=np.float32))


def _hz(note: float) -> float:
    return float(440.0 * 2.0 ** ((note - 69.0) / 12.0))
