"""Form: how many bars a song has, at which tempo, in which sections, and how energy runs through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from services.generation.composer.genres.forms import CYCLES, ENERGIES, FORMS, LETTERS, ONWARD, SECTION_WORDS
from services.generation.composer.genres.profile import Genre
from services.generation.composer.spec import AskedSection, MusicSpec
from services.generation.composer.streams import Stream

_NUDGE = 0.03
"""How far an assumed tempo may move so that whole bars fill the asked length."""

_FLAT = 0.15
"""Forms whose energy differs less than this get an arc of their own …"""

_ARC, _ARC_PIVOT = 0.4, 0.6
"""… which rises by this much, around this place of the song."""

_SHORTEST_ARC_BARS = 6


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the plan. `kind` steers the writing, `name` is shown, `occurrence` counts earlier ones.

    `take` is 0 in a song as it was first made; what was added later draws its chances from another one.
    """

    kind: str
    name: str
    start_bar: int
    bars: int
    energy_from: float
    energy_to: float
    occurrence: int = 0
    asked: AskedSection | None = None
    take: int = 0

    @property
    def place(self) -> tuple[str | int, ...]:
        """Names the section in streams of chance."""
        return (self.kind, self.occurrence, self.take) if self.take else (self.kind, self.occurrence)

    @property
    def end_bar(self) -> int:
        """The first bar after the section."""
        return self.start_bar + self.bars

    @property
    def harmony(self) -> str:
        """Which of the genre's progressions it takes: "verse", "chorus" or "bridge"."""
        return LETTERS[self.kind]

    def energy_at(self, bar: int) -> float:
        """Energy of a bar, counted from the section's start; it moves in steps of four bars (two in short sections)."""
        step = 4 if self.bars >= 8 else 2
        steps = max(1, (self.bars + step - 1) // step)
        at = min(bar // step, steps - 1)
        if steps == 1:
            return (self.energy_from + self.energy_to) / 2.0
        return self.energy_from + (self.energy_to - self.energy_from) * at / (steps - 1)


@dataclass(frozen=True, slots=True)
class Sizing:
    """The grid that a song stands on: whole bars, the final chord at `final_beat`, the ring-out to the end."""

    bars: int
    bpm: float
    final_beat: int
    ring_seconds: float
    cost: float
    """How far the grid is from what the genre likes; comparable between tempi."""


def section_kind(name: str) -> str:
    """The kind of section that a free name means; "verse" when nothing fits."""
    text = " ".join(name.lower().replace("_", " ").split()).rstrip("0123456789 ").strip()
    if text in ENERGIES:
        return text
    if text in SECTION_WORDS:
        return SECTION_WORDS[text]
    for word, kind in (*((kind, kind) for kind in ENERGIES), *SECTION_WORDS.items()):
        if len(word) > 3 and word in text:
            return kind
    return "verse"


def size_song(
    genre: Genre, spec: MusicSpec, bpm: float, beats_per_bar: int, duration_seconds: float, taste: Stream
) -> Sizing:
    """Choose bars and tempo so that the final chord and its ring-out end exactly at the asked length.

    An assumed tempo may move by at most 3 %; an asked one stays. Lengths that the genre's forms like are preferred;
    `taste` decides between those that are about as good.
    """
    shortest, preferred, longest = genre.ring_seconds
    scale = min(1.0, duration_seconds / 12.0)
    shortest, preferred = shortest * scale, preferred * max(scale, 0.45)
    asked = sum(section.bars or 0 for section in spec.structure)
    liked = _liked_sizes(genre.form)
    ideal = (duration_seconds - preferred) * bpm / 60.0 / beats_per_bar
    best: Sizing | None = None
    for bars in range(max(1, int(ideal * 0.93) - 3), int(ideal * 1.07) + 4):
        beats = bars * beats_per_bar + (genre.ritardando * beats_per_bar if bars > 2 else 0.0)
        tempo = bpm
        if "bpm" not in spec.explicit:
            wanted = beats * 60.0 / max(0.1, duration_seconds - preferred)
            slowest = max(bpm * (1.0 - _NUDGE), min(bpm, genre.tempo.low))
            fastest = min(bpm * (1.0 + _NUDGE), max(bpm, genre.tempo.high))
            tempo = round(min(max(wanted, slowest), fastest), 2)
        ring = duration_seconds - beats * 60.0 / tempo
        if ring < shortest:
            continue
        cost = abs(ring - preferred) / preferred + max(0.0, ring - longest) * 4.0 + abs(tempo / bpm - 1.0) * 8.0
        if not asked:
            cost += 0.0 if bars in liked else (0.7, 1.8, 1.2, 1.8)[bars % 4]
            cost += taste.child(bars).below(1_000) / 1_250.0
        elif bars != asked:
            cost += 1.0 + abs(bars - asked)
        if best is None or cost < best.cost:
            best = Sizing(bars, tempo, bars * beats_per_bar, ring, cost)
    if best is not None:
        return best
    # Shorter than a bar: a pickup of a few beats, then the final chord for at least half of the time.
    beat = max(0, min(int(duration_seconds * 0.5 * bpm / 60.0), beats_per_bar - 1))
    return Sizing(0, bpm, beat, duration_seconds - beat * 60.0 / bpm, 0.0)


@lru_cache(maxsize=64)
def _liked_sizes(family: str) -> frozenset[int]:
    sizes = {sum(bars for _, bars in _parse(template)) for template in FORMS[family]}
    longest = max(sizes)
    cycles = [sum(bars for _, bars in _parse(cycle)) for cycle in CYCLES[family]]
    total = longest
    for index in range(80):
        total += cycles[index % len(cycles)]
        sizes.add(total)
    return frozenset(sizes)


def in_bars(asked: Sequence[AskedSection], bar_seconds: float) -> tuple[AskedSection, ...]:
    """The asked sections with their lengths in bars; each has one at least."""
    return tuple(
        section
        if section.bars is not None
        else replace(section, bars=max(1, round((section.seconds or 0.0) / bar_seconds)))
        for section in asked
    )


def plan_form(genre: Genre, spec: MusicSpec, bars: int, stream: Stream) -> tuple[Section, ...]:
    """Sections that fill exactly `bars` bars (at least one), with the energy that spec and genre ask for."""
    if spec.structure:
        named = _fit_asked(spec.structure, bars)
    else:
        template = _choose_template(genre.form, max(1, bars), stream.child("template"))
        named = [(kind, kind, count, None) for kind, count in _fit_template(template, genre.form, max(1, bars))]
    return _laid_out(named, (), genre, spec, stream)


def plan_continuation(
    genre: Genre, spec: MusicSpec, before: Sequence[Section], bars: int, take: int, stream: Stream
) -> tuple[Section, ...]:
    """`before`, and sections that go on from there until `bars` bars are full; at least one bar is added.

    `spec.structure` is the form of what is added; without one the genre's own goes on, without an introduction.
    """
    count = max(1, bars - before[-1].end_bar)
    if spec.structure:
        named = _fit_asked(spec.structure, count)
    else:
        template = _choose_template(genre.form, count, stream.child("template"))
        kinds = [
            (ONWARD[genre.form] if kind == "intro" else kind, size)
            for kind, size in _fit_template(template, genre.form, count)
        ]
        named = [(kind, kind, size, None) for kind, size in kinds]
    return (*before, *_laid_out(named, before, genre, spec, stream, take))


def _laid_out(
    named: Sequence[tuple[str, str, int, AskedSection | None]],
    before: Sequence[Section],
    genre: Genre,
    spec: MusicSpec,
    stream: Stream,
    take: int = 0,
) -> tuple[Section, ...]:
    """Sections one after the other behind those that stand, each with its energy."""
    sections: list[Section] = []
    seen = Counter(section.kind for section in before)
    at = before[-1].end_bar if before else 0
    for kind, name, count, asked in named:
        low, high = ENERGIES[kind]
        occurrence = seen[kind]
        seen[kind] += 1
        lift = min(0.04 * occurrence, 0.10) if kind not in {"intro", "outro", "breakdown"} else 0.0
        sections.append(Section(kind, name, at, count, low + lift, high + lift, occurrence, asked, take))
        at += count
    if not before:
        sections = _with_an_arc(sections)
    return tuple(_with_energy(section, genre, spec, at, stream) for section in sections)


def _with_an_arc(sections: list[Section]) -> list[Section]:
    """A form whose sections hardly differ (a single chorus of the blues) begins with few and ends with everybody."""
    levels = [level for section in sections for level in (section.energy_from, section.energy_to)]
    bars = sections[-1].end_bar
    if max(levels) - min(levels) >= _FLAT or bars < _SHORTEST_ARC_BARS or any(section.asked for section in sections):
        return sections

    def level(base: float, bar: int) -> float:
        return base + _ARC * (bar / bars - _ARC_PIVOT)

    return [
        replace(
            section,
            energy_from=level(section.energy_from, section.start_bar),
            energy_to=level(section.energy_to, section.end_bar),
        )
        for section in sections
    ]


def _with_energy(section: Section, genre: Genre, spec: MusicSpec, total: int, stream: Stream) -> Section:
    offset = (spec.energy - genre.energy) * 0.75
    wobble = stream.child(*section.place).normal(0.012)

    def level(base: float, bar: int) -> float:
        place = bar / max(1, total)
        curve = {"build": (place - 0.55) * 0.6, "fade": (0.45 - place) * 0.6}.get(spec.curve, 0.0)
        return min(1.0, max(0.05, base + offset + curve + wobble))

    first, last = level(section.energy_from, section.start_bar), level(section.energy_to, section.end_bar)
    if section.asked is not None and section.asked.energy is not None:
        first = last = section.asked.energy
    return replace(section, energy_from=round(first, 4), energy_to=round(last, 4))


def _parse(template: str) -> list[tuple[str, int]]:
    pairs = []
    for entry in template.split():
        if entry != "*":
            kind, _, count = entry.partition(":")
            pairs.append((kind, int(count)))
    return pairs


def _choose_template(family: str, bars: int, stream: Stream) -> str:
    """One of the largest templates that fit."""
    sizes = {template: sum(count for _, count in _parse(template)) for template in FORMS[family]}
    largest = max(size for size in sizes.values() if size <= bars)
    return stream.choose([template for template, size in sizes.items() if size == largest])


def _fit_template(template: str, family: str, bars: int) -> list[tuple[str, int]]:
    """The template, extended by the family's cycles, and by single bars at the end, until it fills the song."""
    size = sum(count for _, count in _parse(template))
    head, _, tail = template.partition("*")
    before, after = _parse(head), _parse(tail)
    if not after and len(before) > 1:
        before, after = before[:-1], before[-1:]
    middle: list[tuple[str, int]] = []
    cycles = [_parse(cycle) for cycle in CYCLES[family]]
    number = 0
    while bars - size >= 8:
        fitting = [(kind, count) for kind, count in cycles[number % len(cycles)] if count <= bars - size]
        if not fitting:
            break
        for kind, count in fitting:
            if count <= bars - size:
                middle.append((kind, count))
                size += count
        number += 1
    return _grow([*before, *middle, *after], bars - size)


def _grow(sections: list[tuple[str, int]], missing: int) -> list[tuple[str, int]]:
    """Lengthen sections until they fill the song: by fours, then twos, then a last bar at the end."""
    sizes = [count for _, count in sections]
    order = sorted(range(len(sizes)), key=lambda index: (sizes[index], -index))
    for step in (4, 2):
        while missing >= step:
            grown = next((index for index in order if step == 2 or sizes[index] < 16), None)
            if grown is None:
                break
            sizes[grown] += step
            missing -= step
            order = order[1:] + order[:1]
    sizes[-1] += missing
    return [(kind, size) for (kind, _), size in zip(sections, sizes, strict=True)]


def _fit_asked(structure: Sequence[AskedSection], bars: int) -> list[tuple[str, str, int, AskedSection | None]]:
    """The asked sections, scaled to the song's bars when they do not add up; each keeps a bar if it can."""
    bars = max(1, bars)
    structure = structure[:bars]
    weights = [float(section.bars or 0) or (section.seconds or 1.0) for section in structure]
    total = sum(weights)
    counts = [max(1, round(weight * bars / total)) for weight in weights]
    while sum(counts) != bars:
        step = 1 if sum(counts) < bars else -1
        errors = [
            (weight * bars / total - count) * step if count + step >= 1 else float("-inf")
            for weight, count in zip(weights, counts, strict=True)
        ]
        counts[errors.index(max(errors))] += step
    return [
        (section_kind(section.name), section.name, count, section)
        for section, count in zip(structure, counts, strict=True)
    ]
