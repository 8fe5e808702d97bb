"""Classical orchestra: strings carry the harmony, woodwinds the theme, horns and timpani the weight; often in three."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, double, melody, pad
from services.generation.composer.genres.profile import TUNEFUL, Genre, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="orchestral",
    title="Classical orchestra",
    tempo=Tempo(76, 104, 144),
    modes=(("major", 6), ("minor", 4)),
    form="ternary",
    tonics=(0, 2, 3, 5, 7, 9, 10),
    meters=(("4/4", 5), ("3/4", 4), ("6/8", 1)),
    harmony={
        "major": Harmony(
            verse=(
                "I | V7 | V7 | I | IV | I^3 | ii^3 | V7",
                "I | IV | V7 | I | vi | ii | V7 | I",
                "I | V^3 | vi | iii | IV | I | ii7 | V7",
                "I | I^3 | IV | V7 | I | ii^3 | I^5 V7 | I",
            ),
            chorus=("IV | I^3 | ii | V7 | vi | ii^3 | I^5 V7 | I", "I | V7/IV | IV | iv | I^5 | V7 | I | V7"),
            bridge=(
                "vi | V7/vi | vi | ii | V7/V | V | V7/V | V7",
                "V | V7/V | V | I | ii | V7/ii | ii | V7",
                "IV | ii | V7/vi | vi | ii | V7/V | V7 | V7",
            ),
            turnarounds=("V7", "ii^3 V7"),
            cadences=("ii^3 | I^5 V7", "IV | V7", "I^5 V7"),
            finals=("I",),
        ),
        "minor": Harmony(
            verse=(
                "i | V7 | i | iv | i^5 | V7 | i | V7",
                "i | iv | V7 | i | VI | iiø7 | V7 | i",
                "i | V^3 | i | VI | iv | iiø7 | V7 | i",
            ),
            chorus=("III | VII | i | V7 | VI | iv | V7 | i", "iv | i | V7 | i | bII | V7 | i | V7"),
            bridge=("III | VII | III | V7/iv | iv | V7/V | V7 | V7", "VI | III | iv | V7 | VI | bII | V7 | V7"),
            turnarounds=("V7", "iiø7 V7"),
            cadences=("iv | i^5 V7", "iiø7 | V7"),
            finals=("i", "I"),
        ),
    },
    energy=0.55,
    layers=(
        chords(
            "strings",
            (48,),
            (
                ("x---------------", "x-------x-------"),
                ("3:0---t---t---|0---t---t---", "0---2---1---2---", "x---x---x---x---"),
                ("0-2-1-2-0-2-1-2-", "x-x-x-x-x-x-x-x-", "0-1-2-1-0-1-2-1-"),
            ),
            low=50,
            high=74,
            voices=3,
            velocity=72,
            gate=0.8,
            timing_ms=10.0,
            velocity_sd=6.0,
            gain_db=-3.5,
            pan=-0.25,
            reverb_db=-11.0,
        ),
        bass(
            (43, 42),
            (("1---------------",), ("1-------5-------", "1---....1---5---"), ("1---5---8---5---", "1---3---5---a---")),
            low=31,
            high=50,
            enters=0.25,
            velocity=80,
            gate=0.88,
            gain_db=-4.5,
            reverb_db=-12.0,
            timing_ms=10.0,
            pan=0.25,
        ),
        melody(
            (73, 40, 68, 71),
            low=62,
            high=86,
            velocity=84,
            gain_db=-1.0,
            delay_db=-120.0,
            reverb_db=-10.0,
            timing_ms=11.0,
        ),
        counter((42, 70, 60), low=45, high=67, enters=0.45, velocity=72, gain_db=-6.5, reverb_db=-9.0),
        pad("horns", (60,), low=48, high=69, voices=3, enters=0.58, velocity=66, gain_db=-8.0, pan=0.15),
        double(
            (40, 68, 48), enters=0.6, octave=-1, gain_db=-6.0, only=frozenset({"theme", "contrast", "climax", "chorus"})
        ),
        chords(
            "pizzicato",
            (45, 46),
            (("b...t...b...t...", "b.......f......."), ("b...t...f...t...", "0.1.2.1.0.1.2.1.")),
            low=50,
            high=72,
            voices=3,
            velocity=72,
            enters=0.4,
            chance=70,
            gain_db=-7.0,
            pan=0.3,
            timing_ms=9.0,
        ),
        chords(
            "timpani",
            47,
            (("b---............|................",), ("b-......f-......",)),
            low=50,
            high=62,
            voices=2,
            velocity=76,
            enters=0.66,
            gain_db=-9.0,
        ),
    ),
    melody=MelodyStyle(sections=TUNEFUL, cells="lyrical", pentatonic=0, leaps=45, breath=6, ornament=12, legato=0.96),
    ring_seconds=(1.6, 2.8, 5.0),
    ritardando=0.22,
    mix=MixHints(reverb_seconds=2.4, reverb_dark_hz=7_000.0, weight_db=4.0),
    section_contrast_db=6.5,
    tags=("orchestral", "classical"),
)
