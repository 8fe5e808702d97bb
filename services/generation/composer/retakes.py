"""Playing sections anew: the notes of some bars come from another take of the same song, all others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.generation.backends.protocol import Retake
from services.generation.composer.expression import express
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT, Note, Part

EARLY_BEATS = 0.2
"""How much earlier than its place on the grid a note may be played."""


def spliced(plan: Plan, parts: Sequence[Part], take: Sequence[Part], retake: Retake) -> tuple[Part, ...]:
    """The parts with the bars of the retaken sections from `take`, which was written from the same plan and cast."""
    spans = _spans(plan, retake)
    fresh = {part.name: part for part in take}
    result = [_spliced(part, fresh.pop(part.name, None), spans) for part in parts]
    # A player who was silent until now.
    result += [_spliced(replace(part, notes=()), part, spans) for part in fresh.values()]
    return tuple(part for part in result if part.notes)


def _spans(plan: Plan, retake: Retake) -> list[tuple[float, float]]:
    """Begin and end of the sections in beats."""
    wanted = retake.section.strip().lower()
    own = [section for section in plan.sections if wanted in (section.name.lower(), section.kind)]
    if retake.occurrence:
        own = own[retake.occurrence - 1 : retake.occurrence]
    beats = plan.meter.bar_ticks / TICKS_PER_BEAT
    return [(section.start_bar * beats, section.end_bar * beats) for section in own]


def _spliced(part: Part, other: Part | None, spans: Sequence[tuple[float, float]]) -> Part:
    kept = [note for note in part.notes if not _inside(note, spans)]
    fresh = [note for note in other.notes if _inside(note, spans)] if other is not None else []
    if not fresh and len(kept) == len(part.notes):
        return part
    notes = sorted([*kept, *fresh], key=lambda note: (note.start_beats, note.pitch))
    controls = () if part.drums else express(part.program, notes)
    return replace(part, notes=tuple(notes), controls=controls)


def _inside(note: Note, spans: Sequence[tuple[float, float]]) -> bool:
    return any(start - EARLY_BEATS <= note.start_beats < end - EARLY_BEATS for start, end in spans)
