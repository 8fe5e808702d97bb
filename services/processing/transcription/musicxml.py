"""Writes parts as MusicXML 4.0 (partwise), for notation programs: times on a grid of 24ths of a quarter.

Overlapping notes of different lengths are written as chords that are cut where the next one begins: a readable score,
not a recording; the MIDI file is the exact one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from services.processing.transcription.key_signature import FIFTHS
from services.processing.transcription.midi_file import Heading, Part
from services.processing.transcription.quantize import BeatMap

# Divisible by straight 1/32 (8) and triplet 1/16 (6) steps.
DIVISIONS: Final = 24
# Longest first: divisions → (type, dots). Only what one note sign can say; longer and odd lengths are tied.
_SIGNS: Final = ((96, "whole", 0), (72, "half", 1), (48, "half", 0), (36, "quarter", 1), (24, "quarter", 0),
                 (18, "eighth", 1), (12, "eighth", 0), (6, "16th", 0), (3, "32nd", 0))  # fmt: skip
_SMALLEST: Final = 3
_SHARPS: Final = (("C", 0), ("C", 1), ("D", 0), ("D", 1), ("E", 0), ("F", 0), ("F", 1), ("G", 0), ("G", 1), ("A", 0),
                  ("A", 1), ("B", 0))  # fmt: skip
_FLATS: Final = (("C", 0), ("D", -1), ("D", 0), ("E", -1), ("E", 0), ("F", 0), ("G", -1), ("G", 0), ("A", -1), ("A", 0),
                 ("B", -1), ("B", 0))  # fmt: skip
_DOCTYPE: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)

_NO_XML: Final = re.compile("[\\x00-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")

# A chord: its keys, where it begins and how long it is, in divisions. No keys: a rest.
_Event = tuple[tuple[int, ...], int, int]


def write_musicxml(path: Path, parts: Sequence[Part], heading: Heading) -> None:
    """Write the file. Every part has the same number of measures."""
    score = Xml.Element("score-partwise", version="4.0")
    Xml.SubElement(Xml.SubElement(score, "work"), "work-title").text = _clean(heading.title)
    listing = Xml.SubElement(score, "part-list")
    beat = round(heading.meter.quarters_per_beat * DIVISIONS)
    bar = heading.meter.beats * beat
    written = [(part, _events(part, heading.beats, beat)) for part in parts]
    ends = [start + length for _, events in written for _, start, length in events]
    pickup = heading.pickup_beats * beat
    edges = [0, *range(pickup or bar, max(*ends, 1, pickup + 1) + bar, bar)]
    for number, (part, events) in enumerate(written, start=1):
        entry = Xml.SubElement(listing, "score-part", id=f"P{number}")
        Xml.SubElement(entry, "part-name").text = _clean(part.name)
        body = Xml.SubElement(score, "part", id=f"P{number}")
        flats = FIFTHS.get(heading.key, 0) < 0
        for index, (begin, end) in enumerate(pairwise(edges)):
            # An upbeat is measure 0, and shorter than its metre says.
            measure = Xml.SubElement(body, "measure", number=str(index if pickup else index + 1))
            if index == 0:
                if pickup:
                    measure.set("implicit", "yes")
                _attributes(measure, part, heading)
            for event in _within(events, begin, end):
                _write_event(measure, event, drums=part.drums, flats=flats)
    Xml.indent(score)
    path.write_text(_DOCTYPE + Xml.tostring(score, encoding="unicode") + "\n", encoding="utf-8")


def _events(part: Part, beats: BeatMap, beat: int) -> list[_Event]:
    """Chords without gaps or overlaps: each lasts until its notes end or the next one begins. A beat has `beat`
    divisions."""
    step = _SMALLEST
    lead = beats.beat_at(0.0)
    starts: dict[int, tuple[set[int], int]] = {}
    for note in part.notes:
        start = max(0, round((beats.beat_at(note.start) - lead) * beat / step) * step)
        end = max(start + step, round((beats.beat_at(note.end) - lead) * beat / step) * step)
        keys, latest = starts.get(start, (set(), 0))
        starts[start] = (keys | {note.pitch}, max(latest, end))
    events: list[_Event] = []
    order = sorted(starts)
    for index, start in enumerate(order):
        keys, end = starts[start]
        following = order[index + 1] if index + 1 < len(order) else end
        events.append((tuple(sorted(keys)), start, min(end, following) - start))
    return events


def _within(events: Sequence[_Event], begin: int, end: int) -> list[tuple[_Event, bool, bool]]:
    """A measure's events and rests, each with whether it is tied to the one before and to the next."""
    found: list[tuple[_Event, bool, bool]] = []
    now = begin
    for keys, start, length in events:
        stop = start + length
        first, last = max(start, begin), min(stop, end)
        if first >= last:
            continue
        if first > now:
            found.append((((), now, first - now), False, False))
        found.append(((keys, first, last - first), start < begin, stop > end))
        now = last
    if now < end:
        found.append((((), now, end - now), False, False))
    return found


