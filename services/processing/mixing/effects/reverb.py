"""An algorithmic room: a feedback delay network in stereo.

Eight lines, mixed by a Hadamard matrix, each with a one-pole low-pass and the gain that gives the asked decay (Jot and
Chaigne, "Digital delay networks for designing artificial reverberators", AES 90, 1991); four all-passes make the first
reflections dense, and slow movements of the lines keep the tail from ringing.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.delay import one_pole
from services.processing.mixing.effects.modulated_delay import read_line
from services.processing.mixing.effects.processor import Delay, Processor, Setting, Switches

# Mutually incommensurable lengths of a middle-sized room, in seconds.
_LINE_SECONDS: Final = np.array([0.0297, 0.0353, 0.0397, 0.0439, 0.0491, 0.0547, 0.0599, 0.0673])
_DIFFUSER_SECONDS: Final = np.array([0.0047, 0.0036, 0.0127, 0.0093])
_DIFFUSION: Final = 0.6
_SWING_SECONDS: Final = 0.00025
_SWING_HZ: Final = np.array([0.31, 0.43, 0.53, 0.67, 0.37, 0.47, 0.59, 0.71])
_LINES: Final = 8
_CONTROL: Final = 32

# At the end of its range the damping is out of the way.
_OPEN_HZ: Final = 20_000.0

_DECAY: Final = 0
_DAMPING: Final = 1
_LOW_CUT: Final = 2
_MODULATION: Final = 3
_WIDTH: Final = 4


@njit(cache=True, nogil=True)
def _reverberate(audio, rows, lines, lengths, diffusers, diffuser_lengths, memory, swing, scalars, rate):  # type: ignore[no-untyped-def]
    """memory: low-passes of the lines, then low cuts of both sides; swing: place and step of each line's movement."""
    clock = int(scalars[0])
    mask, ring = lines.shape[1] - 1, diffusers.shape[1] - 1
    gains, taps = np.empty(_LINES), np.empty(_LINES)
    last_decay, last_damping, last_cut = -1.0, -1.0, -1.0
    damping, cut, level = 1.0, 0.0, 1.0
    for i in range(audio.shape[1]):
        if rows[_DECAY, i] != last_decay:
            last_decay = rows[_DECAY, i]
            square = 0.0
            for k in range(_LINES):
                gains[k] = 10.0 ** (-3.0 * lengths[k] / (rate * last_decay))
                square += gains[k] * gains[k] / _LINES
            # Steady noise comes back about as loud as it went in, however long the decay.
            level = 0.5 * math.sqrt((1.0 - square) / max(square, 1e-6))
        if rows[_DAMPING, i] != last_damping:
            last_damping = rows[_DAMPING, i]
            damping = 1.0 if last_damping >= _OPEN_HZ else one_pole(last_damping, rate)
        if rows[_LOW_CUT, i] != last_cut:
            last_cut = rows[_LOW_CUT, i]
            cut = one_pole(last_cut, rate)
        if clock % _CONTROL == 0:
            for k in range(_LINES):
                turn = 2.0 * math.pi * _SWING_HZ[k] / rate
                now, soon = math.sin(clock * turn), math.sin((clock + _CONTROL) * turn)
                swing[0, k], swing[1, k] = now, (soon - now) / _CONTROL
        for c in range(2):
            x = audio[c, i]
            memory[_LINES + c] += (x - memory[_LINES + c]) * cut
            x = (x - memory[_LINES + c]) * level
            for k in range(2):
                d = 2 * k + c
                stored = diffusers[d, (clock - diffuser_lengths[d]) & ring]
                entering = x - _DIFFUSION * stored
                diffusers[d, clock & ring] = entering
                x = stored + _DIFFUSION * entering
            audio[c, i] = x
        sway = rows[_MODULATION, i] * _SWING_SECONDS * rate
        for k in range(_LINES):
            value = read_line(lines[k], clock - lengths[k] - sway * (1.0 + swing[0, k]), mask)
            swing[0, k] += swing[1, k]
            memory[k] += (value - memory[k]) * damping
            taps[k] = memory[k] * gains[k]
        left = taps[0] - taps[2] + taps[4] - taps[6]
        right = taps[1] - taps[3] + taps[5] - taps[7]
        for step in (1, 2, 4):
            for k in range(_LINES):
                if not k & step:
                    a, b = taps[k], taps[k + step]
                    taps[k], taps[k + step] = a + b, a - b
        for k in range(_LINES):
            lines[k, clock & mask] = taps[k] * 0.35355339059327373 + audio[k & 1, i]
        middle, side = 0.5 * (left + right), 0.5 * (left - right) * rows[_WIDTH, i]
        audio[0, i], audio[1, i] = middle + side, middle - side
        clock += 1
    scalars[0] = clock


class Reverb(Processor):
    """The room's answer, without the dry sound."""

    PARAMETERS = ("decay_seconds", "damping_hz", "low_cut_hz", "modulation", "width")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        size = setting.number("size")
        self._lengths = np.rint(_LINE_SECONDS * size * setting.rate_hz)
        self._diffuser_lengths = np.rint(_DIFFUSER_SECONDS * size * setting.rate_hz).astype(np.int64)
        self._predelay = Delay(setting.frames("predelay_ms"))
        longest = self._lengths.max() + 2 * _SWING_SECONDS * setting.rate_hz + 8
        self.state = self._predelay.state | {
            "lines": np.zeros((_LINES, 1 << math.ceil(math.log2(longest)))),
            "diffusers": np.zeros((4, 1 << math.ceil(math.log2(self._diffuser_lengths.max() + 1)))),
            "memory": np.zeros(_LINES + 2),
            "swing": np.zeros((2, _LINES)),
            "scalars": np.zeros(1),
        }
        self._predelay.state = self.state

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Replace the next block by its reverberation."""
        state = self.state
        audio[:] = self._predelay.process(audio)
        _reverberate(
            audio,
            rows,
            state["lines"],
            self._lengths,
            state["diffusers"],
            self._diffuser_lengths,
            state["memory"],
            state["swing"],
            state["scalars"],
            self._rate,
        )
