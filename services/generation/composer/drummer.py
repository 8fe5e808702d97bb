"""From a drum part on the grid to one that somebody plays, or that a machine does.

Machines (genres whose timing is tight) keep the grid with a trace of looseness. A drummer plays as people do in
Groove MIDI: with the accents of the style, ahead of or behind the beat by limb and place, drifting as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.generation.composer.genres.profile import Drums
from services.generation.composer.learned.groove import learned_groove
from services.generation.composer.performance import Event, Touch, perform
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT, Note

Struck = tuple[str, Event]

# Looser than this is played by hand.
_BY_HAND_MS: Final = 3.9
_TYPICAL_MS: Final = 8.0
_TIGHTEST_MS: Final = 7.2
# People in the data set play alone with a click; a drummer in a band, in a take that is kept, is tighter and more even.
_TIMING: Final = 0.55
_TOUCH: Final = 0.62
_ACCENT: Final = 0.6
_WIDEST_MS: Final = 45.0
_KEEPING_TIME: Final = frozenset({"hat", "shaker", "ride", "cabasa", "maracas"})


def play(plan: Plan, drums: Drums, struck: Sequence[Struck]) -> list[Note]:
    """Every stroke as a note of the score."""
    struck = [(lane, event) for lane, event in struck if event.start <= plan.final_tick]
    by_hand = drums.timing_ms > _BY_HAND_MS
    struck = _felt(plan, drums, struck) if by_hand else [_even(plan, lane, event) for lane, event in struck]
    notes: list[Note] = []
    for lane in sorted({lane for lane, _ in struck}):
        own = [event for name, event in struck if name == lane]
        touch = Touch(0.0, 0.0) if by_hand else Touch(drums.timing_ms, drums.velocity_sd, drums.late_ms.get(lane, 0.0))
        notes.extend(perform(plan, own, touch, plan.stream("touch", lane)))
    return sorted(notes, key=lambda note: (note.start_beats, note.pitch))


def _even(plan: Plan, lane: str, event: Event) -> Struck:
    """A machine's accents: hats between the beats are softer."""
    softer = event.start % plan.meter.bar_ticks % TICKS_PER_BEAT and lane in _KEEPING_TIME
    return lane, event._replace(velocity=max(1, round(event.velocity * 0.86))) if softer else event


def _felt(plan: Plan, drums: Drums, struck: Sequence[Struck]) -> list[Struck]:
    """The strokes with a drummer's timing and touch."""
    groove = learned_groove()
    looseness = _TIMING * max(_TIGHTEST_MS, drums.timing_ms) / _TYPICAL_MS
    errors = plan.stream("drummer")
    drift = 0.0
    last = -1
    felt = []
    for lane, event in sorted(struck, key=lambda stroke: (stroke[1].start, stroke[0])):
        if event.start != last:
            drift = groove.drift * drift + groove.fresh * errors.normal(1.0)
            last = event.start
        limb = plan.stream("limb", lane, event.start)
        step = event.start % plan.meter.bar_ticks * 4 // TICKS_PER_BEAT
        stroke = groove.stroke(drums.feel, lane, step)
        error_ms = stroke.offset_sd_ms * (groove.common * drift + groove.own * limb.normal(1.0))
        late_ms = drums.late_ms.get(lane, 0.0) + looseness * (stroke.offset_ms + error_ms)
        late_ms = min(_WIDEST_MS, max(-_WIDEST_MS, late_ms))
        velocity = event.velocity + _ACCENT * stroke.accent + _TOUCH * limb.normal(stroke.accent_sd)
        offset = round(plan.ticks(late_ms)) if event.start else 0
        felt.append((lane, event._replace(velocity=min(127, max(1, round(velocity))), offset=event.offset + offset)))
    return felt
