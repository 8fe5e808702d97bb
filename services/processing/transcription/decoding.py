"""From activations to notes: onsets are peaks, a note lasts while its activation does. Pure numpy.

The thresholds were chosen on rendered clips whose seeds no test uses, and whose instruments are others than those of
the tests (docs/guides/transcription.md says which).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from services.processing.transcription.basic_pitch import CONTOUR_BINS, FRAME_SECONDS, LOWEST_PITCH, Activations
from services.processing.transcription.note import Note

Matrix = NDArray[np.float32]

_SHORTEST_UNSTRUCK: Final = 8
# Notes of a line that start within so many frames of each other cannot both be meant.
_TOGETHER: Final = 4
# Peaks of one key within so many frames (70 ms) are one stroke: nobody repeats a note faster.
_SAME_STROKE: Final = 6
# What is usual for the flux is its median over so many frames (0.6 s) around; below the second value it says nothing.
_AROUND: Final = 49
_QUIET_FLUX: Final = 0.005
# Intervals from a key to its overtones 2, 3, 4, 5, 6 and 8, in semitones.
_OVERTONES: Final = (12, 19, 24, 28, 31, 36)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Thresholds on activations and flux, and lengths in frames of 11.6 ms.

    A peak of the onset activation of at least `onset` starts a note; where the key sounds already, `again` times as
    much is asked for. A weaker peak of at least `restrike` will do where the flux reaches `struck`, or `prominent`
    times what is usual around it: a wind instrument tongues a note again with little new sound, but with more than
    while it holds one. Below a flux of `faint` nothing starts. A key sounds already when its activation stayed at
    `sustain` or above for `held` frames: soft attacks reach that some frames before their peak. A jump of the note
    activation by `rise` within two frames counts like an onset where the onset activation is at least `rise_onset`. A
    note ends after `gap` frames below `sustain`; shorter ones than `shortest` are dropped. A note over another one
    whose overtone it may be has to be at least `echo` times as strong. With `fill`, what stays at or above it for 8
    frames without any onset is a note too. With `line`, one note sounds at a time, and a weaker one that begins within
    another needs an onset of `interrupt`. Starts move to the flux's peak within `align` frames before, else from the
    peak towards the beginning of its slope by `lead` (0 to 1).
    """

    onset: float
    again: float
    sustain: float
    gap: int
    rise: float
    rise_onset: float
    shortest: int
    echo: float
    lead: float
    restrike: float
    struck: float
    faint: float
    fill: float = 0.0
    line: bool = False
    interrupt: float = 0.0
    align: int = 0
    prominent: float = 0.0
    held: int = 3


CHORDS: Final = Decoding(
    onset=0.55, again=1.4, sustain=0.35, gap=8, rise=0.5, rise_onset=0.1, shortest=3, echo=0.7, lead=0.45,
    restrike=0.6, struck=9.0, faint=0.003,
)  # fmt: skip
LINE: Final = Decoding(
    onset=0.45, again=2.2, sustain=0.15, gap=5, rise=0.4, rise_onset=0.1, shortest=4, echo=0.3, lead=0.15,
    restrike=0.5, struck=0.035, faint=0.006, fill=0.35, line=True, interrupt=0.5, prominent=3.0, held=6,
)  # fmt: skip
# Parts below this polyphony are read as one line: on the tuning clips lines lie below 0.3, chords and pianos above 0.5.
_LINE_BELOW: Final = 0.4


@dataclass(slots=True)
class _Found:
    """A candidate: frames, index of the key, mean activation, strength of the onset."""

    start: int
    end: int
    key: int
    level: float
    attack: float

    @property
    def weight(self) -> float:
        return self.level * (self.end - self.start)

    def outweighs(self, other: _Found) -> bool:
        return (self.weight, self.key) > (other.weight, other.key)


def transcribe(heard: Activations, check: Callable[[], None] = lambda: None) -> list[Note]:
    """The notes of a part, by start and pitch; whether it is one line or chords is heard first.

    `check` runs for every candidate and may raise.
    """
    strength = np.maximum(heard.onsets, _rises(heard.notes, heard.onsets, CHORDS))
    found = _without_echoes(_candidates(heard, strength, CHORDS, check), CHORDS.echo)
    return decode(heard, LINE if polyphony(found, check) < _LINE_BELOW else CHORDS, check)


