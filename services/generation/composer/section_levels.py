"""How loud each section is in the mix: what its energy asks for, and a ride of the fader where a song would come out
flat, or its soft sections too soft beside the loud ones.

Whoever plays in a section already makes most of its loudness, so the range of a song (EBU Tech 3342) is foretold from
its notes: every part is matched to one loudness before its fader, and a note's power follows its velocity. Levels are
data for the mix alone; no note hangs on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from services.generation.composer.instruments import SUSTAINING
from services.generation.composer.plan import Plan
from services.generation.composer.score import TICKS_PER_BEAT, Part, SectionSpan

NARROWEST_LU, WIDEST_LU = 6.4, 8.0
"""The foretold range that a song is ridden into: what is heard strays from it by 1 LU (one deviation over 560 songs of
all styles) and should lie between 4 and 12."""

_ROOMS_TAKE_LU = 1.2
"""How much narrower a song is than its notes, on average over those songs: reverberation fills, compressors level."""

_CONTRAST_SLOPE = 1.3
"""Mix level between no energy and full energy, in units of the genre's section contrast."""

_SAME_ENERGY = 0.02
_SLOT_SECONDS = 0.5
_SLOTS_OF_A_WINDOW = 6
# The gate, and the shares of the windows below and above which nothing counts (EBU Tech 3342).
_GATE_LU = 20.0
_LOWEST_SHARE, _HIGHEST_SHARE = 0.10, 0.95
# Power over velocity: fonts play the square of it, and the strip's compressor takes some of that back.
_TOUCH = 3.0
# What is plucked or struck has died away after this time; a held key does not make it louder.
_RING_SECONDS = 1.2
# A part's own level is what it plays where it plays, not what it would be over its rests.
_SOUNDING_SHARE = 0.1
_LARGEST_RIDE_DB = 4.0
# Sections are left at least this far apart, the loudest from the softest.
_LEAST_CONTRAST_DB = 4.5
# A section that lies this far below the loudest is soft enough: what makes a song less flat are the others.
_SOFT_ENOUGH_DB = 6.0
_RIDE_STEPS = 8
# How much of its power a stroke has beside the bass drum's, after the loudness weighting.
_STROKES = {35: 1.0, 36: 1.0, 38: 1.0, 39: 0.8, 40: 1.0, 49: 0.8, 52: 0.8, 55: 0.5, 57: 0.8}
_TOMS, _TOM, _OTHER_STROKE = frozenset({41, 43, 45, 47, 48, 50}), 0.8, 0.2


def section_levels(plan: Plan, parts: Sequence[Part]) -> tuple[SectionSpan, ...]:
    """The sections of a song with their levels in the mix."""
    spans = energy_levels(plan)
    if not _asks_for_contrast(spans):
        return spans
    seconds_per_beat = 60.0 / plan.bpm
    players = expected_powers(parts, seconds_per_beat, plan.end_tick / TICKS_PER_BEAT * seconds_per_beat)
    return ridden(spans, players, plan.meter.beats * seconds_per_beat)


def energy_levels(plan: Plan) -> tuple[SectionSpan, ...]:
    """The sections with what their energy and the genre's contrast ask for, whoever plays."""
    means = [(section.energy_from + section.energy_to) / 2.0 for section in plan.sections]
    swells = [section.energy_to - section.energy_from for section in plan.sections]
    contrast = plan.genre.section_contrast_db
    apart = max(means) - min(means)
    # Forms whose sections hardly differ (a head, a solo) would come out flat: the ear wants some difference.
    steepness = contrast * max(_CONTRAST_SLOPE, 1.0 / apart) if apart > _SAME_ENERGY else 0.0
    rise = contrast * _CONTRAST_SLOPE
    if not steepness and max(swells) > _SAME_ENERGY:
        rise = contrast * max(_CONTRAST_SLOPE, 1.0 / max(swells))
    ends = [
        ((mean - max(means)) * steepness - swell * rise / 2.0, (mean - max(means)) * steepness + swell * rise / 2.0)
        for mean, swell in zip(means, swells, strict=True)
    ]
    loudest = max(max(pair) for pair in ends)
    spans = []
    for index, (section, mean, pair) in enumerate(zip(plan.sections, means, ends, strict=True)):
        extra = 1 if index == len(plan.sections) - 1 and plan.bars else 0
        first, last = (round(max(-contrast, level - loudest), 2) for level in pair)
        swell_db = round(last - first, 2)
        bars = section.bars + extra
        spans.append(SectionSpan(section.name, section.start_bar, bars, round(mean, 3), first, swell_db))
    return tuple(spans)


def _asks_for_contrast(spans: Sequence[SectionSpan]) -> bool:
    energies = [span.energy for span in spans]
    return max(energies) - min(energies) > _SAME_ENERGY


def expected_powers(parts: Sequence[Part], seconds_per_beat: float, duration_seconds: float) -> list[float]:
    """The power of all players in every half second of a song, before any section's level."""
    slots = max(1, math.ceil(duration_seconds / _SLOT_SECONDS))
    total = [0.0] * slots
    for part in parts:
        own = _part_powers(part, seconds_per_beat, slots)
        floor = max(own) * _SOUNDING_SHARE
        sounding = [power for power in own if power > floor]
        if not sounding:
            continue
        share = math.pow(10.0, part.gain_db / 10.0) * len(sounding) / sum(sounding)
        for slot, power in enumerate(own):
            total[slot] += power * share
    return total


