"""Going on: a song's own notes up to a bar, and from there a longer form over the same key, tempo, players and motifs.

What was sung before is remembered by the writers, so that later sections bring it back; the chord under the join is the
new form's, and nothing is cut: the whole song is played again in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.generation.backends.protocol import Extension
from services.generation.composer.expression import express
from services.generation.composer.form import Section, in_bars, plan_continuation, size_song
from services.generation.composer.genres.profile import Genre
from services.generation.composer.harmony import ChordTimeline, plan_harmony
from services.generation.composer.plan import Plan
from services.generation.composer.prompt import asked_of, wish_of
from services.generation.composer.retakes import EARLY_BEATS
from services.generation.composer.score import TICKS_PER_BEAT, Note, Part
from services.generation.composer.spec import METERS, AskedSection
from services.generation.composer.streams import Stream

_NEW_BARS = 2
_PLAIN_ENERGY = 0.55
"""Of a section's prompt that says nothing of it."""

_LEGATO_BEATS = 0.1
"""How far an old note may reach into the first new bar."""


def seconds_per_bar(meter: str, bpm: float) -> float:
    """How long a bar is. Raises KeyError for a meter that the composer never writes."""
    return METERS[meter][0] * 60.0 / bpm


def least_seconds(genre: Genre, meter: str, bpm: float, bar: int) -> float:
    """The shortest length of a song that goes on from `bar`: two new bars, and its last chord."""
    return (bar + _NEW_BARS + genre.ritardando) * seconds_per_bar(meter, bpm) + genre.ring_seconds[1]


def joining_bar(bars: Sequence[tuple[str, int]], bar_seconds: float, at_seconds: float | None) -> int:
    """The bar on which new music begins: the one next to a second of the song, else its outro, else its last chord.

    `bars` are the song's sections, name and bars. At least one old bar is kept.
    """
    total = sum(count for _, count in bars)
    if at_seconds is not None:
        return max(1, min(total, round(at_seconds / bar_seconds)))
    name, count = bars[-1]
    return total - count if name == "outro" and total > count else max(1, total)


def continued_plan(plan: Plan, extension: Extension, seconds: float, seed: int) -> Plan:
    """The plan of the longer song: `seconds` long, as `plan` up to the extension's bar.

    `seed` is the one that the song's frame was drawn from.
    """
    genre, meter = plan.genre, plan.meter
    chance = Stream(extension.seed, genre.id, "continuation", extension.bar)
    bar = max(1, min(extension.bar, plan.bars))
    spec = replace(plan.spec, structure=()).asked("bpm", bpm=plan.bpm)
    sizing = size_song(genre, spec, plan.bpm, meter.beats, seconds, chance.child("taste"))
    bars = max(sizing.bars, bar + 1)
    before = _until(plan.sections, bar)
    wish = wish_of(extension)
    if wish.energy is not None:
        spec = replace(spec, energy=min(1.0, max(0.1, spec.energy + wish.energy - _PLAIN_ENERGY)))
    spec = replace(spec, structure=in_bars(asked_of(extension), meter.beats * 60.0 / plan.bpm))
    sections = tuple(
        section if section in before else _wished(section, wish)
        for section in plan_continuation(genre, spec, before, bars, extension.seed + 1, chance.child("form"))
    )
    final_tick = bars * meter.bar_ticks
    end_tick = int(seconds * plan.bpm * TICKS_PER_BEAT / 60.0)
    harmony = plan_harmony(
        genre, plan.key, sections, meter, final_tick, end_tick, Stream(seed, genre.id).child("harmony")
    )
    join = bar * meter.bar_ticks
    chords = ChordTimeline([*plan.harmony.within(0, join), *harmony.within(join, max(end_tick, final_tick + 1))])
    join_seconds = join * 60.0 / (plan.bpm * TICKS_PER_BEAT)
    return replace(
        plan,
        spec=plan.spec.noted(f"The song goes on from bar {bar + 1}, at {join_seconds:.1f} s."),
        sections=sections,
        harmony=chords,
        bars=bars,
        final_tick=final_tick,
        end_tick=end_tick,
        ritardando_ticks=round(genre.ritardando * meter.bar_ticks),
    )


def joined(plan: Plan, old: Sequence[Part], new: Sequence[Part], bar: int) -> tuple[Part, ...]:
    """The old parts before a bar and the new ones from it on; both were written for the same players."""
    join = bar * plan.meter.bar_ticks / TICKS_PER_BEAT
    fresh = {part.name: part for part in new}
    parts = [_joined(part, fresh.pop(part.name, None), join) for part in old]
    parts += [_joined(replace(part, notes=()), part, join) for part in fresh.values()]
    return tuple(part for part in parts if part.notes)


def _wished(section: Section, wish: AskedSection) -> Section:
    """The section without what the extension's prompt does not want."""
    asked = section.asked or AskedSection(section.name, bars=section.bars)
    return replace(section, asked=replace(asked, without=(*asked.without, *wish.without)))


def _until(sections: Sequence[Section], bar: int) -> tuple[Section, ...]:
    kept = [section for section in sections if section.start_bar < bar]
    kept[-1] = replace(kept[-1], bars=bar - kept[-1].start_bar)
    return tuple(kept)


def _joined(old: Part, new: Part | None, join: float) -> Part:
    before = [_released(note, join) for note in old.notes if note.start_beats < join - EARLY_BEATS]
    after = [note for note in new.notes if note.start_beats >= join - EARLY_BEATS] if new is not None else []
    notes = (*before, *after)
    return replace(old, notes=notes, controls=() if old.drums else express(old.program, notes))


def _released(note: Note, join: float) -> Note:
    """A note that does not sound on over the new bar's chord."""
    return replace(note, duration_beats=min(note.duration_beats, join + _LEGATO_BEATS - note.start_beats))
