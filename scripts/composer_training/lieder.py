"""Songs of the OpenScore Lieder corpus as melodies over chords: the voice, and what the piano plays under it.

Reads compressed MusicXML (container, score-partwise) as far as melodies need it: pitches, ties, backups, time and key.
Repeats are read once; grace notes and all voices but the first of the voice part are left out.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
# Root position triads and sevenths by their pitch classes above the root; sevenths before the triads that they hold.
_QUALITIES = {
    "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "m7": (0, 3, 7, 10), "m7b5": (0, 3, 6, 10), "dim7": (0, 3, 6, 9),
    "": (0, 4, 7), "m": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tone:
    """A note: MIDI pitch, start and length in quarters, its place in the bar (quarters)."""

    pitch: int
    start: Fraction
    length: Fraction
    place: Fraction


@dataclass(frozen=True, slots=True)
class Song:
    """The voice, the chord under each of its notes, and what the piano plays. `tonic` 0–11; `bar` in quarters."""

    name: str
    tones: tuple[Tone, ...]
    chords: tuple[tuple[int, tuple[int, ...]] | None, ...]
    tonic: int
    minor: bool
    bar: Fraction
    compound: bool
    piano: tuple[Tone, ...] = ()


@dataclass(slots=True)
class _Reading:
    """One part while it is read."""

    tones: list[Tone] = field(default_factory=list)
    pending: dict[int, Tone] = field(default_factory=dict)


def songs(folder: Path, every: int = 1) -> Iterator[Song]:
    """Every song with a voice of 40 notes or more (or of every so-many files), in an order that stays."""
    for path in sorted(folder.rglob("*.mxl"))[::every]:
        song = _song(path)
        if song is not None and len(song.tones) >= 40:
            yield song


def _song(path: Path) -> Song | None:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith((".xml", ".musicxml")) and "META" not in name]
        if not names:
            return None
        root = ElementTree.fromstring(archive.read(names[0]))  # noqa: S314 — a corpus that the trainer unpacked
    parts = root.findall("part")
    if len(parts) < 2:
        return None
    fifths, bar, compound = _signature(parts[0])
    if fifths is None:
        return None
    voice = _read(parts[0], first_voice=True)
    piano = [tone for part in parts[1:] for tone in _read(part, first_voice=False)]
    if not voice or not piano:
        return None
    tonic, minor = _key(fifths, voice, piano)
    chords = _chords(voice, piano)
    return Song(path.stem, tuple(voice), tuple(chords), tonic, minor, bar, compound, tuple(piano))


def _signature(part: ElementTree.Element) -> tuple[int | None, Fraction, bool]:
    fifths = part.find(".//key/fifths")
    beats, kind = part.find(".//time/beats"), part.find(".//time/beat-type")
    if fifths is None or beats is None or kind is None or not (beats.text or "").isdigit():
        return None, Fraction(4), False
    count, unit = int(beats.text or 4), int(kind.text or 4)
    return int(fifths.text or 0), Fraction(4 * count, unit), unit == 8 and count in (6, 9, 12)


def _read(part: ElementTree.Element, *, first_voice: bool) -> list[Tone]:
    reading = _Reading()
    divisions = 1
    start = Fraction(0)
    for measure in part.findall("measure"):
        at = longest = last = Fraction(0)
        for item in measure:
            if item.tag == "attributes" and item.findtext("divisions"):
                divisions = int(item.findtext("divisions") or 1)
            length = Fraction(int(float(item.findtext("duration") or 0)), divisions)
            if item.tag == "backup":
                at -= length
            elif item.tag == "forward":
                at += length
            elif item.tag == "note" and item.find("grace") is None:
                chord = item.find("chord") is not None
                begin = last if chord else at
                if item.find("rest") is None and not (first_voice and (chord or item.findtext("voice", "1") != "1")):
                    _add(reading, item, start + begin, length, begin)
                if not chord:
                    last, at = at, at + length
            longest = max(longest, at)
        start += longest
    return sorted(reading.tones, key=lambda tone: (tone.start, tone.pitch))


def _add(reading: _Reading, note: ElementTree.Element, start: Fraction, length: Fraction, place: Fraction) -> None:
    step, octave = note.findtext("pitch/step"), note.findtext("pitch/octave")
    if step is None or octave is None or length <= 0:
        return
    pitch = 12 * (int(octave) + 1) + _STEPS[step] + int(float(note.findtext("pitch/alter") or 0))
    ties = {tie.get("type") for tie in note.findall("tie")}
    if "stop" in ties and pitch in reading.pending:
        before = reading.pending.pop(pitch)
        tone = Tone(pitch, before.start, before.length + length, before.place)
    else:
        tone = Tone(pitch, start, length, place)
    if "start" in ties:
        reading.pending[pitch] = tone
    else:
        reading.tones.append(tone)


def _key(fifths: int, voice: list[Tone], piano: list[Tone]) -> tuple[int, bool]:
    """Major or its relative minor: whichever tonic the last bass note and the raised leading tones speak for."""
    major = fifths * 7 % 12
    minor = (major + 9) % 12
    end = max(tone.start for tone in piano)
    bass = min((tone.pitch for tone in piano if tone.start >= end - 1), default=major) % 12
    if bass in (major, minor):
        return bass, bass == minor
    raised = sum(float(tone.length) for tone in voice if tone.pitch % 12 == (minor - 1) % 12)
    plain = sum(float(tone.length) for tone in voice if tone.pitch % 12 == (minor - 2) % 12)
    return (minor, True) if raised > plain else (major, False)


def _chords(voice: list[Tone], piano: list[Tone]) -> list[tuple[int, tuple[int, ...]] | None]:
    """The chord that best explains what the piano plays within the beat of each note of the voice."""
    by_beat: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    lowest: dict[int, int] = {}
    for tone in piano:
        first, last = int(tone.start), int(tone.start + tone.length - Fraction(1, 64))
        for beat in range(first, min(last, first + 16) + 1):
            overlap = min(tone.start + tone.length, Fraction(beat + 1)) - max(tone.start, Fraction(beat))
            by_beat[beat][tone.pitch % 12] += float(overlap)
            lowest[beat] = min(lowest.get(beat, 128), tone.pitch)
    known: dict[int, tuple[int, tuple[int, ...]] | None] = {}
    found = []
    for tone in voice:
        beat = int(tone.start)
        if beat not in known:
            known[beat] = _best_chord(by_beat[beat], lowest.get(beat, 128) % 12) if beat in by_beat else None
        found.append(known[beat])
    return found


def _best_chord(weights: dict[int, float], bass: int) -> tuple[int, tuple[int, ...]] | None:
    total = sum(weights.values())
    if len(weights) < 3 or total <= 0:
        return None
    best, best_score = None, 0.62
    for root in range(12):
        for shape in _QUALITIES.values():
            tones = tuple((root + step) % 12 for step in shape)
            inside = sum(weights.get(tone, 0.0) for tone in tones) / total
            present = sum(tone in weights for tone in tones) / len(tones)
            score = inside * (0.7 + 0.3 * present) + (0.04 if root == bass else 0.0) - 0.01 * len(tones)
            if score > best_score:
                best, best_score = (root, tones), score
    return best


def scale_of(song: Song) -> frozenset[int]:
    """The pitch classes of the song's key."""
    steps = _MINOR if song.minor else _MAJOR
    return frozenset((song.tonic + step) % 12 for step in steps)
