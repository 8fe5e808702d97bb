"""One room: a feedback delay network in stereo, streaming.

Eight delay lines, mixed by a Hadamard matrix, each with a one-pole low-pass and the gain that gives the asked decay
time (Jot and Chaigne, AES 1991); four all-passes before them make the first reflections dense, and slow modulation of
the line lengths keeps the tail from ringing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.allpass import diffuse
from services.generation.composer.mix.levels import STILL
from services.shared.kernels import kernel

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
# The network works on so many frames at a time, line after line: the shortest line is much longer, so that nothing it
# reads is still to be written.
_PIECE = 512
_HALF_ROOT_HALF = np.float32(0.35355339)


@kernel
def _exchange(signal, line, scale):  # type: ignore[no-untyped-def]
    for i in range(signal.shape[0]):
        leaving = line[i]
        line[i] = signal[i] * scale
        signal[i] = leaving


@kernel
def _postpone(signal, line, scale, cursor):  # type: ignore[no-untyped-def]
    """Delay `signal [n]` by `len(line)` frames in place, scaled; answers the ring's next cursor."""
    frames, length = signal.shape[0], line.shape[0]
    done = 0
    while done < frames:
        count = min(frames - done, length - cursor)
        _exchange(signal[done : done + count], line[cursor : cursor + count], scale)
        done += count
        cursor += count
        if cursor == length:
            cursor = 0
    return cursor


@kernel
def _between(line, out, behind, drift, at, whole):  # type: ignore[no-untyped-def]
    """Read `out [n]` from `line [n + 1]`, newest last, at a delay of `whole` frames and the rest of `behind`."""
    for i in range(out.shape[0]):
        part = behind + np.float32(at + i) * drift - np.float32(whole)
        newer, older = line[i + 1], line[i]
        out[i] = newer + (older - newer) * part


@kernel
def _read(line, out, behind, drift, time, mask):  # type: ignore[no-untyped-def]
    """Read `out [n]` from a delay line, linearly interpolated: `behind + drift * (time % _CONTROL)` frames ago."""
    frames = out.shape[0]
    at = time & (_CONTROL - 1)
    whole = int(behind + np.float32(at) * drift)
    start = (time - whole - 1) & mask
    if whole == int(behind + np.float32(at + frames - 1) * drift) and start + frames <= mask:
        # Nearly always: the whole part stands still, and the line's end is not crossed.
        _between(line[start : start + frames + 1], out, behind, drift, at, whole)
        return
    for i in range(frames):
        exact = behind + np.float32(at + i) * drift
        whole = int(exact)
        part = exact - np.float32(whole)
        newer, older = line[(time + i - whole) & mask], line[(time + i - whole - 1) & mask]
        out[i] = newer + (older - newer) * part


@kernel
def _absorb(taps, frames, memory, damping, gains):  # type: ignore[no-untyped-def]
    """Each line's low-pass and decay over `taps [8, n]`; all lines in one loop, so that they wait for each other's
    results as little as possible."""
    for i in range(frames):
        for k in range(_LINES):
            value = taps[k, i]
            memory[k] = value + (memory[k] - value) * damping
            taps[k, i] = memory[k] * gains[k]


@kernel
def _cross(a, b):  # type: ignore[no-untyped-def]
    """One butterfly of the Walsh–Hadamard transform, in place."""
    for i in range(a.shape[0]):
        x, y = a[i], b[i]
        a[i], b[i] = x + y, x - y


@kernel
def _feed(line, a, b, sign, entering):  # type: ignore[no-untyped-def]
    """The transform's last butterfly, normalised, into a delay line together with what enters the room."""
    for i in range(a.shape[0]):
        line[i] = a[i] * _HALF_ROOT_HALF + sign * (b[i] * _HALF_ROOT_HALF) + entering[i]


@kernel
def _sum_taps(out, a, b, c, d):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        out[i] += a[i] - b[i] + c[i] - d[i]


@kernel
def _sway(swing, drift, steps, time):  # type: ignore[no-untyped-def]
    """How far each line's length is from its middle at a time, and how far it moves with each of the next frames."""
    depth = np.float32(_MODULATION_FRAMES)
    for k in range(_LINES):
        now = math.sin(time * steps[k])
        soon = math.sin((time + _CONTROL) * steps[k])
        drift[k] = depth * np.float32((soon - now) / _CONTROL)
        swing[k] = depth * np.float32(now)


@kernel
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
    mask = lines.shape[1] - 1
    room = np.empty((2, _PIECE), np.float32)
    taps = np.empty((_LINES, _PIECE), np.float32)
    diffusion = np.float32(_DIFFUSION)
    swing, drift = sway[0], sway[1]
    time = clock[0]
    done = 0
    while done < audio.shape[1]:
        frames = min(_PIECE - (time & (_PIECE - 1)), audio.shape[1] - done)
        for side in range(2):
            entering = room[side, :frames]
            entering[:] = audio[side, done : done + frames]
            cursors[4 + side] = _postpone(entering, predelay[side], scale, cursors[4 + side])
            for k in (side, side + 2):
                cursors[k] = diffuse(entering, diffusers[k, : diffuser_lengths[k]], diffusion, cursors[k])
        start = 0
        while start < frames:
            at = (time + start) & (_CONTROL - 1)
            if at == 0:
                _sway(swing, drift, steps, time + start)
            end = min(start + _CONTROL - at, frames)
            for k in range(_LINES):
                _read(lines[k], taps[k, start:end], lengths[k] + swing[k], drift[k], time + start, mask)
            start = end
        _absorb(taps, frames, memory, damping, gains)
        for side in range(2):
            _sum_taps(
                out[side, done : done + frames],
                taps[side, :frames],
                taps[side + 2, :frames],
                taps[side + 4, :frames],
                taps[side + 6, :frames],
            )
        # Fast Walsh–Hadamard transform: every line feeds every other.
        for k in range(0, 8, 2):
            _cross(taps[k, :frames], taps[k + 1, :frames])
        for k in (0, 1, 4, 5):
            _cross(taps[k, :frames], taps[k + 2, :frames])
        spot = time & mask
        for k in range(4):
            a, b, entering = taps[k, :frames], taps[k + 4, :frames], room[k % 2, :frames]
            _feed(lines[k, spot : spot + frames], a, b, np.float32(1.0), entering)
            _feed(lines[k + 4, spot : spot + frames], a, b, np.float32(-1.0), entering)
        time += frames
        done += frames
    clock[0] = time


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
        # Of the four diffusers, then of the two sides' predelay.
        self._cursors = np.zeros(6, np.int64)
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

    def is_still(self) -> bool:
        """Whether the room has fallen silent."""
        return max(float(np.abs(held).max()) for held in (self._lines, self._diffusers, self._predelay)) < STILL

    def rest(self, frames: int) -> None:
        """Let time pass in silence, once still."""
        for held in (self._lines, self._diffusers, self._predelay, self._memory):
            held[:] = 0.0
        time, control = int(self._clock[0]), int(self._clock[0] + frames) // _CONTROL * _CONTROL
        self._clock[0] = time + frames
        if control != self._clock[0]:
            _sway(self._sway[0], self._sway[1], self._steps, control)
