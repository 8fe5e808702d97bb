"""Chordal parts: strummed, struck and broken chords, held pads, slow counter-lines, and swells into louder sections."""

from __future__ import annotations

from itertools import pairwise

from services.generation.composer.bass import choose_pattern
from services.generation.composer.chord import Chord
from services.generation.composer.genres.profile import Layer
from services.generation.composer.patterns import Step, compile_pattern
from services.generation.composer.performance import Event, loudness
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT
from services.generation.composer.voicing import lead_voices

_SOFTER = {"o": 0.74, "u": 0.86, "X": 1.14}


def write_chords(plan: Plan, layer: Layer, bars: list[int]) -> list[Event]:
    """A comping layer: its pattern struck on the chords, voices led from each chord to the next."""
    events: list[Event] = []
    voicing: tuple[int, ...] | None = None
    strum = round(plan.ticks(layer.strum_ms))
    for bar in bars:
        section = plan.section_of(bar)
        energy = plan.energy_of(bar)
        pattern = compile_pattern(choose_pattern(plan, layer, section.kind, energy), plan.meter)
        start = bar * plan.meter.bar_ticks
        for step in pattern.bar(bar - section.start_bar):
            tick = start + step.tick
            if tick >= plan.final_tick:
                break
            span = plan.harmony.at(tick)
            voicing = lead_voices(span.chord, voicing, layer.low, layer.high, layer.voices, layer.style)
            end = min(tick + step.length, span.end, plan.final_tick)
            if layer.ring:
                end = min(span.end, start + plan.meter.bar_ticks, plan.final_tick)
            length = max(60, round((end - tick) * (1.0 if layer.ring else layer.gate)))
            velocity = round(
                loudness(layer.velocity, energy, step.tick, plan) * _SOFTER.get(step.symbol, 1.0),
            )
            for index, pitch in enumerate(_struck(layer, span.chord, voicing, step)):
                offset = index * strum if step.symbol != "u" else index * strum * 3 // 4
                events.append(Event(tick, length, pitch, max(1, velocity - (index % 2)), offset, pattern.swings))
            if tick + step.length > span.end and step.symbol not in "0123456789bf" and span.end < plan.final_tick:
                events.extend(_carried(plan, layer, voicing, tick + step.length, span.end, velocity, pattern.swings))
    return events