def _part_powers(part: Part, seconds_per_beat: float, slots: int) -> list[float]:
    """A part's power in every slot, in a measure of its own."""
    own = [0.0] * slots
    sustains = part.program in SUSTAINING and not part.drums
    for note in part.notes:
        start = note.start_beats * seconds_per_beat
        power = math.pow(note.velocity / 127.0, _TOUCH)
        if part.drums:
            power *= _STROKES.get(note.pitch, _TOM if note.pitch in _TOMS else _OTHER_STROKE)
            seconds = 0.0
        else:
            seconds = note.duration_beats * seconds_per_beat
            seconds = seconds if sustains else min(seconds, _RING_SECONDS)
        first, last = int(start / _SLOT_SECONDS), int((start + seconds) / _SLOT_SECONDS)
        if first >= slots:
            continue
        if last == first or part.drums:
            own[first] += power * (1.0 if part.drums else seconds)
            continue
        end = min(start + seconds, slots * _SLOT_SECONDS)
        for slot in range(first, min(last + 1, slots)):
            own[slot] += power * (min(end, (slot + 1) * _SLOT_SECONDS) - max(start, slot * _SLOT_SECONDS))
    return own


def expected_range_lu(spans: Sequence[SectionSpan], players: Sequence[float], bar_seconds: float) -> float:
    """The loudness range that these levels will give, in LU; NaN for silence and for less than two windows."""
    return _range_lu(_levelled(spans, players, bar_seconds)) - _ROOMS_TAKE_LU


def ridden(spans: Sequence[SectionSpan], players: Sequence[float], bar_seconds: float) -> tuple[SectionSpan, ...]:
    """The sections with the softer ones raised, or lowered, where the song's range would be too wide, or too narrow."""
    foretold = expected_range_lu(spans, players, bar_seconds)
    if math.isnan(foretold) or NARROWEST_LU <= foretold <= WIDEST_LU or len(spans) < 2:
        return tuple(spans)
    wanted = WIDEST_LU if foretold > WIDEST_LU else NARROWEST_LU
    heard = _levelled(spans, players, bar_seconds)
    means = [_mean_db(_of_span(span, heard, bar_seconds)) for span in spans]

    def moved(share: float) -> tuple[SectionSpan, ...]:
        rides = [
            0.0
            if share < 0.0 and below >= _SOFT_ENOUGH_DB
            else min(max(below * share, -_LARGEST_RIDE_DB), _LARGEST_RIDE_DB)
            for below in (max(means) - mean for mean in means)
        ]
        return tuple(replace(span, gain_db=span.gain_db + ride) for span, ride in zip(spans, rides, strict=True))

    # Between nothing (no share) and all that may be done; what is nearest to the wish is taken.
    apart = max(means) - min(means)
    least, most = 0.0, -1.0
    if foretold > WIDEST_LU:
        most = max(1.0 - _LEAST_CONTRAST_DB / apart, 0.0) if apart > 0.0 else 0.0
    for _ in range(_RIDE_STEPS):
        middle = (least + most) / 2.0
        reached = expected_range_lu(moved(middle), players, bar_seconds)
        if (reached > wanted) == (foretold > wanted):
            least = middle
        else:
            most = middle
    found = moved(most)
    top = max(max(span.gain_db, span.gain_db + span.swell_db) for span in found)
    return tuple(replace(span, gain_db=round(span.gain_db - top, 2)) for span in found)


def _levelled(spans: Sequence[SectionSpan], players: Sequence[float], bar_seconds: float) -> list[float]:
    """The players' powers under the sections' levels."""
    heard = []
    place = 0
    for slot, power in enumerate(players):
        bar = slot * _SLOT_SECONDS / bar_seconds
        while place + 1 < len(spans) and bar >= spans[place].end_bar:
            place += 1
        span = spans[place]
        inside = min(max((bar - span.start_bar) / span.bars, 0.0), 1.0)
        heard.append(power * math.pow(10.0, (span.gain_db + span.swell_db * inside) / 10.0))
    return heard


def _of_span(span: SectionSpan, heard: Sequence[float], bar_seconds: float) -> Sequence[float]:
    first, last = (int(bar * bar_seconds / _SLOT_SECONDS) for bar in (span.start_bar, span.end_bar))
    return heard[first:last] or heard[first : first + 1]


def _mean_db(powers: Sequence[float]) -> float:
    return 10.0 * math.log10(max(sum(powers) / max(len(powers), 1), 1e-9))


def _range_lu(heard: Sequence[float]) -> float:
    if len(heard) < 2 * _SLOTS_OF_A_WINDOW or not any(heard):
        return math.nan
    sums = [0.0]
    for power in heard:
        sums.append(sums[-1] + power)
    windows = [max(after - before, 0.0) for before, after in zip(sums, sums[_SLOTS_OF_A_WINDOW:], strict=False)]
    gate = sum(windows) / len(windows) * math.pow(10.0, -_GATE_LU / 10.0)
    loud = sorted(power for power in windows if power > gate)
    low, high = (loud[round(share * (len(loud) - 1))] for share in (_LOWEST_SHARE, _HIGHEST_SHARE))
    return 10.0 * math.log10(high / low)
