"""The drummer: grooves by energy, small variations, fills at section ends, crashes, builds, and a last hit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.generation.composer.drummer import play
from services.generation.composer.form import Section
from services.generation.composer.genres.profile import DRUM_PITCHES, Drums, Groove
from services.generation.composer.patterns import compile_pattern
from services.generation.composer.performance import Event
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT, Note
from services.generation.composer.streams import Stream

_LEVELS = {"X": 116, "x": 98, "o": 74, "g": 44, "?": 62}
_CYMBALS = frozenset({"crash", "ride", "china", "splash", "bell"})
_KEPT_IN_FILLS = frozenset({"kick", "shaker", "tambourine", "conga", "conga_low", "bongo", "clap", "cabasa", "maracas"})
_NOW_AND_THEN_PERCENT = 38
_LENGTH = TICKS_PER_BEAT // 4
_RING = 2 * TICKS_PER_BEAT


def write_drums(plan: Plan, drums: Drums, extra: Mapping[str, str], silent: frozenset[int]) -> list[Note]:
    """Every drum note of the song. `extra` adds lanes that were asked for; `silent` are bars without drums."""
    events: list[tuple[str, Event]] = []
    previous: Section | None = None
    for section in plan.sections:
        stream = plan.stream("drums", section.kind)
        grooves = _choose_grooves(drums, stream)
        for bar in range(section.start_bar, section.end_bar):
            energy = plan.energy_of(bar)
            if bar in silent or energy < drums.enters or section.kind in drums.skip:
                continue
            groove = grooves(energy)
            last = bar == section.end_bar - 1
            middle = (bar - section.start_bar) % 8 == 7 or (section.bars <= 4 and last)
            fill = _choose_fill(plan, drums, section, bar) if last or middle else None
            hits = _bar_of_groove(plan, groove, extra, section, bar, energy, fill)
            if section.kind == "build" and last:
                # The floor falls away for a bar, so that the drop can land.
                hits = [(lane, hit) for lane, hit in hits if lane not in {"kick", "tom5"}]
            events.extend(hits)
            if fill is not None:
                events.extend(_bar_of_fill(plan, fill, bar, energy))
            if bar == section.start_bar and _deserves_crash(previous, section, drums, plan):
                events.append((drums.crash, _hit(plan, drums.crash, bar * plan.meter.bar_ticks, "x", energy)))
        if section.kind == "build":
            events.extend(_build_roll(plan, section, silent))
        previous = section
    events.extend(_last_hit(plan, drums, silent))
    return play(plan, drums, events)


def _choose_grooves(drums: Drums, stream: Stream) -> Callable[[float], Groove]:
    """A chooser that keeps to one groove per energy band within a kind of section."""
    order = stream.shuffled(range(len(drums.grooves)))

    def choose(energy: float) -> Groove:
        for index in order:
            if drums.grooves[index].low <= energy <= drums.grooves[index].high:
                return drums.grooves[index]
        return min(drums.grooves, key=lambda groove: min(abs(groove.low - energy), abs(groove.high - energy)))

    return choose


def _choose_fill(plan: Plan, drums: Drums, section: Section, bar: int) -> Mapping[str, str] | None:
    stream = plan.stream("fill", *section.place, bar - section.start_bar)
    at_end = bar == section.end_bar - 1
    if not drums.fills or section.kind == "build" or not stream.chance(100 if at_end else 45):
        return None
    fitting = [fill for fill in drums.fills if len(next(iter(fill.values()))) <= 4 * plan.meter.beats]
    if not at_end or section.bars < 4:
        shortest = min((len(next(iter(fill.values()))) for fill in fitting), default=0)
        fitting = [fill for fill in fitting if len(next(iter(fill.values()))) <= max(8, shortest)] or fitting
    return stream.choose(fitting) if fitting else None


def _bar_of_groove(
    plan: Plan,
    groove: Groove,
    extra: Mapping[str, str],
    section: Section,
    bar: int,
    energy: float,
    fill: Mapping[str, str] | None,
) -> list[tuple[str, Event]]:
    start = bar * plan.meter.bar_ticks
    number = bar - section.start_bar
    stream = plan.stream("groove", *section.place, number)
    fill_from = plan.meter.bar_ticks
    if fill is not None:
        fill_from -= len(next(iter(fill.values()))) * TICKS_PER_BEAT // 4
    found = []
    for lane, text in (*groove.lanes.items(), *extra.items()):
        pattern = compile_pattern(text, plan.meter)
        for step in pattern.bar(number):
            if step.symbol == "?" and not stream.chance(_NOW_AND_THEN_PERCENT):
                continue
            if step.tick >= fill_from and lane not in _KEPT_IN_FILLS:
                continue
            found.append((lane, _hit(plan, lane, start + step.tick, step.symbol, energy, swings=pattern.swings)))
    if fill is None and number % 4 == 3:
        found.extend(_ornament(plan, groove, start, energy, stream))
    return found


def _ornament(plan: Plan, groove: Groove, start: int, energy: float, stream: Stream) -> list[tuple[str, Event]]:
    """Every fourth bar a drummer answers: an opened hat, a ghost note or a second kick before the next bar."""
    sixteenth = TICKS_PER_BEAT // 4
    end = start + plan.meter.bar_ticks
    choices = []
    if "hat" in groove.lanes:
        choices.append(("open", end - 2 * sixteenth, "o"))
    if "snare" in groove.lanes:
        choices.append(("snare", end - sixteenth, "g"))
    if "kick" in groove.lanes:
        choices.append(("kick", end - 2 * sixteenth, "o"))
    if not choices or plan.meter.compound:
        return []
    lane, tick, symbol = stream.choose(choices)
    return [(lane, _hit(plan, lane, tick, symbol, energy))]


def _bar_of_fill(plan: Plan, fill: Mapping[str, str], bar: int, energy: float) -> list[tuple[str, Event]]:
    length = len(next(iter(fill.values())))
    sixteenth = TICKS_PER_BEAT // 4
    start = (bar + 1) * plan.meter.bar_ticks - length * sixteenth
    found = []
    for lane, text in fill.items():
        for index, symbol in enumerate(text):
            if symbol in _LEVELS:
                found.append((lane, _hit(plan, lane, start + index * sixteenth, symbol, energy + 0.1 * index / length)))
    return found


def _deserves_crash(previous: Section | None, section: Section, drums: Drums, plan: Plan) -> bool:
    if not drums.crash or section.energy_from < 0.5:
        return False
    if previous is None:
        return section.energy_from > 0.75
    return section.energy_from > previous.energy_to or plan.stream("crash", section.start_bar).chance(60)


def _build_roll(plan: Plan, section: Section, silent: frozenset[int]) -> list[tuple[str, Event]]:
    """A snare roll that doubles its speed towards the drop and swells."""
    found = []
    bars = [bar for bar in range(section.start_bar, section.end_bar) if bar not in silent]
    total = max(1, len(bars) * plan.meter.bar_ticks)
    for position, bar in enumerate(bars):
        left = len(bars) - position
        step = TICKS_PER_BEAT if left > len(bars) * 3 // 4 else TICKS_PER_BEAT // 2
        if left <= max(1, len(bars) // 4):
            step = TICKS_PER_BEAT // 4
        for tick in range(0, plan.meter.bar_ticks, step):
            done = (position * plan.meter.bar_ticks + tick) / total
            velocity = round(38 + 70 * done)
            found.append(("snare", Event(bar * plan.meter.bar_ticks + tick, _LENGTH, DRUM_PITCHES["snare"], velocity)))
    return found


def _last_hit(plan: Plan, drums: Drums, silent: frozenset[int]) -> list[tuple[str, Event]]:
    last = max(0, plan.bars - 1)
    if last in silent or plan.energy_of(last) < drums.enters or plan.section_of(last).kind in drums.skip:
        return []
    energy = max(0.55, plan.energy_of(max(0, plan.bars - 1)))
    lanes = ["kick", drums.crash or "ride"]
    return [(lane, _hit(plan, lane, plan.final_tick, "x", energy)) for lane in lanes]


def _hit(plan: Plan, lane: str, tick: int, symbol: str, energy: float, *, swings: bool = True) -> Event:
    level = _LEVELS[symbol] * (0.72 + 0.30 * min(1.0, energy))
    length = _RING if lane in _CYMBALS else _LENGTH
    return Event(tick, length, DRUM_PITCHES[lane], min(127, max(1, round(level))), 0, swings)