def _carried(
    plan: Plan, layer: Layer, voicing: tuple[int, ...], until: int, start: int, velocity: int, swings: bool
) -> list[Event]:
    """A held chord whose harmony changes under it is struck again, softer, on the change."""
    events = []
    while start < min(until, plan.final_tick):
        span = plan.harmony.at(start)
        end = min(until, span.end, plan.final_tick)
        voicing = lead_voices(span.chord, voicing, layer.low, layer.high, layer.voices, layer.style)
        events += [
            Event(start, max(60, round((end - start) * layer.gate)), pitch, velocity * 9 // 10, 0, swings)
            for pitch in voicing
        ]
        start = end
    return events


def _struck(layer: Layer, chord: Chord, voicing: tuple[int, ...], step: Step) -> list[int]:
    symbol = step.symbol
    if symbol.isdigit():
        index = int(symbol)
        pitch = voicing[index % len(voicing)] + 12 * (index // len(voicing))
        return [pitch if pitch <= 108 else pitch - 12]
    if symbol in "bf":
        pitch_class = chord.bass if symbol == "b" else chord.degree("5")
        top = voicing[0]
        return [top - ((top - pitch_class) % 12 or 12)]
    if symbol == "t":
        return list(voicing[1:])
    if symbol == "u":
        return list(reversed(voicing[-3:]))
    return list(voicing)


def write_pad(plan: Plan, layer: Layer, bars: list[int]) -> list[Event]:
    """Held chords; tones that two chords share sound on through the change."""
    events: list[Event] = []
    voicing: tuple[int, ...] | None = None
    held: dict[int, tuple[int, int, int]] = {}
    expected = -1
    for bar in bars:
        energy = plan.energy_of(bar)
        start = bar * plan.meter.bar_ticks
        end = min(start + plan.meter.bar_ticks, plan.final_tick)
        if start != expected:
            events += [Event(begin, stop - begin, pitch, velocity) for pitch, (begin, stop, velocity) in held.items()]
            held = {}
        expected = end
        for span in plan.harmony.within(start, end):
            voicing = lead_voices(span.chord, voicing, layer.low, layer.high, layer.voices, layer.style)
            velocity = loudness(layer.velocity, energy, plan.meter.bar_ticks - 1, plan) + 3
            for pitch in [pitch for pitch in held if pitch not in voicing or _is_old(held[pitch], span.start, plan)]:
                begin, stop, struck = held.pop(pitch)
                events.append(Event(begin, stop - begin, pitch, struck))
            for pitch in voicing:
                begin, _, struck = held.get(pitch, (span.start, 0, velocity))
                held[pitch] = (begin, span.end, struck)
    events += [Event(begin, stop - begin, pitch, velocity) for pitch, (begin, stop, velocity) in held.items()]
    return [event._replace(duration=max(60, round(event.duration * min(1.0, layer.gate + 0.06)))) for event in events]


def _is_old(held: tuple[int, int, int], now: int, plan: Plan) -> bool:
    return now - held[0] >= 4 * plan.meter.bar_ticks


def write_counter(plan: Plan, layer: Layer, bars: list[int]) -> list[Event]:
    """A slow line of guide tones: the third or seventh of each chord that lies nearest to the note before."""
    events: list[Event] = []
    last = (layer.low + layer.high) // 2
    for bar in bars:
        energy = plan.energy_of(bar)
        start = bar * plan.meter.bar_ticks
        end = min(start + plan.meter.bar_ticks, plan.final_tick)
        stream = plan.stream(layer.name, plan.section_of(bar).kind, bar)
        for span in plan.harmony.within(start, end):
            classes = {span.chord.degree("3"), span.chord.degree("7"), span.chord.degree("5")}
            options = [pitch for pitch in range(layer.low, layer.high + 1) if pitch % 12 in classes]
            if not options:
                continue
            pitch = min(options, key=lambda option: (abs(option - last) + (3 if option == last else 0), option))
            velocity = loudness(layer.velocity, energy, 0, plan) - 4
            length = span.end - span.start
            if length >= 4 * TICKS_PER_BEAT and stream.chance(45):
                events.append(Event(span.start, length * 3 // 4 - 40, pitch, velocity))
                step = _scale_step(plan, pitch, 1 if stream.chance(50) else -1)
                events.append(Event(span.start + length * 3 // 4, length // 4 - 20, step, velocity - 6))
                last = step
            else:
                events.append(Event(span.start, round(length * layer.gate), pitch, velocity))
                last = pitch
    return events


def _scale_step(plan: Plan, pitch: int, direction: int) -> int:
    return next(pitch + direction * size for size in (1, 2, 3) if (pitch + direction * size) % 12 in plan.key.scale)


def write_riser(plan: Plan, layer: Layer) -> list[Event]:
    """One long note through the last bar before every section that is much louder than the one before it."""
    events = []
    for before, after in pairwise(plan.sections):
        if after.energy_from - before.energy_from >= 0.2 and before.bars >= 2 and after.energy_from >= layer.enters:
            start = (before.end_bar - 1) * plan.meter.bar_ticks
            events.append(Event(start, plan.meter.bar_ticks - 30, layer.low, layer.velocity))
    return events


def final_chord(plan: Plan, layer: Layer, length: int) -> list[Event]:
    """The last chord of a chordal layer, rolled a little."""
    chord = plan.harmony.at(plan.final_tick).chord
    before = plan.harmony.at(max(0, plan.final_tick - 1)).chord
    previous = lead_voices(before, None, layer.low, layer.high, layer.voices, layer.style)
    voicing = lead_voices(chord, previous, layer.low, layer.high, max(3, layer.voices), layer.style)
    energy = max(0.45, plan.energy_of(max(0, plan.bars - 1)))
    roll = round(plan.ticks(max(layer.strum_ms, 14.0 if layer.ring else 0.0)))
    velocity = loudness(layer.velocity, energy, 0, plan)
    return [
        Event(plan.final_tick, length, pitch, max(1, velocity - index), index * roll)
        for index, pitch in enumerate(voicing)
    ]