def decode(heard: Activations, how: Decoding, check: Callable[[], None] = lambda: None) -> list[Note]:
    """The notes, by start and pitch."""
    strength = np.maximum(heard.onsets, _rises(heard.notes, heard.onsets, how))
    found = _candidates(heard, strength, how, check)
    found = _without_echoes(found, how.echo)
    if how.line:
        found = _single_line(found, how, check)
    notes = []
    for each in found:
        check()
        notes.append(_note(heard, strength, each, how))
    notes.sort()
    if how.line:
        # Starts have moved a little since the line was cut.
        notes[:-1] = [replace(note, end=min(note.end, after.start)) for note, after in pairwise(notes)]
    return [note for note in notes if note.end > note.start]


def _candidates(heard: Activations, strength: Matrix, how: Decoding, check: Callable[[], None]) -> list[_Found]:
    free = heard.notes.copy()
    found: list[_Found] = []
    following: dict[int, _Found] = {}
    enough = _struck(heard.flux, how)
    # From the end: a later note of the same key bounds the one before it.
    for start, key in _peaks(strength, min(how.onset, how.restrike))[::-1]:
        check()
        attack = float(strength[start, key])
        before = heard.notes[max(0, start - how.held) : max(1, start - 1), key].min()
        struck = heard.flux[max(0, start - 3) : start + 3].max()
        asked = how.onset * (how.again if before >= how.sustain else 1.0)
        if (attack < asked and (attack < how.restrike or struck < enough[start])) or struck < how.faint:
            continue
        after = following.get(int(key))
        if after is not None and after.start - start <= _SAME_STROKE:
            # A slow attack may peak twice; the note begins with the first.
            after.start = int(start)
            continue
        end = _end(free[:, key], int(start), how)
        if end - start < how.shortest:
            continue
        level = float(heard.notes[start:end, key].mean())
        free[start:end, key] = 0.0
        following[int(key)] = _Found(int(start), end, int(key), level, attack)
        found.append(following[int(key)])
    return found + (_unstruck(free, strength, how) if how.fill else [])


