"""From the straight grid to played notes: swing, lag, human timing and touch, ritardando, and tidy note ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.generation.composer.genres.profile import Swing
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT, Note
from services.generation.composer.streams import Stream

_SHORTEST_TICKS = 40
_DRIFT = 0.7  # how much of a player's timing error carries over to the next note


class Event(NamedTuple):
    """A note on the straight grid. `offset` is a deliberate shift in ticks (strums); `swings`: swing moves it."""

    start: int
    duration: int
    pitch: int
    velocity: int
    offset: int = 0
    swings: bool = True


@dataclass(frozen=True, slots=True)
class Touch:
    """How a part is played: spread of timing (ms) and velocity, and how far behind the beat."""

    timing_ms: float
    velocity_sd: float
    late_ms: float = 0.0


def perform(
    plan: Plan, events: Sequence[Event], touch: Touch, stream: Stream, *, monophonic: bool = False
) -> list[Note]:
    """Turn grid events into notes of the score. Notes that start together share their timing error."""
    timing = plan.ticks(touch.timing_ms)
    late = plan.ticks(touch.late_ms)
    swing = plan.genre.swing
    drift = 0.0
    error = 0.0
    last_start = -1
    played: list[tuple[int, int, int, int]] = []
    for event in sorted(events):
        if event.start != last_start:
            last_start = event.start
            drift = _DRIFT * drift + stream.normal(timing * 0.6)
            error = late + drift + stream.normal(timing * 0.55) if event.start else 0.0
        start, end = event.start, event.start + event.duration
        if event.swings:
            start, end = swung(start, swing), swung(end, swing)
        start = _slowed(plan, start) + event.offset + round(error)
        end = _slowed(plan, end) + round(error * 0.5)
        velocity = event.velocity + round(stream.normal(touch.velocity_sd))
        played.append((max(0, start), end, event.pitch, min(127, max(1, velocity))))
    return tidy(played, plan.end_tick, monophonic=monophonic)


def swung(tick: int, swing: Swing) -> int:
    """Where a grid time falls when the second of each pair of short notes comes late."""
    if swing.ratio <= 0.5:
        return tick
    pair = 2 * swing.unit_ticks
    whole, place = tick - tick % pair, tick % pair
    if place <= swing.unit_ticks:
        return whole + round(place * 2.0 * swing.ratio)
    return whole + round(pair * swing.ratio + (place - swing.unit_ticks) * 2.0 * (1.0 - swing.ratio))


def _slowed(plan: Plan, tick: int) -> int:
    """The last bar before the final chord broadens; everything from the chord on is shifted whole."""
    if not plan.ritardando_ticks:
        return tick
    begin = plan.final_tick - plan.meter.bar_ticks
    if tick <= begin:
        return tick
    place = min(1.0, (tick - begin) / plan.meter.bar_ticks)
    return tick + round(plan.ritardando_ticks * place * place)


def tidy(played: Iterable[tuple[int, int, int, int]], end_tick: int, *, monophonic: bool) -> list[Note]:
    """Notes in order, inside the song, without two of the same pitch at once (one voice at a time when monophonic)."""
    notes: list[list[int]] = []
    sounding: dict[int, list[int]] = {}
    for start, end, pitch, velocity in sorted(played):
        if start >= end_tick - _SHORTEST_TICKS or not 0 <= pitch <= 127:
            continue
        note = [start, min(max(end, start + _SHORTEST_TICKS), end_tick), pitch, velocity]
        before = sounding.get(0 if monophonic else pitch)
        if before is not None and before[1] > start:
            if before[0] >= start - _SHORTEST_TICKS // 2:
                if monophonic and pitch <= before[2]:
                    continue
                before[1] = before[0]
            else:
                before[1] = start
        sounding[0 if monophonic else pitch] = note
        notes.append(note)
    return [
        Note(start / TICKS_PER_BEAT, (end - start) / TICKS_PER_BEAT, pitch, velocity)
        for start, end, pitch, velocity in sorted(notes, key=lambda note: (note[0], note[2]))
        if end > start
    ]


def loudness(base: int, energy: float, tick_in_bar: int, plan: Plan) -> int:
    """Velocity of a note from its layer's base, the section's energy and its place in the bar."""
    scaled = base * (0.78 + 0.30 * energy)
    if tick_in_bar == 0:
        scaled += 5.0
    elif plan.meter.is_strong(tick_in_bar):
        scaled += 2.0
    elif tick_in_bar % TICKS_PER_BEAT:
        scaled -= 3.0
    return min(127, max(1, round(scaled)))
