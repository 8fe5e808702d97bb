"""From a key's name, modes among them, to the signature that MIDI files and scores write. Pure."""

from __future__ import annotations

import re
from typing import Final

# Keys as MIDI files name them → sharps (flats below 0) of their signature.
FIFTHS: Final = {
    name: fifths
    for fifths, names in enumerate(
        (("Cb", "Abm"), ("Gb", "Ebm"), ("Db", "Bbm"), ("Ab", "Fm"), ("Eb", "Cm"), ("Bb", "Gm"), ("F", "Dm"),
         ("C", "Am"),
         ("G", "Em"), ("D", "Bm"), ("A", "F#m"), ("E", "C#m"), ("B", "G#m"), ("F#", "D#m"), ("C#", "A#m")), -7
    )
    for name in names
}  # fmt: skip
_NAMES: Final = {(fifths, name.endswith("m")): name for name, fifths in FIFTHS.items()}
_MOST: Final = 7

# Fifths of each natural as the tonic of a major key; a sharp adds seven, a flat takes them away.
_NATURALS: Final = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
# Fifths that a mode's signature lies beside that of major on the same tonic; and whether its third is minor.
_MODES: Final = {
    "lydian": (1, False),
    "major": (0, False),
    "ionian": (0, False),
    "mixolydian": (-1, False),
    "dorian": (-2, True),
    "minor": (-3, True),
    "aeolian": (-3, True),
    "natural minor": (-3, True),
    "harmonic minor": (-3, True),
    "melodic minor": (-3, True),
    "phrygian": (-4, True),
    "locrian": (-5, True),
}
_ALIASES: Final = {"": "major", "maj": "major", "m": "minor", "min": "minor"}
_KEY: Final = re.compile(r"([A-Ga-g])([#♯b♭]?)\s*(.*)")


def signature_of(key: str) -> str:
    """The signature as MIDI names it ("C", "F#m"); empty for what is no key.

    A mode has the signature of its relative major, and counts as minor where its third is: "D dorian" is written like
    A minor. A key that would take more than seven accidentals is written as its enharmonic ("Db minor" as "C#m").
    """
    match = _KEY.fullmatch(key.strip())
    if match is None:
        return ""
    letter, accidental, said = match.groups()
    name = " ".join(said.lower().split())
    mode = _MODES.get(_ALIASES.get(name, name))
    if mode is None:
        return ""
    fifths = _NATURALS[letter.upper()] + mode[0]
    if accidental:
        fifths += 7 if accidental in "#♯" else -7
    if abs(fifths) > _MOST:
        fifths -= 12 if fifths > 0 else -12
    return _NAMES[fifths, mode[1]]