def _unstruck(free: Matrix, strength: Matrix, how: Decoding) -> list[_Found]:
    """Notes without an onset, as in a slur: runs of what no note has taken."""
    found = []
    loud = free >= how.fill
    for key in np.flatnonzero(loud.any(axis=0)):
        edges = np.flatnonzero(np.diff(np.pad(loud[:, key].astype(np.int8), 1)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start >= _SHORTEST_UNSTRUCK:
                level = float(free[start:end, key].mean())
                # The onset's peak follows when a soft note is half there.
                attack = float(strength[max(0, start - 2) : start + _SAME_STROKE + 1, key].max())
                found.append(_Found(int(start), int(end), int(key), level, attack))
    return found


def _struck(flux: Matrix, how: Decoding) -> Matrix:
    """The flux `[T]` that counts as a stroke in each frame."""
    fixed = np.full(len(flux), how.struck, np.float32)
    if not how.prominent:
        return fixed
    usual = median_filter(flux, _AROUND, mode="nearest")
    found: Matrix = np.minimum(fixed, how.prominent * usual + np.float32(_QUIET_FLUX)).astype(np.float32)
    return found


def _rises(notes: Matrix, onsets: Matrix, how: Decoding) -> Matrix:
    """Where a note's activation jumps although the network saw no clear onset, scaled so that `rise` counts as one."""
    before = np.zeros_like(notes)
    before[2:] = np.maximum(notes[1:-1], notes[:-2])
    jump = np.clip(notes - before, 0.0, None) * (how.onset / how.rise)
    jump[:2] = 0.0
    return np.where(onsets >= how.rise_onset, jump, 0.0).astype(np.float32)


def _peaks(strength: Matrix, threshold: float) -> NDArray[np.int64]:
    """(frame, key) of local maxima over time that reach `threshold`, by frame."""
    padded = np.pad(strength, ((1, 1), (0, 0)))
    top = (strength >= threshold) & (strength > padded[:-2]) & (strength >= padded[2:])
    return np.argwhere(top)


def _end(activation: Matrix, start: int, how: Decoding) -> int:
    """The first frame after the note: where it stays below `sustain` for `gap` frames, or the end."""
    loud = np.flatnonzero(activation[start + 1 :] >= how.sustain)
    if not len(loud) or loud[0] >= how.gap:
        return start + 1
    breaks = np.flatnonzero(np.diff(loud) > how.gap)
    last = loud[breaks[0]] if len(breaks) else loud[-1]
    return int(start + 1 + last + 1)


def _without_echoes(found: list[_Found], share: float) -> list[_Found]:
    """Drop what is likely an overtone of a stronger note that sounds below it."""
    if not share:
        return found
    by_key: dict[int, list[_Found]] = {}
    for note in found:
        by_key.setdefault(note.key, []).append(note)

    def louder_below(note: _Found) -> float:
        roots = (root for step in _OVERTONES for root in by_key.get(note.key - step, ()))
        return max((root.level for root in roots if root.start - 3 <= note.start < root.end), default=0.0)

    return [note for note in found if note.level >= share * louder_below(note)]


def polyphony(found: Sequence[_Found], check: Callable[[], None] = lambda: None) -> float:
    """How much of the notes' weight sounds beside a stronger note: near 0 for a single line, 2/3 for triads."""
    total = sum(note.weight for note in found)
    if not total:
        return 0.0
    covered = 0.0
    for note in found:
        check()
        covered += note.weight * _covered(note, found)
    return covered / total


def _covered(note: _Found, found: Sequence[_Found]) -> float:
    """The largest share of `note` that one stronger note covers."""
    overlaps = (
        min(note.end, other.end) - max(note.start, other.start)
        for other in found
        if other is not note and other.outweighs(note)
    )
    return max(0, max(overlaps, default=0)) / (note.end - note.start)


def _single_line(found: Sequence[_Found], how: Decoding, check: Callable[[], None]) -> list[_Found]:
    """One note at a time: of those that start together the strongest, and each one ends where the next begins."""
    line: list[_Found] = []
    for note in sorted(found, key=lambda each: (each.start, -each.weight)):
        check()
        if any(abs(other.start - note.start) <= _TOGETHER and other.outweighs(note) for other in found):
            continue
        if line and line[-1].end > note.start:
            # An overtone that swells within a note has no attack of its own.
            if note.attack < how.interrupt and line[-1].level > note.level:
                continue
            line[-1].end = note.start
        line.append(note)
    return [note for note in line if note.end > note.start]


def _note(heard: Activations, strength: Matrix, found: _Found, how: Decoding) -> Note:
    start = max(0.0, found.start - how.lead * _slope(strength[:, found.key], found.start))
    if how.align:
        first = max(0, found.start - how.align)
        near = heard.flux[first : found.start + 3]
        start = first + int(near.argmax()) if near.max() >= how.struck else start
    return Note(
        start=start * FRAME_SECONDS,
        end=found.end * FRAME_SECONDS,
        pitch=LOWEST_PITCH + found.key,
        velocity=int(np.clip(round(127 * found.level), 1, 127)),
        bends=_bends(heard.contours[found.start : found.end], found.key),
    )


def _slope(strength: Matrix, peak: int) -> int:
    """Frames for which the onset activation rose before its peak, at most 8 (93 ms)."""
    frame = peak
    while (
        frame > max(0, peak - 8)
        and strength[frame - 1] < strength[frame]
        and strength[frame - 1] > 0.1 * strength[peak]
    ):
        frame -= 1
    return peak - frame


def _bends(contours: Matrix, key: int) -> tuple[float, ...]:
    """The pitch over time in semitones from the key: the contour's centre of mass within a semitone and a bit."""
    middle = key * CONTOUR_BINS + 1
    reach = CONTOUR_BINS + 1
    low, high = max(0, middle - reach), min(contours.shape[1], middle + reach + 1)
    region = contours[:, low:high].astype(np.float64) ** 2
    offsets = (np.arange(low, high) - middle) / CONTOUR_BINS
    total = region.sum(axis=1)
    if not total.any():
        return ()
    centre = np.where(total > 0, region @ offsets / np.maximum(total, 1e-9), 0.0)
    return tuple(float(round(value, 3)) for value in centre)
