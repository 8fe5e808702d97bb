"""Progressions for modes that a genre has none of its own for: they show the degree that makes the mode."""

from __future__ import annotations

from services.generation.composer.genres.profile import Harmony

MODAL_HARMONY: dict[str, Harmony] = {
    "major": Harmony(
        verse=("I | V | vi | IV", "I | vi | IV | V", "I | IV | vi | V", "I^3 | IV | I | V"),
        chorus=("IV | V | I | vi", "I | V | vi | IV", "vi | IV | I | V"),
        bridge=("vi | iii | IV | V", "ii | vi | IV | V", "IV | I | ii | V"),
        turnarounds=("V", "IV V", "Vsus4 V"),
        cadences=("IV V", "ii V", "IV | V"),
        finals=("I",),
    ),
    "minor": Harmony(
        verse=("i | VI | III | VII", "i | iv | VI | VII", "i | VII | VI | VII", "i | v | VI | iv"),
        chorus=("VI | VII | i | i", "i | VI | III | VII", "VI | III | VII | i"),
        bridge=("iv | VI | III | VII", "VI | iv | i | VII", "iv | i | VI | V"),
        turnarounds=("V", "VII", "iv V"),
        cadences=("iv V", "VI VII", "iv | V"),
        finals=("i",),
    ),
    "dorian": Harmony(
        verse=("i7 | IV7 | i7 | IV7", "i7 | IV | VII | i7", "i7 | i7 | IV7 | IV7"),
        chorus=("i7 | III | IV | i7", "VII | IV | i7 | i7", "i7 | VII | IV | i7"),
        bridge=("III | VII | IV | i7", "ii7 | i7 | ii7 | IV"),
        turnarounds=("IV7", "VII"),
        cadences=("IV7", "VII IV", "ii7 | IV7"),
        finals=("i7", "i"),
    ),
    "phrygian": Harmony(
        verse=("i | II | i | VII", "i | II | III | II", "i | i | II | II"),
        chorus=("i | II | VII | i", "VI | VII | i | II"),
        bridge=("iv | III | II | i", "VI | III | II | i"),
        turnarounds=("II", "VII"),
        cadences=("II", "III II", "VII | II"),
        finals=("i",),
    ),
    "lydian": Harmony(
        verse=("Imaj7 | II | Imaj7 | II", "I | II | vii | I", "Imaj7 | II | vi7 | II"),
        chorus=("I | V | II | I", "I | II | iii | II"),
        bridge=("vi | II | V | I", "iii | II | I | II"),
        turnarounds=("II", "V"),
        cadences=("II", "V", "II | V"),
        finals=("Imaj7", "I"),
    ),
    "mixolydian": Harmony(
        verse=("I | VII | IV | I", "I | v | IV | I", "I7 | IV | VII | I7"),
        chorus=("I | VII | IV | IV", "VII | IV | I | I", "I | IV | VII | I"),
        bridge=("IV | VII | I | v", "vi | v | IV | VII"),
        turnarounds=("VII", "v"),
        cadences=("VII", "v IV", "VII | IV"),
        finals=("I", "I7"),
    ),
    "locrian": Harmony(
        verse=("i5 | II | i5 | II", "i5 | vii | II | i5"),
        chorus=("II | vii | VI | i5", "i5 | VI | II | i5"),
        bridge=("VI | V | II | i5", "iii | II | VI | i5"),
        turnarounds=("II",),
        cadences=("II", "vii II"),
        finals=("i5",),
    ),
    "harmonic minor": Harmony(
        verse=("i | iv | V7 | i", "i | VI | iv | V7", "i | V7 | i | iv"),
        chorus=("VI | iv | V7 | i", "i | iv | i | V7"),
        bridge=("iv | i | V7 | i", "VI | iv | iiø7 | V7"),
        turnarounds=("V7", "iiø7 V7"),
        cadences=("iv V7", "iiø7 | V7"),
        finals=("i",),
    ),
    "melodic minor": Harmony(
        verse=("i6 | IV7 | i6 | V7", "i6 | ii7 | V7 | i6"),
        chorus=("i6 | IV7 | V7 | i6", "IV7 | V7 | i6 | i6"),
        bridge=("ii7 | V7 | i6 | IV7", "IV7 | i6 | ii7 | V7"),
        turnarounds=("V7", "ii7 V7"),
        cadences=("ii7 V7", "ii7 | V7"),
        finals=("i6", "i"),
    ),
}
