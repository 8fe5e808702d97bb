"""Whether tunes are copied: runs of twelve notes that a song of the training corpus has too.

A run is told by its eleven intervals alone, in whatever key and rhythm, which finds more copies than there are. A note
that is struck again counts once: how often is rhythm, which a run knows nothing of, and a run on one note alone would
be a copy of every song that holds one. How much is too much say the songs that were kept back from training: what they
share with the others is what songs share that never heard each other (and the few tunes that were set twice).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

NOTES = 12

Run = tuple[int, ...]


def runs(pitches: Sequence[int]) -> Iterator[Run]:
    """Every run of a tune, as intervals; none of them is 0."""
    steps = [after - before for before, after in pairwise(pitches) if after != before]
    for at in range(len(steps) - NOTES + 2):
        yield tuple(steps[at : at + NOTES - 1])


def known_runs(tunes: Iterable[Sequence[int]]) -> frozenset[Run]:
    """The runs of a corpus."""
    return frozenset(run for tune in tunes for run in runs(tune))


def copied(tunes: Iterable[Sequence[int]], known: frozenset[Run]) -> float:
    """Share of the runs of some tunes that a corpus has too; 0 for tunes too short to have any."""
    found = [run in known for tune in tunes for run in runs(tune)]
    return sum(found) / max(1, len(found))
