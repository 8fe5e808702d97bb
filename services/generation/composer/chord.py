"""Chords from roman numerals: "ii9", "V7/vi", "bVImaj7", "iv6", "I^3" (third in the bass), "IV/1" (over the tonic).

Degrees count in the mode of the key, so that "VI" is A flat in C minor and A in C dorian; "b" and "#" shift from
there. Upper case has a major third, lower case a minor one; a seventh on upper case is a dominant seventh unless
"maj7" is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from services.generation.composer.pitch import MODES, Key

_NUMERALS = {"i": 0, "ii": 1, "iii": 2, "iv": 3, "v": 4, "vi": 5, "vii": 6}
_CHORD = re.compile(r"([b#]?)([iv]+|[IV]+)([^/^]*)(?:\^([357]))?(?:/([b#]?[ivIV]+|1))?")

_EXTENSIONS: dict[str, tuple[int, ...]] = {
    "": (),
    "6": (9,),
    "69": (9, 14),
    "7": (10,),
    "maj7": (11,),
    "9": (10, 14),
    "maj9": (11, 14),
    "11": (10, 14, 17),
    "13": (10, 14, 21),
    "maj13": (11, 14, 21),
    "add9": (14,),
    "7b9": (10, 13),
    "7#9": (10, 15),
    "7b13": (10, 20),
    "7#11": (10, 18),
    "maj7#11": (11, 18),
}
_TRIADS: dict[str, tuple[int, ...]] = {
    "o": (0, 3, 6),
    "ø": (0, 3, 6),
    "+": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "sus": (0, 5, 7),
    "5": (0, 7),
}


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord in a key: root and bass as pitch classes, tones as semitones above the root (root, third, fifth, …)."""

    numeral: str
    root: int
    tones: tuple[int, ...]
    bass: int

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Every tone's pitch class."""
        return frozenset((self.root + tone) % 12 for tone in self.tones)

    @property
    def core(self) -> frozenset[int]:
        """Pitch classes of root, third, fifth and seventh: what a melody may rest on without colour."""
        return frozenset((self.root + tone) % 12 for tone in self.tones if tone < 12)

    def degree(self, name: str) -> int:
        """The pitch class of "1", "3", "5" or "7" (the nearest thing that the chord has)."""
        if name == "3":
            wanted, other = {3, 4, 5, 2}, 0
        elif name == "5":
            wanted, other = {6, 7, 8}, 7
        elif name == "7":
            wanted, other = {9, 10, 11}, 12
        else:
            return self.root
        for tone in self.tones:
            if tone in wanted:
                return (self.root + tone) % 12
        return (self.root + other) % 12


@lru_cache(maxsize=4096)
def parse_chord(numeral: str, key: Key) -> Chord:
    """Read a roman numeral in a key. Raises `ValueError` for text that is not one."""
    match = _CHORD.fullmatch(numeral)
    if match is None or match.group(2).lower() not in _NUMERALS:
        raise ValueError(f"not a roman numeral: {numeral!r}")
    accidental, roman, quality, inversion, over = match.groups()
    shift = {"": 0, "b": -1, "#": 1}[accidental]
    if over is None or over == "1":
        root = key.tonic + MODES[key.mode][_NUMERALS[roman.lower()]] + shift
    else:
        target = parse_chord(over, key)
        root = target.root + MODES["major"][_NUMERALS[roman.lower()]] + shift
    root %= 12
    tones = _tones(roman, quality)
    bass = key.tonic if over == "1" else root
    chord = Chord(numeral, root, tones, bass)
    if inversion is not None:
        chord = Chord(numeral, root, tones, chord.degree(inversion))
    return chord


def _tones(roman: str, quality: str) -> tuple[int, ...]:
    for prefix in ("sus2", "sus4", "o", "ø", "+"):
        if quality.startswith(prefix) or (prefix.startswith("sus") and quality.endswith(prefix)):
            rest = quality.replace(prefix, "", 1)
            triad = _TRIADS[prefix]
            if prefix == "o" and rest == "7":
                return (*triad, 9)
            if prefix == "ø":
                return (*triad, 10, *((14,) if rest == "9" else ()))
            return (*triad, *_extensions(rest))
    if quality == "5":
        return _TRIADS["5"]
    triad = (0, 4, 7) if roman.isupper() else (0, 3, 7)
    return (*triad, *_extensions(quality))


def _extensions(text: str) -> tuple[int, ...]:
    if text not in _EXTENSIONS:
        raise ValueError(f"unknown chord quality: {text!r}")
    return _EXTENSIONS[text]
