"""The tune: motifs in phrases over the chords, repeated and varied by the form.

Rhythm first (cells make bars, bars make phrases A A' B C), then pitches by dynamic programming over the scale: chord
tones on strong beats, steps between them, a contour for the phrase, the motif's own shape when it returns. Chance
only breaks ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.generation.composer.chord import Chord
from services.generation.composer.form import Section
from services.generation.composer.genres.profile import Layer, MelodyStyle
from services.generation.composer.genres.rhythms import BEAT_CELLS, CELLS, CLOSERS, COMPOUND_CELLS, SCHEMES
from services.generation.composer.performance import Event, loudness
from services.generation.composer.pitchline import Slot, solve_line
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT
from services.generation.composer.streams import Stream

_SIXTEENTH = TICKS_PER_BEAT // 4
_EXACT_PERCENT = 34
_EXACT_INSIDE_PERCENT = 55
_ENOUGH_REPETITION = 0.30
"""Share of literally repeated bars above which bars are varied instead (corpora: 0.10–0.40)."""


@dataclass(frozen=True, slots=True)
class MelodyBar:
    """A bar of melody: its rhythm as written, the pitches of its onsets, and which of them have a grace note.

    Graces belong to the bar: what is sung again is sung with them.
    """

    rhythm: str
    pitches: tuple[int, ...]
    chords: tuple[tuple[int, Chord], ...]
    label: str
    graces: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Draft:
    """A bar that is being written: `shape` is an earlier bar whose steps it follows, `fixed` one that it repeats."""

    number: int
    rhythm: str
    label: str
    shape: MelodyBar | None = None
    fixed: MelodyBar | None = None
    again: int | None = None
    """The bar of the same section, counted from its first, that the line before sang here."""


class MelodyWriter:
    """Writes one melodic layer; remembers what each kind of section sang, so that it comes back varied."""

    def __init__(self, plan: Plan, layer: Layer, style: MelodyStyle) -> None:
        self._plan = plan
        self._layer = layer
        self._style = style
        self._sung: dict[str, list[MelodyBar]] = {}
        self._last: int | None = None
        self._heard: set[tuple[str, tuple[int, ...]]] = set()
        self._bars = 0
        self._repeated = 0
        self._cells = style.cells

    def write(self, bars: Sequence[int]) -> list[Event]:
        """Melody events for the bars in which the layer sings."""
        events: list[Event] = []
        singing = set(bars)
        for section in self._plan.sections:
            own = [bar for bar in range(section.start_bar, section.end_bar) if bar in singing]
            if own:
                events.extend(self._section(section, own))
        return events

    def _section(self, section: Section, bars: list[int]) -> list[Event]:
        stream = self._plan.stream(self._layer.name, *section.place)
        self._cells = (self._style.solo_cells or self._style.cells) if section.kind == "solo" else self._style.cells
        known = self._sung.get(section.kind)
        if known is None and section.kind == "outro" and self._sung:
            known = next(iter(self._sung.values()))
        drafts = self._recall(known, bars, stream) if known and section.kind != "solo" else self._invent(bars, stream)
        written: list[MelodyBar] = []
        for first in range(0, len(drafts), 4):
            phrase = drafts[first : first + 4]
            if 0 < len(drafts) - first - 4 < 2:
                phrase = drafts[first:]
            solved = self._solve(section, phrase, written, stream.child("phrase", first))
            self._listen(solved)
            written.extend(solved)
            if len(phrase) > 4:
                break
        self._sung.setdefault(section.kind, written)
        events: list[Event] = []
        for draft, bar in zip(drafts, written, strict=True):
            events.extend(self._sound(section, draft.number, bar))
        return events

    def _listen(self, bars: Sequence[MelodyBar]) -> None:
        for bar in bars:
            if bar.pitches:
                self._bars += 1
                self._repeated += (bar.rhythm, bar.pitches) in self._heard
                self._heard.add((bar.rhythm, bar.pitches))

    def _may_repeat(self, stream: Stream, percent: int) -> bool:
        """Whether a bar may come back literally: by chance, but neither too often in a song nor too rarely."""
        share = self._repeated / max(1, self._bars)
        if share > _ENOUGH_REPETITION:
            return False
        return stream.chance(percent + 40 if share < 0.16 else percent)

    def _invent(self, bars: list[int], stream: Stream) -> list[_Draft]:
        """New material: rhythms for each label, phrase by phrase; the second phrase grows out of the first."""
        rhythms: dict[str, str] = {}
        drafts = []
        for index, number in enumerate(bars):
            scheme = stream.child("scheme", index // 4 % 2).weighted(SCHEMES)
            label = scheme[index % 4]
            if index == len(bars) - 1 and len(bars) > 1:
                label = "C"
            rhythm_stream = stream.child("rhythm", label, index // 8 if label == "C" else index // 16)
            name = f"{label}{index // 4 if label == 'C' else index // 16}"
            if name not in rhythms:
                rhythms[name] = self._rhythm(label, rhythms, rhythm_stream)
            drafts.append(_Draft(number, rhythms[name], label))
        for index, draft in enumerate(drafts):
            inside = index % 4
            if index // 4 % 3 == 1 and stream.child("again", index // 12).chance(self._style.sung_again):
                drafts[index] = replace(draft, rhythm=drafts[index - 4].rhythm, again=index - 4)
                continue
            if (
                draft.label != "C"
                and inside in (1, 2)
                and stream.child("breath", index).chance(self._style.breath // 2)
            ):
                drafts[index] = replace(draft, rhythm=self._breath(draft.rhythm))
        return drafts

    def _recall(self, known: list[MelodyBar], bars: list[int], stream: Stream) -> list[_Draft]:
        """A section that was sung before: some bars again as they were, the others varied."""
        drafts = []
        for index, number in enumerate(bars):
            before = known[index % len(known)]
            own = stream.child("recall", index)
            if before.chords == self._chords(number) and self._may_repeat(own, _EXACT_PERCENT):
                drafts.append(_Draft(number, before.rhythm, before.label, before, before))
                continue
            rhythm = before.rhythm if own.chance(45) else self._mutated(before.rhythm, own)
            drafts.append(_Draft(number, rhythm, before.label, before))
        return drafts

    def _chords(self, number: int) -> tuple[tuple[int, Chord], ...]:
        ticks = self._plan.meter.bar_ticks
        return self._plan.harmony.signature(number * ticks, (number + 1) * ticks)

    def _rhythm(self, label: str, known: dict[str, str], stream: Stream) -> str:
        if label == "C":
            return self._closer(stream)
        base = known.get(label.rstrip("'") + "0")
        if label.endswith("'") and base is not None:
            return self._mutated(base, stream)
        return "".join(self._cell(width, stream) for width in self._widths(stream))

    def _widths(self, stream: Stream) -> list[int]:
        meter = self._plan.meter
        if meter.compound:
            return [6, 6]
        widths = [8] * (meter.beats // 2) + [4] * (meter.beats % 2)
        return widths if stream.chance(60) else widths[::-1]

    def _cell(self, width: int, stream: Stream) -> str:
        family = self._cells
        if width == 8:
            return stream.weighted(CELLS[family])
        if width == 6:
            return stream.weighted(COMPOUND_CELLS.get(family, COMPOUND_CELLS["lyrical"]))
        return stream.weighted(BEAT_CELLS[family])

    def _closer(self, stream: Stream) -> str:
        steps = self._plan.meter.bar_ticks // _SIXTEENTH
        closer = stream.weighted(CLOSERS)
        if steps >= len(closer):
            return closer + "." * (steps - len(closer))
        return closer[:steps] if closer[steps - 2] != "x" else closer[: steps - 2] + ".."

    def _breath(self, rhythm: str) -> str:
        """A bar that pauses: all of it where the style is sparse, its first half elsewhere."""
        if self._style.breath >= 40:
            return "." * len(rhythm)
        half = len(rhythm) // 2
        return "." * half + rhythm[half:].replace("-", ".", 1 if rhythm[half] == "-" else 0)

    def _mutated(self, rhythm: str, stream: Stream) -> str:
        """The same bar with one note split, merged, dropped or anticipated."""
        onsets = [index for index, symbol in enumerate(rhythm) if symbol == "x"]
        if not onsets:
            return rhythm
        steps = list(rhythm)
        place = stream.choose(onsets)
        length = 1
        while place + length < len(steps) and steps[place + length] == "-":
            length += 1
        kind = stream.below(4)
        if kind == 0 and length >= 4:
            steps[place + length // 2] = "x"
        elif kind == 1 and place != onsets[0] and steps[place - 1] != ".":
            steps[place] = "-"
        elif kind == 2 and len(onsets) > 2 and place != onsets[0]:
            steps[place : place + length] = ["."] * length
        elif kind == 3 and length >= 4 and place % 4 == 0 and place + 2 < len(steps):
            steps[place : place + 2] = [".", "."] if place == onsets[0] else ["-", "-"]
            steps[place + 2] = "x"
        else:
            last = onsets[-1]
            if last + 2 < len(steps) and steps[last + 1] == "-" and steps[last + 2] in "-.":
                steps[last + 2] = "x"
        return "".join(steps)

    def _solve(
        self, section: Section, phrase: list[_Draft], earlier: list[MelodyBar], stream: Stream
    ) -> list[MelodyBar]:
        """Pitches for a phrase. Bars that share a label follow the first one's steps, or repeat it."""
        plan = self._plan
        firsts = {bar.label.rstrip("'"): bar for bar in reversed(earlier) if bar.pitches}
        pending = [self._with_model(draft, firsts, earlier, stream) for draft in phrase]
        slots = [slot for draft in pending for slot in self._slots(section, draft, phrase)]
        pitches = solve_line(plan, self._layer, self._style, slots, self._last, stream.child("line"))
        solved: list[MelodyBar] = []
        at = 0
        for draft in pending:
            count = draft.rhythm.count("x")
            own = tuple(pitches[at : at + count])
            at += count
            graces = draft.fixed.graces if draft.fixed is not None else self._graces(draft, stream)
            solved.append(MelodyBar(draft.rhythm, own, self._chords(draft.number), draft.label, graces))
        if pitches:
            self._last = pitches[-1]
        return self._echo(solved, pending, stream)

    def _graces(self, draft: _Draft, stream: Stream) -> frozenset[int]:
        """Places of a bar's onsets that get a grace note: some of those that are long enough."""
        return frozenset(
            index
            for index, symbol in enumerate(draft.rhythm)
            if symbol == "x"
            and _held(draft.rhythm, index) >= 2
            and stream.child("grace", draft.number, index).chance(self._style.ornament)
        )

    def _stands(self, bar: MelodyBar, number: int) -> bool:
        """Whether a bar of the tune can stand over this bar's chords: no strong beat a semitone above a chord tone."""
        plan = self._plan
        onsets = [index for index, symbol in enumerate(bar.rhythm) if symbol == "x"]
        for index, pitch in zip(onsets, bar.pitches, strict=True):
            tick = number * plan.meter.bar_ticks + index * _SIXTEENTH
            core = plan.harmony.at(min(tick, plan.final_tick)).chord.core
            held = plan.meter.is_strong(index * _SIXTEENTH) or _held(bar.rhythm, index) > 2
            if held and pitch % 12 not in core and (pitch - 1) % 12 in core:
                return False
        return True

    def _with_model(
        self, draft: _Draft, firsts: dict[str, MelodyBar], earlier: list[MelodyBar], stream: Stream
    ) -> _Draft:
        """The draft with the earlier bar that it follows, or repeats."""
        # A last phrase of five bars is solved at once: what its fifth would repeat is not written yet.
        if draft.again is not None and draft.again < len(earlier):
            before = earlier[draft.again]
            if self._stands(before, draft.number):
                return replace(draft, shape=before, fixed=before)
            return replace(draft, shape=before)
        model = draft.shape or firsts.get(draft.label.rstrip("'"))
        if draft.fixed is None and model is not None:
            same = model.rhythm == draft.rhythm and model.chords == self._chords(draft.number)
            if same and self._may_repeat(stream.child("exact", draft.number), _EXACT_INSIDE_PERCENT):
                draft = replace(draft, fixed=model)
        return replace(draft, shape=model) if draft.label != "C" else draft

    def _echo(self, solved: list[MelodyBar], drafts: list[_Draft], stream: Stream) -> list[MelodyBar]:
        """Inside a phrase: a bar with an earlier bar's rhythm and chords may repeat it literally."""
        for index, bar in enumerate(solved):
            if drafts[index].fixed is not None or not bar.pitches:
                continue
            for before in solved[:index]:
                same = before.rhythm == bar.rhythm and before.chords == bar.chords
                if same and self._may_repeat(stream.child("echo", index), _EXACT_INSIDE_PERCENT):
                    solved[index] = replace(bar, pitches=before.pitches, graces=before.graces)
                    break
        return solved

    def _slots(self, section: Section, draft: _Draft, phrase: list[_Draft]) -> list[Slot]:
        plan = self._plan
        start = draft.number * plan.meter.bar_ticks
        slots = []
        fixed = draft.fixed.pitches if draft.fixed is not None else None
        steps = _interval_shape(plan, draft.shape) if draft.shape is not None else ()
        closing = draft is phrase[-1] or draft.label == "C"
        onsets = [index for index, symbol in enumerate(draft.rhythm) if symbol == "x"]
        for order, index in enumerate(onsets):
            tick = start + index * _SIXTEENTH
            length = _held(draft.rhythm, index) * _SIXTEENTH
            place = (draft.number - phrase[0].number + index / len(draft.rhythm)) / max(1, len(phrase))
            slots.append(
                Slot(
                    tick=tick,
                    length=length,
                    chord=plan.harmony.at(min(tick, plan.final_tick)).chord,
                    strong=plan.meter.is_strong(tick % plan.meter.bar_ticks),
                    place=min(0.999, max(0.0, place)),
                    energy=section.energy_at(draft.number - section.start_bar),
                    step=steps[order - 1] if 0 < order <= len(steps) else None,
                    fixed=fixed[order] if fixed is not None else None,
                    closing=closing and order == len(onsets) - 1,
                )
            )
        return slots

    def _sound(self, section: Section, number: int, bar: MelodyBar) -> list[Event]:
        plan, style = self._plan, self._style
        start = number * plan.meter.bar_ticks
        energy = section.energy_at(number - section.start_bar)
        events = []
        onsets = [index for index, symbol in enumerate(bar.rhythm) if symbol == "x"]
        centre = (self._layer.low + self._layer.high) / 2.0
        for index, pitch in zip(onsets, bar.pitches, strict=True):
            tick = start + index * _SIXTEENTH
            if tick >= plan.final_tick:
                break
            length = min(_held(bar.rhythm, index) * _SIXTEENTH, plan.final_tick - tick)
            height = (pitch - centre) / max(6.0, self._layer.high - self._layer.low) * 14.0
            velocity = loudness(self._layer.velocity, energy, index * _SIXTEENTH, plan) + round(height)
            events.append(Event(tick, max(60, round(length * style.legato)), pitch, min(124, max(20, velocity))))
            if index in bar.graces and tick:
                grace = _neighbour(plan, pitch)
                events.append(Event(tick - 1, 70, grace, max(20, velocity - 16), -round(plan.ticks(55)), True))
        return events