def _write_event(measure: Xml.Element, event: tuple[_Event, bool, bool], *, drums: bool, flats: bool) -> None:
    (keys, _, length), from_before, to_next = event
    pieces = _signs(length)
    for index, (size, kind, dots) in enumerate(pieces):
        tied_back = from_before if index == 0 else True
        tied_on = to_next if index == len(pieces) - 1 else True
        for position, key in enumerate(keys or (None,)):
            note = Xml.SubElement(measure, "note")
            if position:
                Xml.SubElement(note, "chord")
            if key is None:
                Xml.SubElement(note, "rest")
            else:
                _pitch(note, key, drums=drums, flats=flats)
            Xml.SubElement(note, "duration").text = str(size)
            ties = [kind for kind, on in (("stop", tied_back), ("start", tied_on)) if on and key is not None]
            for tie in ties:
                Xml.SubElement(note, "tie", type=tie)
            Xml.SubElement(note, "type").text = kind
            for _ in range(dots):
                Xml.SubElement(note, "dot")
            if ties:
                notations = Xml.SubElement(note, "notations")
                for tie in ties:
                    Xml.SubElement(notations, "tied", type=tie)


def _signs(length: int) -> list[tuple[int, str, int]]:
    """Note signs that together last `length` divisions (a multiple of the smallest)."""
    pieces = []
    while length:
        sign = next(sign for sign in _SIGNS if sign[0] <= length)
        pieces.append(sign)
        length -= sign[0]
    return pieces


def _pitch(note: Xml.Element, key: int, *, drums: bool, flats: bool) -> None:
    step, alter = (_FLATS if flats else _SHARPS)[key % 12]
    octave = str(key // 12 - 1)
    if drums:
        unpitched = Xml.SubElement(note, "unpitched")
        Xml.SubElement(unpitched, "display-step").text = step
        Xml.SubElement(unpitched, "display-octave").text = octave
        return
    pitch = Xml.SubElement(note, "pitch")
    Xml.SubElement(pitch, "step").text = step
    if alter:
        Xml.SubElement(pitch, "alter").text = str(alter)
    Xml.SubElement(pitch, "octave").text = octave


def _attributes(measure: Xml.Element, part: Part, heading: Heading) -> None:
    attributes = Xml.SubElement(measure, "attributes")
    Xml.SubElement(attributes, "divisions").text = str(DIVISIONS)
    key = Xml.SubElement(attributes, "key")
    Xml.SubElement(key, "fifths").text = str(0 if part.drums else FIFTHS.get(heading.key, 0))
    time = Xml.SubElement(attributes, "time")
    Xml.SubElement(time, "beats").text = str(heading.meter.numerator)
    Xml.SubElement(time, "beat-type").text = str(heading.meter.denominator)
    clef = Xml.SubElement(attributes, "clef")
    low = not part.drums and part.notes and sum(note.pitch for note in part.notes) / len(part.notes) < 55
    Xml.SubElement(clef, "sign").text = "percussion" if part.drums else "F" if low else "G"
    if not part.drums:
        Xml.SubElement(clef, "line").text = "4" if low else "2"
    _tempo(measure, heading)


def _tempo(measure: Xml.Element, heading: Heading) -> None:
    """A metronome mark, and the tempo that programs play at."""
    beats = heading.beats.seconds
    bpm = 60.0 / (beats[1] - beats[0])
    direction = Xml.SubElement(measure, "direction", placement="above")
    metronome = Xml.SubElement(Xml.SubElement(direction, "direction-type"), "metronome")
    Xml.SubElement(metronome, "beat-unit").text = "quarter"
    if heading.meter.compound:
        Xml.SubElement(metronome, "beat-unit-dot")
    Xml.SubElement(metronome, "per-minute").text = f"{bpm:.0f}"
    Xml.SubElement(direction, "sound", tempo=f"{bpm * heading.meter.quarters_per_beat:.2f}")


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold (§2.2)."""
    return _NO_XML.sub("", text)
