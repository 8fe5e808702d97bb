"""Pitch classes, modes and keys: parsing, spelling and MIDI key signatures."""

from __future__ import annotations

import re
from dataclasses import dataclass

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
}
"""Semitones above the tonic of each mode's seven degrees."""

MINOR_LIKE = frozenset({"minor", "dorian", "phrygian", "locrian", "harmonic minor", "melodic minor"})
"""Modes with a minor third."""

_RELATIVE_MAJOR = {
    "major": 0,
    "minor": 3,
    "harmonic minor": 3,
    "melodic minor": 3,
    "dorian": 10,
    "phrygian": 8,
    "lydian": 7,
    "mixolydian": 5,
    "locrian": 1,
}
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "H": 11}
_MAJOR_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
_MODE_WORDS = {
    "": "major",
    "maj": "major",
    "major": "major",
    "ionian": "major",
    "dur": "major",
    "majeur": "major",
    "mayor": "major",
    "maggiore": "major",
    "maior": "major",
    "m": "minor",
    "min": "minor",
    "minor": "minor",
    "aeolian": "minor",
    "natural minor": "minor",
    "moll": "minor",
    "mineur": "minor",
    "menor": "minor",
    "minore": "minor",
    **{name: name for name in MODES},
}
_KEY = re.compile(
    r"\s*([A-Ha-h])\s*(?:-\s*(?=sharp|flat))?([#♯b♭]|sharp|flat|is|es|s(?=[- ]))?\s*[- ]?\s*([a-z][a-z ]*)?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (pitch class) with a mode, and how the tonic is spelled."""

    tonic: int
    mode: str
    spelling: str

    @property
    def name(self) -> str:
        """For example "F# dorian"."""
        return f"{self.spelling} {self.mode}"

    @property
    def minor_like(self) -> bool:
        """Whether the third is minor."""
        return self.mode in MINOR_LIKE

    @property
    def scale(self) -> tuple[int, ...]:
        """The seven pitch classes from the tonic upwards."""
        return tuple((self.tonic + step) % 12 for step in MODES[self.mode])

    @property
    def midi_signature(self) -> str:
        """The key signature in MIDI's terms ("F#m", "Bb"); modes take the signature of their relative major."""
        relative = (self.tonic + _RELATIVE_MAJOR[self.mode]) % 12
        if self.mode in {"minor", "harmonic minor", "melodic minor"}:
            return f"{_MINOR_NAMES[self.tonic]}m"
        return _MAJOR_NAMES[relative]


def make_key(tonic: int, mode: str) -> Key:
    """A key with the tonic's usual spelling."""
    names = _MINOR_NAMES if mode in MINOR_LIKE else _MAJOR_NAMES
    return Key(tonic % 12, mode, names[tonic % 12])


def parse_key(text: str) -> Key | None:
    """Read "A minor", "F# dorian", "Bbm", "c-moll", "E flat major"; None if it is none of these."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    letter, accidental, word = match.group(1).upper(), (match.group(2) or "").lower(), (match.group(3) or "").strip()
    if accidental == "b" and word.lower() not in _MODE_WORDS:
        return None
    mode = "minor" if word == "m" else "major" if word == "M" else _MODE_WORDS.get(word.lower())
    if mode is None:
        return None
    shift = {"": 0, "#": 1, "♯": 1, "sharp": 1, "is": 1}.get(accidental, -1)
    spelling = ("B" if letter == "H" else letter) + ("#" if shift == 1 else "b" if shift == -1 else "")
    return Key((_LETTERS[letter] + shift) % 12, mode, spelling)
