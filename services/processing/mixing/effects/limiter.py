"""A true-peak limiter that looks ahead: no sample, and nothing between two samples, leaves it above the ceiling.

Peaks are found at eight times the sample rate (ITU-R BS.1770-5 annex 2 asks for four). The gain that a peak needs is
held over the look-ahead (a sliding minimum) and then averaged over the same time, so it is there in time and without
a corner.

How high a signal rises between its samples is no fact just below half the sample rate: alternating samples that begin
in silence read the higher the longer the meter is, without end. So what has to be limited loses the last tenth of its
band first (flat up to 0.9 of half the rate, 19.8 kHz at 44.1 kHz, as long as the limiter is at work), and what that
tenth could add between samples counts at five times its height: enough for 20 seconds of alternation. While even that
stays below, the gain is exactly one and nothing is taken away.

A sound that begins loud on the very first sample loses what rings before it; that counts as well.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.analysis.true_peak import common_filter
from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_LOOKAHEAD_SECONDS: Final = 0.005
_PHASES: Final = 8
_COARSE: Final = 16

# Taps on each side of the band's filter. Kaiser's window for 67 dB: flat to 0.9 of half the rate, gone from 0.98 on.
_BAND_REACH: Final = 56
# With room for the short filter of common meters behind it.
_REACH: Final = 64
_KAISER: Final = 6.5
_CUTOFF: Final = 0.94

# What lies above the band can rise to (ln n + 2) / π of its height between n alternating samples and silence.
_ABOVE_COUNTS: Final = 5.0
# A tone is at least 0.71 of its height at one of two points a quarter of its wave apart; the rest is for other sounds.
_BETWEEN: Final = 1.6
# How far the points after a cut can rise, against what was cut off.
_CUT_COUNTS: Final = 2.0

# The moving gain and the points between the eight add a little: what is written stays this much lower.
_MARGIN: Final = 10.0 ** (-0.2 / 20.0)
_NEARLY_ONE: Final = 1.0 - 1e-6
_NEPERS: Final = math.log(10.0) / 20.0

# Places in the vector of scalars: the last peak, the released gain, samples since anything was too loud, the clock,
# where the queue of minima begins and ends, the sums of both averages; samples since the band was last in need, the
# sums of its averages, and what rang before the first sample.
_PEAK: Final = 0
_RELEASED: Final = 1
_CALM: Final = 2
_CLOCK: Final = 3
_HEAD: Final = 4
_TAIL: Final = 5
_SUM_ONE: Final = 6
_SUM_TWO: Final = 7
_IDLE: Final = 8
_BAND_ONE: Final = 9
_BAND_TWO: Final = 10
_LOST: Final = 11


def _interpolator() -> NDArray[np.float64]:
    """The limited band at eighths of a sample, and as common meters read it, `[8 + 3, tap]`; the first is at the sample
    itself."""
    taps = np.arange(-_BAND_REACH + 1, _BAND_REACH + 1)
    rows = np.zeros((_PHASES, 2 * _REACH))
    inside = slice(_REACH - _BAND_REACH, _REACH + _BAND_REACH)
    for phase in range(_PHASES):
        x = taps - phase / _PHASES
        window = np.i0(_KAISER * np.sqrt(np.clip(1.0 - (x / _BAND_REACH) ** 2, 0.0, None))) / np.i0(_KAISER)
        row = np.sinc(_CUTOFF * x) * window
        rows[phase, inside] = row / row.sum()
    common = common_filter().astype(np.float64)
    before = common.shape[1] // 2 - 1
    meters = [np.convolve(rows[0], row)[before : before + 2 * _REACH] for row in common]
    return np.concatenate((rows, meters))


_FILTER: Final = _interpolator()
_GREATEST_GAIN: Final = float(np.abs(_FILTER).sum(axis=1).max())
# Nothing quieter than the ceiling by this factor can need anything.
_BOUND: Final = (_BETWEEN + _CUT_COUNTS) * _GREATEST_GAIN + _ABOVE_COUNTS * (1.0 + _GREATEST_GAIN)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _point(side, taps):  # type: ignore[no-untyped-def]
    """One point of the limited band; sums as many taps at once as the processor can."""
    total = 0.0
    for k in range(taps.shape[0]):
        total += taps[k] * side[k]
    return total


@njit(cache=True, nogil=True)
def _peaks(whole, start, fir, ceilings, bound, scalars, peaks, needs):  # type: ignore[no-untyped-def]
    """The loudest point of the band from each sample to the next (0 where none can reach the ceiling), and whether it
    reaches the ceiling together with what lies above the band."""
    width = fir.shape[1]
    reach = width // 2
    middle = _PHASES // 2
    clock = int(scalars[_CLOCK])
    coarse = np.zeros(whole.shape[1] // _COARSE + 1)
    for i in range(whole.shape[1]):
        k = i // _COARSE
        coarse[k] = max(coarse[k], abs(whole[0, i]), abs(whole[1, i]))
    for i in range(peaks.shape[0]):
        at = start + i
        first = at - reach + 1
        loudest = 0.0
        for k in range(first // _COARSE, (at + reach) // _COARSE + 1):
            loudest = max(loudest, coarse[k])
        peaks[i] = 0.0
        needs[i] = False
        if loudest * bound > ceilings[i]:
            left, right = whole[0, first : first + width], whole[1, first : first + width]
            in_left, in_right = _point(left, fir[0]), _point(right, fir[0])
            above = _ABOVE_COUNTS * max(abs(whole[0, at] - in_left), abs(whole[1, at] - in_right))
            peak = max(abs(in_left), abs(in_right), abs(_point(left, fir[middle])), abs(_point(right, fir[middle])))
            # Whatever is before the clock's first `reach` samples lies before the sound.
            cut = 0.0
            if clock + i < reach:
                scalars[_LOST] = max(scalars[_LOST], peak)
            elif clock + i < 2 * reach:
                cut = _CUT_COUNTS * scalars[_LOST]
            if peak * _BETWEEN + above + cut > ceilings[i]:
                for phase in range(1, fir.shape[0]):
                    if phase != middle:
                        peak = max(peak, abs(_point(left, fir[phase])), abs(_point(right, fir[phase])))
                peaks[i] = peak + cut
                needs[i] = peak + above + cut > ceilings[i]


@njit(cache=True, nogil=True)
def _gains(  # type: ignore[no-untyped-def]
    peaks, needs, ceilings, rises, scalars, queue_at, queue, one, two, band_one, band_two, gains, bands
):
    """Fill `gains` and `bands` (how much of what lies above the band is taken away, 0 to 1) of the sample that lies the
    look-ahead before each of `peaks` and `needs`."""
    size, window = queue.shape[0], queue.shape[0] - 1
    before, released, calm, clock = scalars[_PEAK], scalars[_RELEASED], scalars[_CALM], int(scalars[_CLOCK])
    head, tail = int(scalars[_HEAD]), int(scalars[_TAIL])
    sum_one, sum_two = scalars[_SUM_ONE], scalars[_SUM_TWO]
    idle, sum_band_one, sum_band_two = scalars[_IDLE], scalars[_BAND_ONE], scalars[_BAND_TWO]
    n_one, n_two = one.shape[0], two.shape[0]
    for i in range(peaks.shape[0]):
        around = max(peaks[i], before)
        before = peaks[i]
        wanted = ceilings[i] / around if around > ceilings[i] else 1.0
        # Sliding minimum by a queue of rising values.
        while tail > head and queue[(tail - 1) % size] >= wanted:
            tail -= 1
        queue[tail % size], queue_at[tail % size] = wanted, clock
        tail += 1
        while queue_at[head % size] <= clock - window:
            head += 1
        least = queue[head % size]
        released = min(least, released + (1.0 - released) * rises[i])
        if released > _NEARLY_ONE and least == 1.0:
            released = 1.0
        calm = calm + 1.0 if released == 1.0 else 0.0
        a, b = clock % n_one, clock % n_two
        sum_one += released - one[a]
        one[a] = released
        if calm >= n_one:
            sum_one = float(n_one)
        middle = sum_one / n_one
        sum_two += middle - two[b]
        two[b] = middle
        if calm >= n_one + n_two:
            sum_two = float(n_two)
        gains[i] = sum_two / n_two
        # The same hold and the same two averages, in whole numbers: exactly 0 and exactly 1 at the ends.
        idle = 0.0 if needs[i] else idle + 1.0
        held = 1.0 if idle < window else 0.0
        sum_band_one += held - band_one[a]
        band_one[a] = held
        sum_band_two += sum_band_one - band_two[b]
        band_two[b] = sum_band_one
        bands[i] = sum_band_two / (n_one * n_two)
        clock += 1
    scalars[_PEAK], scalars[_RELEASED], scalars[_CALM], scalars[_CLOCK] = before, released, calm, clock
    scalars[_HEAD], scalars[_TAIL] = head, tail
    scalars[_SUM_ONE], scalars[_SUM_TWO] = sum_one, sum_two
    scalars[_IDLE], scalars[_BAND_ONE], scalars[_BAND_TWO] = idle, sum_band_one, sum_band_two


@njit(cache=True, nogil=True)
def _apply(whole, start, taps, gains, bands, out):  # type: ignore[no-untyped-def]
    """`out [2, n]`: the sound from `start` on, its band limited and its level held."""
    width = taps.shape[0]
    for side in range(2):
        for i in range(gains.shape[0]):
            at = start + i
            heard = whole[side, at]
            if bands[i] > 0.0:
                first = at - width // 2 + 1
                heard += bands[i] * (_point(whole[side, first : first + width], taps) - heard)
            out[side, i] = heard * gains[i]


class Limiter(Processor):
    """Holds the true peak of both sides together; `latency` is the look-ahead and half of the interpolator."""

    PARAMETERS = ("gain_db", "ceiling_dbtp", "release_ms")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        lookahead = round(_LOOKAHEAD_SECONDS * setting.rate_hz)
        # Both averages together are as long as the look-ahead and the sample itself.
        one = lookahead // 2 + 1
        two = lookahead + 2 - one
        self._rate = setting.rate_hz
        self.latency = lookahead + _REACH
        self.lags = {"ceiling_dbtp": _REACH, "release_ms": _REACH}
        scalars = np.zeros(12)
        scalars[[_RELEASED, _SUM_ONE, _SUM_TWO, _IDLE]] = 1.0, one, two, lookahead + 1
        self.state = {
            "past": np.zeros((2, self.latency + _REACH)),
            "scalars": scalars,
            "queue": np.ones(lookahead + 2),
            "queue_at": np.zeros(lookahead + 2, np.int64),
            "one": np.ones(one),
            "two": np.ones(two),
            "band_one": np.zeros(one),
            "band_two": np.zeros(two),
        }

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Limit the next block; the level that counts is its own."""
        state, frames = self.state, audio.shape[1]
        if rows[0].any():
            audio *= np.exp(_NEPERS * rows[0])
        whole = np.concatenate((state["past"], audio), axis=1)
        behind = whole.shape[1] - frames
        ceilings = np.exp(_NEPERS * rows[1]) * _MARGIN
        rises = 1.0 - np.exp(-1_000.0 / (rows[2] * self._rate))
        peaks, needs = np.empty(frames), np.empty(frames, np.bool_)
        _peaks(whole, behind - _REACH, _FILTER, ceilings, _BOUND, state["scalars"], peaks, needs)
        gains, bands = np.empty(frames), np.empty(frames)
        lines = state["queue_at"], state["queue"], state["one"], state["two"], state["band_one"], state["band_two"]
        _gains(peaks, needs, ceilings, rises, state["scalars"], *lines, gains, bands)
        _apply(whole, behind - self.latency, _FILTER[0], gains, bands, audio)
        state["past"] = np.ascontiguousarray(whole[:, frames:])
