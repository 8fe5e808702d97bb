"""The signature of every key and mode, against the notes of its scale."""

from __future__ import annotations

import mido
import pytest

from services.processing.transcription.key_signature import FIFTHS, signature_of

NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
TONICS = {
    letter + accidental: (pitch + shift) % 12
    for letter, pitch in NATURALS.items()
    for accidental, shift in (("", 0), ("#", 1), ("b", -1))
}
# Semitones above the tonic: the white keys from each of them on.
MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
}
SHARPS = (6, 1, 8, 3, 10, 5, 0)
FLATS = (10, 3, 8, 1, 6, 11, 4)


def notes_of(fifths: int) -> set[int]:
    """The pitch classes that a signature leaves: each sharp takes F, C, … one up, each flat B, E, … one down."""
    notes = set(NATURALS.values())
    raised = ((note - 1) % 12 for note in SHARPS[: max(0, fifths)])
    lowered = ((note + 1) % 12 for note in FLATS[: max(0, -fifths)])
    notes -= {*raised, *lowered}
    return notes | set(SHARPS[: max(0, fifths)]) | set(FLATS[: max(0, -fifths)])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tonic", TONICS)
def test_signature_has_the_notes_and_the_third_of_the_key(tonic: str, mode: str) -> None:
    found = signature_of(f"{tonic} {mode}")
    assert notes_of(FIFTHS[found]) == {(TONICS[tonic] + step) % 12 for step in MODES[mode]}
    assert found.endswith("m") == (3 in MODES[mode])
    mido.MetaMessage("key_signature", key=found)


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        ("D dorian", "Am"),
        ("E phrygian", "Am"),
        ("G mixolydian", "C"),
        ("F lydian", "C"),
        ("Db minor", "C#m"),
        ("G# major", "Ab"),
        ("C# major", "C#"),
        ("Cb", "Cb"),
        ("F#m", "F#m"),
        ("Bb min", "Bbm"),
        ("E♭ harmonic minor", "Ebm"),
        ("A  Melodic  Minor", "Am"),
        (" c ", "C"),
    ],
)
def test_key_is_written_as_musicians_would(key: str, signature: str) -> None:
    assert signature_of(key) == signature


@pytest.mark.parametrize("key", ["", "H minor", "C klingon", "atonal", "C major or so", "##"])
def test_what_is_no_key_has_no_signature(key: str) -> None:
    assert signature_of(key) == ""
