"""Keys, chords and voicings against what music theory books say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.composer.chord import parse_chord
from services.generation.composer.pitch import MODES, make_key, parse_key
from services.generation.composer.voicing import lead_voices

C_MAJOR = make_key(0, "major")
C_MINOR = make_key(0, "minor")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A minor", "A minor"),
        ("F# dorian", "F# dorian"),
        ("Bbm", "Bb minor"),
        ("bb minor", "Bb minor"),
        ("b minor", "B minor"),
        ("c-moll", "C minor"),
        ("E flat major", "Eb major"),
        ("fis-moll", "F# minor"),
        ("As-Dur", "Ab major"),
        ("h-moll", "B minor"),
        ("G", "G major"),
        ("D♭ lydian", "Db lydian"),
        ("A harmonic minor", "A harmonic minor"),
    ],
)
def test_keys_are_read_in_their_usual_spellings(text: str, name: str) -> None:
    key = parse_key(text)
    assert key is not None
    assert key.name == name


@pytest.mark.parametrize("text", ["", "x minor", "A blue", "minor", "A minor seventh", "12", "Bbbb"])
def test_what_is_no_key_is_refused(text: str) -> None:
    assert parse_key(text) is None


def test_every_key_name_is_read_back_as_itself() -> None:
    for tonic in range(12):
        for mode in MODES:
            key = make_key(tonic, mode)
            assert parse_key(key.name) == key


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        ("A minor", "Am"),
        ("D dorian", "C"),
        ("F# major", "F#"),
        ("Eb minor", "Ebm"),
        ("G mixolydian", "C"),
        ("F lydian", "C"),
        ("E phrygian", "C"),
        ("B locrian", "C"),
        ("A harmonic minor", "Am"),
    ],
)
def test_modes_take_the_signature_of_their_relative_major(key: str, signature: str) -> None:
    parsed = parse_key(key)
    assert parsed is not None
    assert parsed.midi_signature == signature


@pytest.mark.parametrize(
    ("numeral", "pitches"),
    [
        ("I", {0, 4, 7}),
        ("ii9", {2, 5, 9, 0, 4}),
        ("V13", {7, 11, 2, 5, 9, 4}),
        ("Imaj7", {0, 4, 7, 11}),
        ("V7/vi", {4, 8, 11, 2}),
        ("bVII", {10, 2, 5}),
        ("iiø7", {2, 5, 8, 0}),
        ("viio7", {11, 2, 5, 8}),
        ("Vsus4", {7, 0, 2}),
        ("V9sus4", {7, 0, 2, 5, 9}),
        ("I5", {0, 7}),
        ("III+", {4, 8, 0}),
        ("iv6", {5, 8, 0, 2}),
        ("V7#9", {7, 11, 2, 5, 10}),
    ],
)
def test_roman_numerals_name_the_chords_of_c_major(numeral: str, pitches: set[int]) -> None:
    assert set(parse_chord(numeral, C_MAJOR).pitch_classes) == pitches


def test_degrees_count_in_the_mode_of_the_key() -> None:
    assert parse_chord("VI", C_MINOR).root == 8
    assert parse_chord("VI", make_key(0, "dorian")).root == 9
    assert parse_chord("II", make_key(4, "phrygian")).root == 5
    assert parse_chord("bII", C_MINOR).root == 1


def test_inversions_and_pedals_put_another_tone_in_the_bass() -> None:
    assert parse_chord("I^3", C_MAJOR).bass == 4
    assert parse_chord("V^5", C_MAJOR).bass == 2
    assert parse_chord("IV/1", C_MAJOR).bass == 0


@pytest.mark.parametrize("numeral", ["", "VIII", "H", "Iblue", "I/9", "iI"])
def test_what_is_no_numeral_is_refused(numeral: str) -> None:
    with pytest.raises(ValueError, match=r"numeral|quality"):
        parse_chord(numeral, C_MAJOR)


@given(
    numerals=st.lists(
        st.sampled_from(["I", "ii7", "iii7", "IVmaj9", "V13", "vi9", "V7/ii", "iv6"]), min_size=2, max_size=8
    ),
    voices=st.integers(3, 4),
    style=st.sampled_from(["close", "open", "rootless", "shell", "power"]),
)
def test_voices_stay_in_range_and_hold_only_chord_tones(numerals: list[str], voices: int, style: str) -> None:
    previous = None
    for numeral in numerals:
        chord = parse_chord(numeral, C_MAJOR)
        pitches = lead_voices(chord, previous, 50, 76, voices, style)
        assert list(pitches) == sorted(set(pitches))
        assert pitches[0] >= 50
        assert pitches[-1] <= 76
        assert all(pitch % 12 in chord.pitch_classes for pitch in pitches)
        previous = pitches


def test_voices_move_little_between_chords() -> None:
    progression = ["Imaj9", "vi9", "ii9", "V13"] * 4 + ["I", "V", "vi", "IV"] * 4
    moves = []
    previous = None
    for numeral in progression:
        pitches = lead_voices(parse_chord(numeral, C_MAJOR), previous, 50, 76, 4, "close")
        if previous is not None and len(previous) == len(pitches):
            moves += [abs(after - before) for before, after in zip(previous, pitches, strict=True)]
        previous = pitches
    assert sum(moves) / len(moves) <= 3.0


def test_a_range_narrower_than_the_chord_still_sounds() -> None:
    pitches = lead_voices(parse_chord("V13", C_MAJOR), None, 60, 66, 4, "close")
    assert pitches
    assert all(60 <= pitch <= 66 for pitch in pitches)
