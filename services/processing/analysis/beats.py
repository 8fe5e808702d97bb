"""The beat grid: the row of times that fits the onsets best at a given tempo.

After D. P. W. Ellis, "Beat Tracking by Dynamic Programming" (JNMR 36, 2007): each beat is rewarded by the onset under
it and punished for an interval that is not the tempo's. The grid follows a band that breathes; rests do not lose it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.analysis.frames import FRAMES_PER_SECOND, Float32
from services.processing.analysis.pulse import local_rise

Float64 = NDArray[np.float64]

_TIGHTNESS: Final = 600.0
# Beats are carried by kick and bass; hats like to stand between them.
_WEIGHTS: Final = (3.0, 2.0, 1.0, 1.0, 0.7, 0.5)
# Onsets are found this much (in frames) after what a listener calls the beat.
_LATENESS_FRAMES: Final = 0.57


@njit(cache=True, nogil=True)
def _chain(strength, period, tightness, score, before):  # type: ignore[no-untyped-def]
    """Fill `score` and `before` `[frames]`: the best chain of beats that ends at each frame, and its last but one."""
    frames = strength.shape[0]
    shortest, longest = max(1, int(period / 2.0)), int(2.0 * period)
    costs = np.empty(longest + 1, np.float64)
    for gap in range(shortest, longest + 1):
        costs[gap] = -tightness * np.log(gap / period) ** 2
    for i in range(frames):
        best, place = 0.0, -1
        for gap in range(shortest, min(longest, i) + 1):
            value = score[i - gap] + costs[gap]
            if value > best:
                best, place = value, i - gap
        score[i] = strength[i] + best
        before[i] = place


def track_beats(onsets: Float32, bpm: float) -> Float64:
    """Times of the beats in seconds, from onsets `[frames, registers]`, over the whole song."""
    strength = local_rise(onsets, _WEIGHTS).astype(np.float64)
    spread = float(strength.std())
    if spread <= 0.0:
        return np.zeros(0)
    # A beat is felt over some 25 ms around it.
    strength = np.convolve(strength / spread, np.hanning(7)[1:-1] / 2.0, mode="same")
    period = 60.0 * FRAMES_PER_SECOND / bpm
    score = np.zeros(len(strength))
    before = np.full(len(strength), -1, dtype=np.int64)
    _chain(strength, period, _TIGHTNESS, score, before)
    tail = score[-max(1, round(period)) :]
    place = len(score) - len(tail) + int(np.argmax(tail))
    beats = []
    while place >= 0:
        beats.append(place)
        place = int(before[place])
    return _between_frames(strength, np.array(beats[::-1]))


def _between_frames(strength: Float64, beats: NDArray[np.int64]) -> Float64:
    """Beats in seconds, moved to the top of the parabola around their frame."""
    inside = np.clip(beats, 1, len(strength) - 2)
    a, b, c = strength[inside - 1], strength[inside], strength[inside + 1]
    curve = a - 2.0 * b + c
    shift = np.where(curve < -1e-9, 0.5 * (a - c) / np.where(curve < -1e-9, curve, -1.0), 0.0)
    times = (beats + np.clip(shift, -0.5, 0.5) - _LATENESS_FRAMES) / FRAMES_PER_SECOND
    return np.asarray(np.maximum(times, 0.0))
