"""One room: a feedback delay network in stereo, streaming.

Eight delay lines, mixed by a Hadamard matrix, each with a one-pole low-pass and the gain that gives the asked decay
time (Jot and Chaigne, AES 1991); four all-passes before them make the first reflections dense, and slow modulation of
the line lengths keeps the tail from ringing.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_LINES = 8
# Incommensurable lengths of a middle-sized room.
_LINE_SECONDS = (0.0311, 0.0367, 0.0411, 0.0453, 0.0503, 0.0571, 0.0617, 0.0687)
_DIFFUSER_SECONDS = (0.0047, 0.0036, 0.0127, 0.0093)
_DIFFUSION = 0.62
_PREDELAY_SECONDS = 0.014
_MODULATION_FRAMES = 6.0
_MODULATION_HZ = (0.31, 0.43, 0.53, 0.67, 0.37, 0.47, 0.59, 0.71)
# The modulation is recomputed this often; between two points the lengths move in straight lines.
_CONTROL = 64


@njit(cache=True, nogil=True)
def _diffuse(x, line, length, cursor):  # type: ignore[no-untyped-def]
    stored = line[cursor]
    entering = x - np.float32(_DIFFUSION) * stored
    line[cursor] = entering
    return stored + np.float32(_DIFFUSION) * entering, cursor + 1 if cursor + 1 < length else 0


@njit(cache=True, nogil=True)
def _reverberate(  # type: ignore[no-untyped-def]
    audio,
    out,
    lines,
    lengths,
    gains,
    damping,
    memory,
    diffusers,
    diffuser_lengths,
    cursors,
    predelay,
    steps,
    clock,
    sway,
    scale,
):
    """Add the room's answer to `audio [2, n]` to `out`."""
    size = lines.shape[1]
    mask = size - 1
    predelay_length = predelay.shape[1]
    taps = np.empty(_LINES, np.float32)
    depth = np.float32(_MODULATION_FRAMES)
    swing, drift = sway[0], sway[1]
    for i in range(audio.shape[1]):
        time = clock[0]
        clock[0] += 1
        if time % _CONTROL == 0:
            for k in range(_LINES):
                now = math.sin(time * steps[k])
                soon = math.sin((time + _CONTROL) * steps[k])
                drift[k] = depth * np.float32((soon - now) / _CONTROL)
                swing[k] = depth * np.float32(now)
        place = time % predelay_length
        left, right = predelay[0, place], predelay[1, place]
        predelay[0, place], predelay[1, place] = audio[0, i] * scale, audio[1, i] * scale
        left, cursors[0] = _diffuse(left, diffusers[0], diffuser_lengths[0], cursors[0])
        right, cursors[1] = _diffuse(right, diffusers[1], diffuser_lengths[1], cursors[1])
        left, cursors[2] = _diffuse(left, diffusers[2], diffuser_lengths[2], cursors[2])
        right, cursors[3] = _diffuse(right, diffusers[3], diffuser_lengths[3], cursors[3])
        for k in range(_LINES):
            behind = lengths[k] + swing[k]
            swing[k] += drift[k]
            whole = int(behind)
            part = behind - np.float32(whole)
            newer = lines[k, (time - whole) & mask]
            older = lines[k, (time - whole - 1) & mask]
            value = newer + (older - newer) * part
            memory[k] = value + (memory[k] - value) * damping
            taps[k] = memory[k] * gains[k]
        out[0, i] += taps[0] - taps[2] + taps[4] - taps[6]
        out[1, i] += taps[1] - taps[3] + taps[5] - taps[7]
        # Fast Walsh–Hadamard transform, normalised: every line feeds every other.
        for k in range(0, 8, 2):
            a, b = taps[k], taps[k + 1]
            taps[k], taps[k + 1] = a + b, a - b
        for k in range(0, 8, 4):
            for j in range(2):
                a, b = taps[k + j], taps[k + j + 2]
                taps[k + j], taps[k + j + 2] = a + b, a - b
        spot = time & mask
        for k in range(4):
            a, b = taps[k] * np.float32(0.35355339), taps[k + 4] * np.float32(0.35355339)
            lines[k, spot] = a + b + (left if k % 2 == 0 else right)
            lines[k + 4, spot] = a - b + (left if k % 2 == 0 else right)


class Reverb:
    """A room that many sounds may share. At a send of 0 dB steady noise comes back about as loud as it went in."""

    def __init__(self, decay_seconds: float, dark_hz: float, rate_hz: int) -> None:
        lengths = np.array([seconds * rate_hz for seconds in _LINE_SECONDS], np.float32)
        decay = max(decay_seconds, 0.1)
        gains = np.array([10.0 ** (-3.0 * seconds / decay) for seconds in _LINE_SECONDS])
        size = 1 << math.ceil(math.log2(float(lengths.max()) + _MODULATION_FRAMES + 4.0))
        self._lines = np.zeros((_LINES, size), np.float32)
        self._lengths = lengths
        self._gains = gains.astype(np.float32)
        self._damping = np.float32(math.exp(-2.0 * math.pi * min(dark_hz, 0.45 * rate_hz) / rate_hz))
        self._memory = np.zeros(_LINES, np.float32)
        self._diffuser_lengths = np.array([round(seconds * rate_hz) for seconds in _DIFFUSER_SECONDS], np.int64)
        self._diffusers = np.zeros((4, int(self._diffuser_lengths.max())), np.float32)
        self._cursors = np.zeros(4, np.int64)
        self._predelay = np.zeros((2, round(_PREDELAY_SECONDS * rate_hz)), np.float32)
        self._steps = np.array([2.0 * math.pi * hz / rate_hz for hz in _MODULATION_HZ])
        self._clock = np.zeros(1, np.int64)
        self._sway = np.zeros((2, _LINES), np.float32)
        # A line driven by noise of power 1 holds 1 / (1 − g²); four lines make up each side, each fed by one channel.
        self._scale = np.float32(0.5 * math.sqrt(1.0 - float(np.mean(gains**2))))

    def process(self, audio: Float32, out: Float32) -> None:
        """Add the reverberation of the next block `[2, n]` to `out [2, n]`."""
        _reverberate(
            audio,
            out,
            self._lines,
            self._lengths,
            self._gains,
            self._damping,
            self._memory,
            self._diffusers,
            self._diffuser_lengths,
            self._cursors,
            self._predelay,
            self._steps,
            self._clock,
            self._sway,
            self._scale,
        )
