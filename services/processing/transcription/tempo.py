"""Tempo and beats out of an onset envelope, and the key out of notes. Pure numpy; small, and the only place for both.

Beats: Ellis, "Beat Tracking by Dynamic Programming", J. New Music Research 36 (2007). Keys: Krumhansl and Kessler's
profiles (1982), correlated with how long each pitch class sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.transcription.note import Note

_USUAL_BPM: Final = 120.0
# Width of the preference for usual tempos, in octaves: Ellis 2007.
_OCTAVES: Final = 0.9
_TIGHTNESS: Final = 100.0
_SLOWEST_BPM: Final = 40.0
_FASTEST_BPM: Final = 240.0

_MAJOR: Final = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR: Final = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
# The spelling with the fewer accidentals, as mido and MusicXML's fifths know it.
_MAJOR_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_NAMES: Final = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")

Vector = NDArray[np.float64]


def tempo_of(envelope: NDArray[np.float32], frames_per_second: float) -> float:
    """Beats a minute out of an onset envelope; 0 when nothing repeats, or in less than two seconds."""
    if len(envelope) < 2 * frames_per_second:
        return 0.0
    smooth = _prepared(envelope, frames_per_second)
    if not smooth.any():
        return 0.0
    longest = int(60.0 / _SLOWEST_BPM * frames_per_second * 2) + 2
    size = 1 << int(np.ceil(np.log2(len(smooth) + longest)))
    spectrum = np.fft.rfft(smooth, size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, size)[:longest]
    bpm = np.exp(np.linspace(np.log(_SLOWEST_BPM), np.log(_FASTEST_BPM), 2_000))
    lags = 60.0 / bpm * frames_per_second
    positions = np.arange(longest)
    # A beat repeats after two and four beats as well; accidental periods do not.
    strength = sum(np.interp(lags * many, positions, correlation) * share for many, share in ((1, 1.0), (2, 0.5)))
    preference = np.exp(-0.5 * (np.log2(bpm / _USUAL_BPM) / _OCTAVES) ** 2)
    return float(bpm[int(np.argmax(strength * preference))])


def beats_of(envelope: NDArray[np.float32], frames_per_second: float, bpm: float) -> list[float]:
    """Times of the beats in seconds, about `bpm` apart and where onsets are."""
    if bpm <= 0 or len(envelope) < 2 * frames_per_second:
        return []
    smooth = _prepared(envelope, frames_per_second)
    if not smooth.any():
        return []
    period = 60.0 / bpm * frames_per_second
    score, before = smooth.copy(), np.full(len(smooth), -1)
    offsets = np.arange(-int(2 * period), -max(1, int(period / 2)) + 1)
    cost = -_TIGHTNESS * np.log(-offsets / period) ** 2
    for frame in range(len(smooth)):
        start = frame + offsets
        usable = start >= 0
        if usable.any():
            candidates = score[start[usable]] + cost[usable]
            best = int(np.argmax(candidates))
            score[frame] = smooth[frame] + candidates[best]
            before[frame] = start[usable][best]
    frame = (
        len(smooth) - int(period) + int(np.argmax(score[-int(period) :]))
        if len(smooth) > period
        else int(np.argmax(score))
    )
    frames = []
    while frame >= 0:
        frames.append(frame)
        frame = int(before[frame])
    return [each / frames_per_second for each in _sounding(frames[::-1], smooth)]


def _sounding(frames: list[int], smooth: Vector) -> list[int]:
    """Without the beats before the music and after it, where nothing begins (Ellis 2007, section 3.2)."""
    strength = np.array([smooth[max(0, frame - 2) : frame + 3].max() for frame in frames])
    loud = np.flatnonzero(strength >= 0.5 * np.sqrt(np.mean(strength**2)))
    return frames[loud[0] : loud[-1] + 1] if len(loud) else []


def _prepared(envelope: NDArray[np.float32], frames_per_second: float) -> Vector:
    """Smoothed by a Gaussian of 20 ms, its slow mean taken away, unit deviation."""
    width = 0.02 * frames_per_second
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    smooth = np.convolve(np.asarray(envelope, np.float64), kernel / kernel.sum(), "same")
    span = max(1, int(frames_per_second))
    floor = np.convolve(smooth, np.ones(span) / span, "same")
    lifted = np.maximum(smooth - floor, 0.0)
    deviation = float(lifted.std())
    return lifted / deviation if deviation > 0 else np.zeros_like(lifted)


def key_of(notes: Sequence[Note]) -> str:
    """The key of pitched notes ("F#m"), empty when there are too few to say."""
    chroma = np.zeros(12)
    for note in notes:
        chroma[note.pitch % 12] += note.duration
    if np.count_nonzero(chroma) < 3:
        return ""
    scores = [
        (float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1]), names[tonic])
        for profile, names in ((_MAJOR, _MAJOR_NAMES), (_MINOR, _MINOR_NAMES))
        for tonic in range(12)
    ]
    return max(scores)[1]
