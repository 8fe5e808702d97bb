"""Arrangement: in which bars each player plays, from the energy of the sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.generation.composer.cast import Cast
from services.generation.composer.form import Section
from services.generation.composer.genres.profile import Layer
from services.generation.composer.instruments import INSTRUMENTS, family_programs
from services.generation.composer.plan import Plan

_ANSWERING = frozenset({"intro", "outro", "build", "breakdown"})
"""Sections in which a melody only sounds when the genre says so."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Bars by layer name, and the bars in which the drums are silent."""

    bars: Mapping[str, tuple[int, ...]]
    silent_drums: frozenset[int]


def arrange(plan: Plan, cast: Cast) -> Arrangement:
    """Decide who plays when. Something always sounds, and what was asked for is heard."""
    count = max(1, plan.bars)
    playing = {layer.name: [bar for bar in range(count) if _plays(plan, layer, bar)] for layer in cast.layers}
    for layer in cast.layers:
        needed = layer.name in cast.wanted or layer.role in {"melody", "bass"}
        if not playing[layer.name] and needed:
            playing[layer.name] = [bar for bar in range(count) if not _muted(plan.section_of(bar), layer)]
    _fill_silence(plan, cast, playing, count)
    silent = frozenset(bar for bar in range(count) if "drums" in _absent(plan.section_of(bar)))
    return Arrangement({name: tuple(bars) for name, bars in playing.items()}, silent)


def _plays(plan: Plan, layer: Layer, bar: int) -> bool:
    section = plan.section_of(bar)
    if _muted(section, layer) or section.kind in layer.skip or (layer.only and section.kind not in layer.only):
        return False
    if layer.role in {"melody", "double"} and section.kind not in plan.genre.melody.sections and not layer.only:
        return False
    return layer.enters <= plan.energy_of(bar) <= layer.leaves or (
        layer.role == "melody" and section.kind not in _ANSWERING and plan.energy_of(bar) <= layer.leaves
    )


def _absent(section: Section) -> tuple[str, ...]:
    return section.asked.without if section.asked is not None else ()


def _muted(section: Section, layer: Layer) -> bool:
    """Whether the section's own prompt leaves this layer out."""
    for name in _absent(section):
        if name == layer.role or name == layer.stem:
            return True
        instrument = INSTRUMENTS.get(name)
        if instrument is not None and layer.programs[0] in family_programs(instrument.family):
            return instrument.role != "drums"
    return False


def _fill_silence(plan: Plan, cast: Cast, playing: dict[str, list[int]], count: int) -> None:
    """Bars in which no chord, bass or tune would sound get the calmest layer."""
    order = {"chords": 0, "pad": 1, "melody": 2, "bass": 3}
    calm = sorted(
        (layer for layer in cast.layers if layer.role in order),
        key=lambda layer: (layer.enters, order[layer.role], layer.name),
    )
    if not calm:
        return
    busy = {bar for layer in calm for bar in playing[layer.name]}
    for bar in range(count):
        if bar in busy:
            continue
        helper = next((layer for layer in calm if not _muted(plan.section_of(bar), layer)), calm[0])
        playing[helper.name] = sorted([*playing[helper.name], bar])
