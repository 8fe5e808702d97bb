"""Writes notes as a Standard MIDI File, type 1: a tempo track with key and beats, then one track for each part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import mido

from services.processing.analysis.meter import COMMON, Meter
from services.processing.transcription.note import Note
from services.processing.transcription.quantize import BeatMap

TICKS_PER_QUARTER: Final = 960
DRUM_CHANNEL: Final = 9
# General MIDI 1: the bend range of a channel that nobody told otherwise, in semitones.
BEND_RANGE: Final = 2.0
_BEND_STEPS: Final = 8191
# A bend below this is the trembling of the measurement, not of the musician.
_SMALLEST_BEND: Final = 0.15
# MIDI clocks in a quarter, by which a metronome's click is told.
_CLOCKS_PER_QUARTER: Final = 24
# Tempo changes are 24-bit numbers of microseconds.
_LONGEST_QUARTER_US: Final = (1 << 24) - 1


@dataclass(frozen=True, slots=True)
class Part:
    """One instrument's notes. `program` is a General MIDI program, 0-based; drums need none."""

    name: str
    notes: Sequence[Note]
    program: int = 0
    drums: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands before the notes. `key` as mido writes it ("C", "F#m"), empty when unknown.

    `pickup_beats` of the map come before the first whole bar, fewer than a bar has.
    """

    beats: BeatMap
    key: str = ""
    title: str = ""
    meter: Meter = COMMON
    pickup_beats: int = 0


def write_midi(path: Path, parts: Sequence[Part], heading: Heading, *, bends: bool = True) -> None:
    """Write the file. Times follow the tempo map, so that notes lie on the beats that were found."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    clock = _Clock(heading.beats, heading.meter.quarters_per_beat)
    file.tracks.append(_tempo_track(heading, clock))
    channels = (channel for channel in range(16) if channel != DRUM_CHANNEL)
    for part in parts:
        channel = DRUM_CHANNEL if part.drums else next(channels, 15)
        file.tracks.append(_track(part, channel, clock, bends=bends and not part.drums))
    file.save(str(path))


class _Clock:
    """Seconds to ticks. The file begins where the audio does, so the first beat may come after its beginning."""

    def __init__(self, beats: BeatMap, quarters_per_beat: float) -> None:
        self.ticks_per_beat = round(quarters_per_beat * TICKS_PER_QUARTER)
        first = beats.seconds[0]
        # Beats that the map gives for the time before its first one.
        self.lead = first / (beats.seconds[1] - beats.seconds[0])
        self._beats = beats

    def tick(self, seconds: float) -> int:
        return max(0, round((self._beats.beat_at(seconds) + self.lead) * self.ticks_per_beat))


def _tempo_track(heading: Heading, clock: _Clock) -> mido.MidiTrack:
    events: list[tuple[int, mido.MetaMessage]] = [
        (0, mido.MetaMessage("track_name", name=_latin(heading.title))),
        (0, _signature(replace(heading.meter, beats=heading.pickup_beats or heading.meter.beats))),
    ]
    if heading.pickup_beats:
        events.append((heading.pickup_beats * clock.ticks_per_beat, _signature(heading.meter)))
    if heading.key:
        events.append((0, mido.MetaMessage("key_signature", key=heading.key)))
    before = None
    for index, (start, end) in enumerate(pairwise(heading.beats.seconds)):
        quarter = (end - start) / heading.meter.quarters_per_beat
        microseconds = min(_LONGEST_QUARTER_US, max(1, round(quarter * 1e6)))
        if microseconds != before:
            at = 0 if index == 0 else clock.tick(start)
            events.append((at, mido.MetaMessage("set_tempo", tempo=microseconds)))
            before = microseconds
    return _ordered(events)


def _signature(meter: Meter) -> mido.MetaMessage:
    """The metronome clicks on beats."""
    return mido.MetaMessage(
        "time_signature",
        numerator=meter.numerator,
        denominator=meter.denominator,
        clocks_per_click=round(meter.quarters_per_beat * _CLOCKS_PER_QUARTER),
    )


def _track(part: Part, channel: int, clock: _Clock, *, bends: bool) -> mido.MidiTrack:
    events: list[tuple[int, mido.Message | mido.MetaMessage]] = [
        (0, mido.MetaMessage("track_name", name=_latin(part.name)))
    ]
    if not part.drums:
        events.append((0, mido.Message("program_change", channel=channel, program=part.program)))
    notes = sorted(part.notes)
    alone = _sounding_alone(notes) if bends else set()
    for index, note in enumerate(notes):
        start = clock.tick(note.start)
        end = max(start + 1, clock.tick(note.end))
        if index in alone:
            events += _bend_events(note, channel, clock)
        events.append((start, mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)))
        events.append((end, mido.Message("note_off", channel=channel, note=note.pitch, velocity=0)))
    return _ordered(events)


def _sounding_alone(notes: Sequence[Note]) -> set[int]:
    """A bend moves the whole channel, so only notes that nobody overlaps get one."""
    alone = set(range(len(notes)))
    latest, holder = -1.0, -1
    for index, note in enumerate(notes):
        if note.start < latest:
            alone -= {index, holder}
        if note.end > latest:
            latest, holder = note.end, index
    return alone


def _bend_events(note: Note, channel: int, clock: _Clock) -> list[tuple[int, mido.Message]]:
    if not note.bends or max(abs(bend) for bend in note.bends) < _SMALLEST_BEND:
        return []
    events, before = [], None
    for index, bend in enumerate(note.bends):
        value = round(max(-1.0, min(1.0, bend / BEND_RANGE)) * _BEND_STEPS)
        if value != before:
            at = clock.tick(note.start + note.duration * index / len(note.bends))
            events.append((at, mido.Message("pitchwheel", channel=channel, pitch=value)))
            before = value
    events.append((max(1, clock.tick(note.end)), mido.Message("pitchwheel", channel=channel, pitch=0)))
    return events


# At one tick: names and settings, then ends, then bends, then starts.
_RANK: Final = {"note_off": 1, "pitchwheel": 2, "note_on": 3}


def _ordered(events: Sequence[tuple[int, mido.Message | mido.MetaMessage]]) -> mido.MidiTrack:
    track = mido.MidiTrack()
    now = 0
    for tick, message in sorted(events, key=lambda event: (event[0], _RANK.get(event[1].type, 0))):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=0))
    return track


def _latin(text: str) -> str:
    """MIDI's texts are Latin-1 by custom; what it cannot say becomes a question mark."""
    return text.encode("latin-1", "replace").decode("latin-1")
