"""What the next note of a tune costs, from `melody.safetensors` (see MODEL_CARD.md): integers, six to a nat."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from services.generation.composer.chord import Chord

WIDEST: Final = 12
"""The widest motion that the tables know, in semitones."""

OFF_BEAT, ON_BEAT, DOWNBEAT = range(3)
"""Places in the bar."""

_AT_FIRST, _SAME, _AFTER_REST = 0, 3, 6


class MelodyCosts:
    """Tables as nested tuples: `motion[came][place][interval + 12]`, `leaving[strange][interval + 12]`,
    `tone[third][place][long][semitones above the root]`, `degree[minor][semitones above the tonic]`."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self.motion: tuple[tuple[tuple[int, ...], ...], ...] = _nested(tables["move"])
        self.leaving: tuple[tuple[int, ...], ...] = _nested(tables["lean"])
        self.tone: tuple[tuple[tuple[tuple[int, ...], ...], ...], ...] = _nested(tables["tone"])
        self.degree: tuple[tuple[int, ...], ...] = _nested(tables["degree"])


def came_by(interval: int, known: bool, rested: bool) -> int:
    """The class of the motion into a note: first of `motion`'s indices."""
    if rested:
        return _AFTER_REST
    if not known:
        return _AT_FIRST
    if interval == 0:
        return _SAME
    size = 2 if abs(interval) > 2 else 1
    return _SAME + (size if interval > 0 else -size)


def third_of(chord: Chord) -> int:
    """0 for a major third (or none), 1 for a minor one, 2 for a diminished fifth."""
    core = chord.core
    if (chord.root + 6) % 12 in core:
        return 2
    return int((chord.root + 3) % 12 in core)


def _nested(table: Any) -> Any:
    return tuple(map(_nested, table)) if table.ndim > 1 else tuple(int(value) for value in table)


@cache
def learned_melody() -> MelodyCosts:
    """The tables of the package, read once."""
    # Here and not above: the gRPC server reads requests without numpy.
    from safetensors.numpy import load_file

    return MelodyCosts(load_file(Path(__file__).with_name("melody.safetensors")))