def _held(rhythm: str, index: int) -> int:
    length = 1
    while index + length < len(rhythm) and rhythm[index + length] == "-":
        length += 1
    return length


def _interval_shape(plan: Plan, bar: MelodyBar) -> tuple[int, ...]:
    """A bar's motion in scale steps, so that a motif can move to other chords."""
    degrees = [_degree(plan, pitch) for pitch in bar.pitches]
    return tuple(after - before for before, after in pairwise(degrees))


def _degree(plan: Plan, pitch: int) -> int:
    octave, place = divmod(pitch - plan.key.tonic, 12)
    scale = [(pitch_class - plan.key.tonic) % 12 for pitch_class in plan.key.scale]
    return octave * 7 + sum(1 for step in scale if step <= place) - 1


def _neighbour(plan: Plan, pitch: int) -> int:
    """The scale tone just below, for grace notes."""
    return next(pitch - size for size in (1, 2, 3) if (pitch - size) % 12 in plan.key.scale)


def final_melody(plan: Plan, layer: Layer, last: int | None, length: int) -> list[Event]:
    """The last note: the tonic nearest to where the tune was."""
    around = last if last is not None else (layer.low + layer.high) // 2
    options = [pitch for pitch in range(layer.low, layer.high + 1) if pitch % 12 == plan.key.tonic]
    pitch = min(options, key=lambda option: (abs(option - around), option), default=around)
    energy = max(0.45, plan.energy_of(max(0, plan.bars - 1)))
    return [Event(plan.final_tick, length, pitch, loudness(layer.velocity, energy, 0, plan))]


def write_double(plan: Plan, layer: Layer, melody: Sequence[Event], bars: Sequence[int]) -> list[Event]:
    """The melody again: an octave away where the layer says so, else a third below (a sixth if that clashes)."""
    own = set(bars)
    events = []
    for event in melody:
        if event.start // plan.meter.bar_ticks not in own or event.offset:
            continue
        pitch = event.pitch + 12 * layer.octave if layer.octave else _third_below(plan, event)
        while pitch < layer.low:
            pitch += 12
        while pitch > layer.high:
            pitch -= 12
        events.append(event._replace(pitch=pitch, velocity=max(1, min(127, event.velocity * layer.velocity // 90))))
    return events


def _third_below(plan: Plan, event: Event) -> int:
    chord = plan.harmony.at(event.start).chord
    if event.duration >= TICKS_PER_BEAT // 2 or plan.meter.is_strong(event.start % plan.meter.bar_ticks):
        for size in (3, 4, 5, 8, 9):
            if (event.pitch - size) % 12 in chord.core:
                return event.pitch - size
    return next(event.pitch - size for size in (3, 4, 5) if (event.pitch - size) % 12 in plan.key.scale)
