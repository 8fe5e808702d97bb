"""The bars: how many beats they have, and on which beat they begin.

Harmony changes on the one, and so do bass and kick. Each beat is given marks for that; the grouping whose first beats
stand out most wins. The same marks tell beats from off-beats where a tracker took hats for the beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import FRAMES_PER_SECOND, LONG_FRAMES_PER_SECOND, Float32, Frames
from services.processing.analysis.key import BASS_NOTES
from services.processing.analysis.pulse import pitch_classes

Float64 = NDArray[np.float64]

GROUPINGS: Final = (4, 3)
# Fewer beats say nothing about bars.
FEWEST_BEATS: Final = 9

_CLEARLY: Final = 1.7
_REACH_FRAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Bars:
    """`beats` in seconds, `beats_per_bar`, the index of the `first` beat that begins a bar, and how sure (0–1)."""

    beats: Float64
    beats_per_bar: int
    first: int
    confidence: float

    @property
    def downbeats(self) -> Float64:
        """Times at which bars begin."""
        return self.beats[self.first :: self.beats_per_bar]


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


def find_bars(frames: Frames, beats: Float64) -> Bars | None:
    """The bars over beats that were tracked, or over the off-beats where these carry the song; None for too few."""
    if len(beats) < FEWEST_BEATS:
        return None
    between = (beats[:-1] + beats[1:]) / 2.0
    found = [(*_best(_marks(frames, grid)), grid) for grid in (beats, between)]
    # The tracker's own beats have the onsets on their side: the others have to be clearly better.
    chosen = found[1] if found[1][0] > _CLEARLY * found[0][0] and found[1][0] > 0.0 else found[0]
    score, grouping, first, confidence, grid = chosen
    return Bars(grid, grouping, first, confidence if score > 0.0 else 0.0)


def _marks(frames: Frames, beats: Float64) -> Float64:
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


def _best(marks: Float64) -> tuple[float, int, int, float]:
    """The grouping whose first beats stand out most: score, beats a bar, first beat, confidence."""
    numbers = np.arange(len(marks))
    scores: dict[tuple[int, int], float] = {}
    for grouping in GROUPINGS:
        for first in range(grouping):
            chosen = numbers % grouping == first
            stand_out = float(marks[chosen].mean() - marks[~chosen].mean())
            scores[grouping, first] = stand_out * float(np.sqrt(chosen.sum()))
    ranked = sorted(scores, key=lambda key: -scores[key])
    best = scores[ranked[0]]
    confidence = 0.0 if best <= 0.0 else min(1.0, max(0.0, 1.0 - max(0.0, scores[ranked[1]]) / best))
    return best, *ranked[0], confidence
