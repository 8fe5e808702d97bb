"""Pitches for a melodic line: the cheapest path through the scale, by dynamic programming (Viterbi).

Costs are integers. What a motion costs by itself, and a pitch over its chord and in its key, is learned from human
melodies (`learned.melody`); on top stand the song's own wishes: a contour, the shape of the motif, rest at the end of a
phrase, dissonance where the style wants it and none that rubs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.generation.composer.chord import Chord
from services.generation.composer.genres.profile import Layer, MelodyStyle
from services.generation.composer.learned.melody import (
    DOWNBEAT,
    OFF_BEAT,
    ON_BEAT,
    WIDEST,
    came_by,
    learned_melody,
    third_of,
)
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT
from services.generation.composer.streams import Stream

_CALIBRATION = (0, -6, -3, -4, -5, -6, -15, -8, -12, -12, 7, 7, 7)
"""Added to a motion of 0…12 semitones, so that lines as a whole move like the corpus: a cheapest path takes what is
likeliest (a repeated note) far more often than people do."""

_LEANING_BONUS = -46
"""What a dissonance gains where one is wanted."""

_BEAM = 12
"""How many of the cheapest pitches a line may come from; dearer ones practically never win."""

_WIDEST = 9
_UNKNOWN = 99
"""The motion into a line's first note."""

_CONTOURS: tuple[tuple[float, ...], ...] = (
    (-0.5, 0.3, 1.0, 0.6, -0.4),
    (0.6, 0.9, 0.3, -0.2, -0.7),
    (-0.7, -0.2, 0.3, 0.8, 0.2),
    (0.3, -0.5, 0.4, 0.8, -0.3),
    (0.0, 0.7, -0.2, 0.5, -0.5),
)
"""Arch, descent, rise, dip and wave: height at five places of a phrase, −1…1."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One note to be found: when, how long, over which chord, how strong.

    `place` is its position in the phrase (0–1), `step` the motif's motion into it in scale steps, `fixed` a pitch
    that it must take, `closing` whether the phrase comes to rest on it.
    """

    tick: int
    length: int
    chord: Chord
    strong: bool
    place: float
    energy: float
    step: int | None
    fixed: int | None
    closing: bool

    @property
    def may_lean(self) -> bool:
        """Whether a dissonance may stand here: on a strong beat that is neither long nor an end."""
        return self.strong and not self.closing and self.length <= 2 * TICKS_PER_BEAT and self.fixed is None


def solve_line(
    plan: Plan, layer: Layer, style: MelodyStyle, slots: Sequence[Slot], previous: int | None, stream: Stream
) -> list[int]:
    """One pitch per slot."""
    if not slots:
        return []
    solver = _Solver(plan, layer, style, stream)
    return solver.solve(slots, previous)


