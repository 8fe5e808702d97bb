"""Solo piano: broken chords in the left hand, a singing right hand, rubato at the ends."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, double, melody
from services.generation.composer.genres.profile import TUNEFUL, Genre, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

_AIR_DB = 5.0
"""The sampled grand was miked from afar; recorded ones sparkle."""

GENRE = Genre(
    id="piano",
    title="Solo piano",
    tempo=Tempo(58, 76, 108),
    modes=(("minor", 5), ("major", 5)),
    form="ternary",
    meters=(("4/4", 6), ("3/4", 2), ("6/8", 2)),
    harmony={
        "major": Harmony(
            verse=(
                "I | V^3 | vi | iii | IV | I^3 | ii7 | V7",
                "Iadd9 | V^3 | vi7 | IVmaj7",
                "I | iii | IV | iv | I^5 | ii7 | V7 | I",
                "Imaj7 | vi7 | ii7 | V7 | iii7 | vi7 | ii7 | V7",
            ),
            chorus=("IVmaj7 | V | iii7 | vi | ii7 | V7 | I | V7/IV", "IV | V^3 | I | vi | ii | V7/V | V7 | I"),
            bridge=(
                "vi | iii | IV | I | ii | vi | V7/V | V7",
                "iv | I | iv | I | bVI | bIII | ii7 | V7",
                "vi | V7/vi | vi | ii | V7/ii | ii | V7/V | V7",
            ),
            turnarounds=("V7", "ii7 V7"),
            cadences=("IV iv", "ii7 | V7", "I^5 V7"),
            finals=("I", "Iadd9"),
        ),
        "minor": Harmony(
            verse=(
                "i | VI | III | VII | iv | i^3 | iiø7 | V7",
                "i | v^3 | VI | III | iv | i | V7 | i",
                "iadd9 | VI | III | VII",
                "i | V^3 | VI | iv | i^5 | iiø7 | V7 | i",
            ),
            chorus=("VI | VII | III | i | iv | VII | III | V7", "III | VII | iv | VI | i | iiø7 | V7 | i"),
            bridge=("VI | III | iv | i | bII | VII | V7 | V7", "iv | VII | III | VI | iiø7 | V7 | V7 | V7"),
            turnarounds=("V7", "iiø7 V7"),
            cadences=("iv | V7", "iiø7 V7", "VI V7"),
            finals=("i", "iadd9"),
        ),
    },
    energy=0.5,
    layers=(
        chords(
            "left hand",
            0,
            (
                ("b---1---2---1---", "b-----1-2-----1-", "6:b---1-2-----"),
                ("b-1-2-1-3-2-1-2-", "b---0-1-2-1-0-1-", "3:b---1-2-3-2-"),
                ("b-1-2-3-4-3-2-1-", "b0120120b0120120", "b-2-1-2-b-2-1-2-"),
            ),
            low=48,
            high=67,
            voices=3,
            style="open",
            ring=True,
            velocity=74,
            timing_ms=13.0,
            velocity_sd=6.0,
            gain_db=-2.5,
            pan=-0.15,
            reverb_db=-14.0,
            low_cut_hz=40.0,
            air_db=_AIR_DB,
        ),
        bass(
            0,
            (("1---------------",), ("1---------------", "1-------5-------")),
            low=31,
            high=48,
            enters=0.0,
            velocity=64,
            gate=1.0,
            gain_db=-5.5,
            reverb_db=-14.0,
            timing_ms=12.0,
            air_db=_AIR_DB,
        ),
        melody(
            0,
            low=62,
            high=88,
            velocity=98,
            gain_db=0.0,
            delay_db=-120.0,
            reverb_db=-13.0,
            timing_ms=14.0,
            velocity_sd=7.0,
            pan=0.12,
            low_cut_hz=60.0,
            air_db=_AIR_DB,
        ),
        double(
            0,
            enters=0.56,
            octave=0,
            velocity=66,
            gain_db=-5.0,
            pan=0.12,
            air_db=_AIR_DB,
            only=frozenset({"theme", "contrast", "bridge", "chorus"}),
        ),
    ),
    melody=MelodyStyle(sections=TUNEFUL, cells="lyrical", pentatonic=10, leaps=45, breath=10, ornament=10, legato=0.99),
    ring_seconds=(2.0, 3.4, 6.0),
    ritardando=0.28,
    mix=MixHints(reverb_seconds=2.0, reverb_dark_hz=7_000.0, width_db=-1.2),
    section_contrast_db=8.0,
    tags=("piano", "solo", "classical"),
)
