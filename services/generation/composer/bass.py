"""The bass player: patterns over the roots, approach notes into the next chord, walking lines."""

from __future__ import annotations

from services.generation.composer.chord import Chord
from services.generation.composer.genres.profile import Layer
from services.generation.composer.patterns import compile_pattern
from services.generation.composer.performance import Event, loudness
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT
from services.generation.composer.streams import Stream


def write_bass(plan: Plan, layer: Layer, bars: list[int]) -> list[Event]:
    """Bass events for the bars in which the layer plays, and its final root."""
    events: list[Event] = []
    root = _nearest((layer.low * 2 + layer.high) // 3, plan.key.tonic, layer)
    walker = _Walker(plan, layer)
    for bar in bars:
        section = plan.section_of(bar)
        energy = plan.energy_of(bar)
        text = choose_pattern(plan, layer, section.kind, energy)
        stream = plan.stream(layer.name, *section.place, bar - section.start_bar)
        start = bar * plan.meter.bar_ticks
        if text == "w":
            events.extend(walker.bar(bar, energy, stream))
            continue
        pattern = compile_pattern(text, plan.meter)
        for step in pattern.bar(bar - section.start_bar):
            tick = start + step.tick
            length = step.length
            while length > 0 and tick < plan.final_tick:
                span = plan.harmony.at(tick)
                part = min(length, span.end - tick, plan.final_tick - tick)
                root = _nearest(root, span.chord.bass, layer)
                symbol = step.symbol if tick == start + step.tick else "1"
                pitch = _pitch(plan, layer, span.chord, root, symbol, tick, stream)
                velocity = loudness(layer.velocity, energy, tick % plan.meter.bar_ticks, plan)
                if symbol == "g":
                    velocity, part = velocity * 11 // 20, min(part, TICKS_PER_BEAT // 6)
                events.append(Event(tick, max(60, round(part * layer.gate)), pitch, velocity, 0, pattern.swings))
                tick, length = tick + part, length - part
    return events


def final_bass(plan: Plan, layer: Layer, length: int) -> list[Event]:
    """The root under the final chord."""
    chord = plan.harmony.at(plan.final_tick).chord
    pitch = _nearest((layer.low * 2 + layer.high) // 3, chord.root, layer)
    energy = plan.energy_of(max(0, plan.bars - 1))
    return [Event(plan.final_tick, length, pitch, loudness(layer.velocity, max(0.45, energy), 0, plan))]


def choose_pattern(plan: Plan, layer: Layer, kind: str, energy: float) -> str:
    """The layer's pattern for a section: its level by energy, one alternative per kind of section by chance."""
    low = layer.enters
    span = max(0.05, min(1.0, layer.leaves) - low)
    place = min(0.999, max(0.0, (energy - low) / span))
    level = layer.patterns[int(place * len(layer.patterns))]
    return plan.stream(layer.name, "pattern", kind).choose(level)


def _nearest(around: int, pitch_class: int, layer: Layer) -> int:
    """The pitch of this class inside the layer's range that lies nearest; the lower one when in doubt."""
    lowest = layer.low + (pitch_class - layer.low) % 12
    options = range(lowest, layer.high + 1, 12)
    return min(options, key=lambda pitch: (abs(pitch - around), pitch)) if options else lowest


def _pitch(plan: Plan, layer: Layer, chord: Chord, root: int, symbol: str, tick: int, stream: Stream) -> int:
    if symbol == "8":
        return root + 12
    if symbol in "357":
        pitch = root + (chord.degree(symbol) - root) % 12
        return pitch if pitch <= layer.high + 3 else pitch - 12
    if symbol == "a":
        target = _nearest(root, plan.harmony.after(tick).chord.bass, layer)
        if target == root:
            fifth = root + (chord.degree("5") - root) % 12
            return fifth if fifth <= layer.high + 3 else fifth - 12
        return _approach(plan, target, root, stream)
    return root


def _approach(plan: Plan, target: int, origin: int, stream: Stream) -> int:
    """A step into the target, from the side that the line comes from: in the scale mostly, chromatic now and then."""
    side = 1 if origin > target else -1
    if stream.chance(30):
        return target + side
    scale = plan.key.scale
    return next(target + side * size for size in (1, 2, 3) if (target + side * size) % 12 in scale)


class _Walker:
    """A walking line: root on the chord's first beat, chord and scale tones between, a step into the next root."""

    def __init__(self, plan: Plan, layer: Layer) -> None:
        self._plan = plan
        self._layer = layer
        self._last = (layer.low + layer.high) // 2
        self._direction = 1

    def bar(self, bar: int, energy: float, stream: Stream) -> list[Event]:
        """One bar of quarter notes, with a skipped eighth now and then."""
        plan, layer = self._plan, self._layer
        events = []
        for beat in range(plan.meter.beats):
            tick = bar * plan.meter.bar_ticks + beat * TICKS_PER_BEAT
            if tick >= plan.final_tick:
                break
            pitch = self._next(tick, stream)
            velocity = loudness(layer.velocity, energy, beat * TICKS_PER_BEAT, plan)
            events.append(Event(tick, round(TICKS_PER_BEAT * layer.gate), pitch, velocity))
            if stream.chance(9):
                skip = Event(tick + TICKS_PER_BEAT // 2, TICKS_PER_BEAT // 3, pitch, velocity * 3 // 4)
                events[-1] = events[-1]._replace(duration=TICKS_PER_BEAT // 3)
                events.append(skip)
            self._last = pitch
        return events

    def _next(self, tick: int, stream: Stream) -> int:
        plan, layer = self._plan, self._layer
        span = plan.harmony.at(tick)
        if tick == span.start or (tick - span.start) % (2 * plan.meter.bar_ticks) == 0:
            pitch = _nearest(self._last, span.chord.bass, layer)
            if pitch == self._last and stream.chance(40):
                other = pitch - 12 if pitch - 12 >= layer.low else pitch + 12
                pitch = other if other <= layer.high else pitch
            return pitch
        following = plan.harmony.after(tick)
        if tick + TICKS_PER_BEAT >= span.end and following.chord != span.chord:
            target = _nearest(self._last, following.chord.bass, layer)
            return _approach(plan, target, self._last if self._last != target else target + self._direction, stream)
        if self._last > layer.high - 4:
            self._direction = -1
        elif self._last < layer.low + 4:
            self._direction = 1
        elif stream.chance(25):
            self._direction = -self._direction
        return self._step(span.chord, tick, stream)

    def _step(self, chord: Chord, tick: int, stream: Stream) -> int:
        strong = self._plan.meter.is_strong(tick % self._plan.meter.bar_ticks)
        wanted = chord.core if strong or stream.chance(55) else frozenset(self._plan.key.scale) | chord.core
        for size in range(1, 8):
            pitch = self._last + self._direction * size
            if pitch % 12 in wanted and self._layer.low <= pitch <= self._layer.high:
                return pitch
        self._direction = -self._direction
        for size in range(1, 8):
            pitch = self._last + self._direction * size
            if pitch % 12 in wanted and self._layer.low <= pitch <= self._layer.high:
                return pitch
        return _nearest(self._last, chord.root, self._layer)