class _Solver:
    def __init__(self, plan: Plan, layer: Layer, style: MelodyStyle, stream: Stream) -> None:
        self._plan = plan
        self._layer = layer
        self._style = style
        self._stream = stream
        self._contour = stream.choose(_CONTOURS)
        self._scale = frozenset(plan.key.scale)
        order = [(pitch_class - plan.key.tonic) % 12 for pitch_class in plan.key.scale]
        self._degrees = {
            pitch: (pitch - plan.key.tonic) // 12 * 7
            + sum(1 for step in order if step <= (pitch - plan.key.tonic) % 12)
            for pitch in range(layer.low - 1, layer.high + 2)
        }
        self._local: dict[tuple[Chord, int, bool, bool], list[tuple[int, int]]] = {}
        self._learned = learned_melody()
        self._leap_percent = 130 - style.leaps
        self._minor = int((plan.key.tonic + 3) % 12 in self._scale)

    def solve(self, slots: Sequence[Slot], previous: int | None) -> list[int]:
        paths: list[dict[int, tuple[int, int, int]]] = []
        before: dict[int, tuple[int, int, int]] = {} if previous is None else {previous: (0, previous, _UNKNOWN)}
        end_of_last = slots[0].tick
        unresolved: frozenset[int] = frozenset()
        for number, slot in enumerate(slots):
            target = self._target(slot)
            rested = slot.tick - end_of_last >= TICKS_PER_BEAT
            leaning = slot.may_lean and 0 < number < len(slots) - 1 and self._stream.chance(self._style.leaning)
            core = slot.chord.core
            place = self._place(slot)
            here: dict[int, tuple[int, int, int]] = {}
            for pitch, cost in self._options(slot):
                local = cost + int(abs(pitch - target) * 2.3) + self._stream.below(15)
                if leaning:
                    local += self._leaning_cost(pitch % 12, slot)
                here[pitch] = self._best(slot, place, pitch, local, before, rested, unresolved)
            paths.append(here)
            before = dict(sorted(here.items(), key=lambda item: (item[1][0], item[0]))[:_BEAM])
            end_of_last = slot.tick + slot.length
            unresolved = frozenset(pitch for pitch in here if pitch % 12 not in core) if slot.strong else frozenset()
        pitch = min(before, key=lambda option: (before[option][0], option))
        line = []
        for here in reversed(paths):
            line.append(pitch)
            pitch = here[pitch][1]
        return line[::-1]

    def _leaning_cost(self, pitch_class: int, slot: Slot) -> int:
        """What a pitch costs where a dissonance is wanted; minor ninths are not the wanted kind."""
        if pitch_class in slot.chord.core:
            return 12
        if pitch_class in slot.chord.pitch_classes:
            return -16
        return 6 if slot.length >= TICKS_PER_BEAT and (pitch_class - 1) % 12 in slot.chord.core else _LEANING_BONUS

    def _best(
        self,
        slot: Slot,
        place: int,
        pitch: int,
        local: int,
        before: dict[int, tuple[int, int, int]],
        rested: bool,
        unresolved: frozenset[int],
    ) -> tuple[int, int, int]:
        """Cheapest way here: (cost, pitch before, interval)."""
        best: tuple[int, int, int] | None = None
        tone = pitch % 12 in slot.chord.core
        degrees, leaving, motion = self._degrees, self._learned.leaving, self._learned.motion
        for origin, (spent, _, came) in before.items():
            interval = pitch - origin
            size = abs(interval)
            cost = spent + local
            if size > _WIDEST and not (size == 12 and self._style.leaps >= 40):
                cost += 400 + size
            else:
                strange = origin in unresolved
                move = motion[came_by(came, came != _UNKNOWN, rested)][place][interval + WIDEST]
                move += leaving[strange][interval + WIDEST]
                cost += (move if size <= 2 else move * self._leap_percent // 100) + _CALIBRATION[size]
                if strange and not 0 < size <= 2:
                    cost += 30
            if size > 2 and not tone:
                cost += 14
            if slot.step is not None and origin in degrees:
                cost += 5 * min(6, abs(degrees[pitch] - degrees[origin] - slot.step))
            if best is None or cost < best[0]:
                best = (cost, origin, interval)
        return best if best is not None else (local, pitch, _UNKNOWN)

    def _place(self, slot: Slot) -> int:
        """Where in the bar, as the learned tables count."""
        tick = slot.tick % self._plan.meter.bar_ticks
        return DOWNBEAT if tick == 0 else ON_BEAT if tick % TICKS_PER_BEAT == 0 else OFF_BEAT

    def _options(self, slot: Slot) -> list[tuple[int, int]]:
        if slot.fixed is not None:
            return [(slot.fixed, 0)]
        key = (slot.chord, self._place(slot), slot.length >= TICKS_PER_BEAT, slot.closing)
        known = self._local.get(key)
        if known is None:
            known = self._local[key] = [
                (pitch, cost)
                for pitch in range(self._layer.low, self._layer.high + 1)
                if (cost := self._local_cost(pitch % 12, *key, slot.strong)) is not None
            ]
        return known

    def _local_cost(
        self, pitch_class: int, chord: Chord, place: int, long: bool, closing: bool, strong: bool
    ) -> int | None:
        core, colour = chord.core, chord.pitch_classes
        in_scale = pitch_class in self._scale
        if not in_scale and pitch_class not in core:
            return None
        learned = self._learned
        cost = learned.tone[third_of(chord)][place][long][(pitch_class - chord.root) % 12]
        if pitch_class in colour:
            # Art songs have plainer chords than these: a seventh or ninth that is part of the chord is at home in it.
            cost = min(cost, 6)
        if in_scale:
            cost += learned.degree[self._minor][(pitch_class - self._plan.key.tonic) % 12] // 3
        if pitch_class in core:
            cost += 0 if in_scale else 26
            if closing and pitch_class not in {chord.root, chord.degree("3"), chord.degree("5")}:
                cost += 8
            if long and (pitch_class - 1) % 12 in colour:
                cost += 18  # a minor ninth over the seventh or the ninth of the chord
            return cost
        if strong:
            cost += 6 if pitch_class in colour else 12
        if closing:
            cost += 26
        if (pitch_class - 1) % 12 in core and (strong or long):
            cost += 22
        if (pitch_class - 1) % 12 in core - self._scale or (pitch_class + 1) % 12 in core - self._scale:
            cost += 30
        degree = (pitch_class - self._plan.key.tonic) % 12
        if degree in {1, 5, 6, 8, 11} and self._style.pentatonic:
            cost += self._style.pentatonic // 4
        return cost

    def _target(self, slot: Slot) -> float:
        """Where the contour wants the line to be; louder sections lie higher."""
        layer = self._layer
        width = layer.high - layer.low
        centre = layer.low + width * (0.34 + 0.24 * slot.energy)
        position = slot.place * (len(self._contour) - 1)
        index = int(position)
        left, right = self._contour[index], self._contour[min(index + 1, len(self._contour) - 1)]
        return centre + (left + (right - left) * (position - index)) * width * 0.32
