"""Harmony: the chord at every moment of the song, from the genre's progressions, turnarounds and cadences."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.generation.composer.chord import Chord, parse_chord
from services.generation.composer.form import Section
from services.generation.composer.genres.modal import MODAL_HARMONY
from services.generation.composer.genres.profile import Genre, Harmony
from services.generation.composer.patterns import Meter
from services.generation.composer.pitch import Key
from services.generation.composer.score import TICKS_PER_BEAT
from services.generation.composer.streams import Stream


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord from `start` to `end` (ticks)."""

    start: int
    end: int
    chord: Chord


class ChordTimeline:
    """Every chord of the song in order; the last one is the final chord and lasts to the end."""

    def __init__(self, spans: Sequence[ChordSpan]) -> None:
        self.spans = tuple(spans)
        self._starts = [span.start for span in spans]

    def at(self, tick: int) -> ChordSpan:
        """The chord that sounds at a tick."""
        return self.spans[max(0, bisect_right(self._starts, tick) - 1)]

    def after(self, tick: int) -> ChordSpan:
        """The chord that follows the one at a tick; the last one follows itself."""
        return self.spans[min(bisect_right(self._starts, tick), len(self.spans) - 1)]

    def within(self, start: int, end: int) -> tuple[ChordSpan, ...]:
        """The chords of a stretch, cut to it."""
        index = max(0, bisect_right(self._starts, start) - 1)
        found = []
        while index < len(self.spans) and self.spans[index].start < end:
            span = self.spans[index]
            found.append(ChordSpan(max(start, span.start), min(end, span.end), span.chord))
            index += 1
        return tuple(found)

    def signature(self, start: int, end: int) -> tuple[tuple[int, Chord], ...]:
        """What is played in a stretch, comparable between stretches."""
        return tuple((span.start - start, span.chord) for span in self.within(start, end))


def harmony_for(genre: Genre, key: Key) -> Harmony:
    """The genre's progressions for a mode; borrowed from the mode itself where the genre has none."""
    own = genre.harmony.get(key.mode)
    if own is not None:
        return own
    if key.mode in MODAL_HARMONY:
        return MODAL_HARMONY[key.mode]
    return next(iter(genre.harmony.values()))


def plan_harmony(
    genre: Genre,
    key: Key,
    sections: Sequence[Section],
    meter: Meter,
    final_tick: int,
    end_tick: int,
    stream: Stream,
) -> ChordTimeline:
    """Lay progressions under the sections; turn around between them, close with a cadence and the final chord."""
    harmony = harmony_for(genre, key)
    chosen = {
        "verse": _bars(stream.child("verse").choose(harmony.verse), genre.harmonic_rhythm),
        "chorus": _bars(stream.child("chorus").choose(harmony.chorus), genre.harmonic_rhythm),
        "bridge": _bars(stream.child("bridge").choose(harmony.bridge), genre.harmonic_rhythm),
    }
    written: list[list[str]] = []
    for index, section in enumerate(sections):
        progression = chosen[section.harmony]
        bars = [progression[bar % len(progression)] for bar in range(section.bars)]
        following = sections[index + 1] if index + 1 < len(sections) else None
        leads = following is not None and following.harmony != section.harmony
        if leads and harmony.turnarounds and section.bars >= 4 and stream.child("turn", section.kind).chance(65):
            bars[-1] = stream.child("turnaround", section.kind).choose(harmony.turnarounds).split()
        written.extend(bars)
    cadence = _bars(stream.child("cadence").choose(harmony.cadences), 1)
    if len(written) >= 2 * len(cadence):
        written[-len(cadence) :] = cadence
    else:
        written[-1] = cadence[-1][-1:] if len(written) == 1 and final_tick < meter.bar_ticks else cadence[-1]
    spans = _spans(written, key, meter, final_tick)
    final = parse_chord(stream.child("final").choose(harmony.finals), key)
    spans.append(ChordSpan(final_tick, max(end_tick, final_tick + 1), final))
    return ChordTimeline(spans)


def _bars(progression: str, slowness: int) -> list[list[str]]:
    return [bar.split() for bar in progression.split("|") for _ in range(slowness)]


def _spans(bars: Sequence[Sequence[str]], key: Key, meter: Meter, final_tick: int) -> list[ChordSpan]:
    spans: list[ChordSpan] = []
    for number, numerals in enumerate(bars):
        places = _places(len(numerals), meter)
        for numeral, (begin, stop) in zip(numerals, places, strict=False):
            start = number * meter.bar_ticks + begin
            end = min(number * meter.bar_ticks + stop, final_tick)
            if start >= end:
                continue
            chord = parse_chord(numeral, key)
            if spans and spans[-1].chord == chord and spans[-1].end == start and start % (2 * meter.bar_ticks):
                spans[-1] = ChordSpan(spans[-1].start, end, chord)
            else:
                spans.append(ChordSpan(start, end, chord))
    return spans


def _places(count: int, meter: Meter) -> list[tuple[int, int]]:
    """Where the chords of one bar begin and end: on whole beats (on dotted ones in 6/8), the first the longest."""
    if meter.compound and count == 2:
        half = meter.bar_ticks // 2
        return [(0, half), (half, meter.bar_ticks)]
    count = min(count, meter.beats)
    edges = [-(-meter.beats * index // count) * TICKS_PER_BEAT for index in range(count)] + [meter.bar_ticks]
    return list(pairwise(edges))
