"""How melodies move over chords, learned from the voice parts of the OpenScore Lieder corpus.

A log-linear model of the next pitch: what a note costs by its motion (given the motion before it and its place in the
bar), by its relation to the chord, by its degree of the scale, and by how far it lies from the middle of the voice.
Every factor is a table, so the composer can use them as integer costs in its own search, on any machine alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from composer_training.lieder import Song

WIDEST = 12
MOVES = 2 * WIDEST + 1
CAME = 7  # none, leap down, step down, same, step up, leap up, and "a rest lay between"
PLACES = 3  # off the beat, on a beat, on the downbeat
QUALITIES = 3  # of the chord's third: major, minor, diminished
LENGTHS = 2  # shorter than a beat, a beat and longer
HEIGHTS = 13  # −12…12 semitones around the middle, by twos
_UNITS_PER_NAT = 6.0
_EPOCHS = 160
_DECAY = 2e-4


@dataclass(frozen=True, slots=True)
class Examples:
    """One row a note: the candidate pitches' table indices `[N, MOVES]` and which of them was sung `[N]`."""

    move: Any
    tone: Any
    degree: Any
    height: Any
    lean: Any
    target: Any


def place_of(place: float) -> int:
    """Off the beat, on one, or on the downbeat (quarters from the bar's begin)."""
    return 2 if place == 0 else int(place == int(place))


def came_of(interval: int | None, rested: bool) -> int:
    """The class of the motion before."""
    if rested:
        return 6
    if interval is None:
        return 0
    if interval == 0:
        return 3
    size = 2 if abs(interval) > 2 else 1
    return 3 + (size if interval > 0 else -size)


def examples(songs: Iterable[Song]) -> Examples:
    """Every note whose chord is known and that lies within an octave of the one before."""
    rows: dict[str, list[Any]] = {name: [] for name in ("move", "tone", "degree", "height", "lean", "target")}
    span = np.arange(-WIDEST, WIDEST + 1)
    for song in songs:
        middle = float(np.median([tone.pitch for tone in song.tones]))
        interval: int | None = None
        for number, (before, tone) in enumerate(pairwise(song.tones), start=1):
            chord, chord_before = song.chords[number], song.chords[number - 1]
            rested = tone.start - (before.start + before.length) >= 1
            moved = tone.pitch - before.pitch
            if chord is not None and abs(moved) <= WIDEST:
                pitches = before.pitch + span
                root, tones = chord
                third = 2 if (root + 6) % 12 in tones else int((root + 3) % 12 in tones)
                came, place = came_of(interval, rested), place_of(float(tone.place))
                long = int(tone.length >= 1)
                strange = chord_before is not None and before.pitch % 12 not in chord_before[1]
                rows["move"].append(((came * PLACES + place) * MOVES) + span + WIDEST)
                rows["tone"].append((((third * PLACES + place) * LENGTHS + long) * 12) + (pitches - root) % 12)
                rows["degree"].append(int(song.minor) * 12 + (pitches - song.tonic) % 12)
                rows["height"].append(np.clip(np.round((pitches - middle) / 2), -6, 6).astype(int) + 6)
                rows["lean"].append(int(strange) * MOVES + span + WIDEST)
                rows["target"].append(moved + WIDEST)
            interval = moved
    return Examples(**{name: torch.tensor(np.array(values)) for name, values in rows.items()})


class MelodyTables:
    """The fitted tables, in nats."""

    SIZES: dict[str, tuple[int, ...]] = {  # noqa: RUF012 — a constant of the class
        "move": (CAME, PLACES, MOVES),
        "tone": (QUALITIES, PLACES, LENGTHS, 12),
        "degree": (2, 12),
        "height": (HEIGHTS,),
        "lean": (2, MOVES),
    }

    def __init__(self, training: Examples) -> None:
        torch.manual_seed(0)
        self.tables = {name: torch.zeros(int(np.prod(size)), requires_grad=True) for name, size in self.SIZES.items()}
        optimizer = torch.optim.Adam(list(self.tables.values()), lr=0.08)
        for _ in range(_EPOCHS):
            optimizer.zero_grad()
            decay = sum((table**2).sum() for table in self.tables.values()) * _DECAY
            (self._loss(training) + decay).backward()
            optimizer.step()

    def _loss(self, rows: Examples) -> Any:
        logits = sum(self.tables[name][getattr(rows, name)] for name in self.SIZES)
        return torch.nn.functional.cross_entropy(logits, rows.target)

    def losses(self, held_out: Examples, training: Examples) -> dict[str, float]:
        """Bits a note on songs that were not learned from, beside those of plain interval frequencies."""
        with torch.no_grad():
            model = float(self._loss(held_out)) / np.log(2)
        counts = np.bincount(training.target.numpy(), minlength=MOVES) + 1.0
        plain = -np.log2(counts / counts.sum())[held_out.target.numpy()].mean()
        return {"bits": model, "bits_plain": float(plain), "notes": float(len(held_out.target))}

    def tensors(self) -> dict[str, Any]:
        """Integer costs (the likeliest entry of each row costs 0; six units a nat)."""
        found = {}
        for name, size in self.SIZES.items():
            table = self.tables[name].detach().reshape(size)
            cost = table.amax(dim=-1, keepdim=True) - table
            found[name] = torch.round(cost * _UNITS_PER_NAT).to(torch.int16).numpy()
        return found


def interval_shares(songs: Sequence[Song]) -> Any:
    """How often melodies move by 0…12 semitones."""
    sizes = [abs(after.pitch - before.pitch) for song in songs for before, after in pairwise(song.tones)]
    return np.bincount([size for size in sizes if size <= WIDEST], minlength=WIDEST + 1) / max(1, len(sizes))


def duration_shares(songs: Sequence[Song]) -> Any:
    """How often notes last 1, 2, 3, 4, 6, 8, 12 and 16 sixteenths (nearest)."""
    edges = np.array([1, 2, 3, 4, 6, 8, 12, 16])
    lengths = np.array([float(tone.length) * 4 for song in songs for tone in song.tones])
    nearest = np.abs(np.log(np.maximum(lengths, 0.25))[:, None] - np.log(edges)[None]).argmin(axis=1)
    return np.bincount(nearest, minlength=len(edges)) / max(1, len(lengths))
