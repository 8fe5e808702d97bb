"""What makes a beat the first of its bar: new harmony, new bass, a kick."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import FRAMES_PER_SECOND, LONG_FRAMES_PER_SECOND, Float32, Frames
from services.processing.analysis.key import BASS_NOTES
from services.processing.analysis.pulse import pitch_classes

Float64 = NDArray[np.float64]

# Fewer beats say nothing about bars.
FEWEST_BEATS: Final = 9

_REACH_FRAMES: Final = 3


def mean_between(values: Float32, times: Float64, frames_per_second: float) -> Float64:
    """The mean of frames `[frames, n]` from each time to the next, `[len(times) − 1, n]`."""
    edges = np.clip(np.round(times * frames_per_second).astype(np.int64), 0, len(values))
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    # A beat shorter than a frame hears the frame that it lies in.
    low = np.minimum(edges[:-1], len(values) - 1)
    high = np.maximum(edges[1:], low + 1)
    return np.asarray((total[high] - total[low]) / (high - low)[:, None])


def levelled_notes(notes: Float32) -> Float32:
    """Notes `[frames, notes]` with the loudest of each frame as 1, so that soft chords count like loud ones."""
    return np.asarray(notes / (notes.max(axis=1, keepdims=True) + 1e-6))


def marks(frames: Frames, beats: Float64) -> Float64:
    """What makes each beat a first one, `[len(beats)]`: new harmony, new bass, and a kick; each levelled."""
    ends = np.append(beats, beats[-1] + float(np.median(np.diff(beats))))
    notes = levelled_notes(frames.notes)
    harmony = mean_between(pitch_classes(notes), ends, LONG_FRAMES_PER_SECOND)
    bass = mean_between(pitch_classes(notes, 0, BASS_NOTES), ends, LONG_FRAMES_PER_SECOND)
    places = np.clip(np.round(beats * FRAMES_PER_SECOND).astype(np.int64), 0, len(frames.onsets) - 1)
    low = frames.onsets[:, :2]
    around = (low[max(0, place - _REACH_FRAMES) : place + _REACH_FRAMES + 1] for place in places)
    kicks = np.array([part.max(axis=0).sum() for part in around])
    curves = np.stack([_change(harmony, 1), _change(bass, 1), _change(harmony, 2), kicks])
    spread = curves.std(axis=1, keepdims=True)
    return np.asarray(((curves - curves.mean(axis=1, keepdims=True)) / (spread + 1e-9)).sum(axis=0))


def _change(values: Float64, span: int) -> Float64:
    """1 − cosine between the `span` beats before and after each beat; 0 at the ends."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    inside = np.arange(span, len(values) - span + 1)
    before = total[inside] - total[inside - span]
    after = total[inside + span] - total[inside]
    norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    change = np.zeros(len(values))
    change[inside] = np.where(norms > 1e-9, 1.0 - (before * after).sum(axis=1) / np.maximum(norms, 1e-9), 0.0)
    return change


def standing_out(marked: Float64, group: int, first: int) -> float:
    """How far the beats `first`, `first + group`, … lie above the others, by their marks."""
    chosen = np.arange(len(marked)) % group == first
    return float(marked[chosen].mean() - marked[~chosen].mean())
