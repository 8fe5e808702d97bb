"""Twelve-bar blues: a shuffle, dominant sevenths, boogie bass, guitar and harmonica calling and answering."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, melody, pad
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Swing, Tempo
from services.generation.composer.score import MixHints

_MAJOR = (
    "I7 | IV7 | I7 | I7 | IV7 | IV7 | I7 | I7 | V7 | IV7 | I7 | V7",
    "I7 | I7 | I7 | I7 | IV7 | IV7 | I7 | I7 | V7 | IV7 | I7 | V7",
    "I7 | IV7 | I7 | I7 | IV7 | IV7 | I7 | V7/ii | ii7 | V7 | I7 IV7 | I7 V7",
)
_MINOR = (
    "i7 | iv7 | i7 | i7 | iv7 | iv7 | i7 | i7 | VI7 | V7 | i7 | V7",
    "i7 | i7 | i7 | i7 | iv7 | iv7 | i7 | i7 | V7 | iv7 | i7 | V7#9",
)

GENRE = Genre(
    id="blues",
    title="Blues",
    tempo=Tempo(72, 98, 126),
    modes=(("mixolydian", 7), ("minor", 3)),
    form="blues",
    tonics=(0, 2, 4, 5, 7, 9, 10),
    harmony={
        "mixolydian": Harmony(
            verse=_MAJOR,
            chorus=_MAJOR,
            bridge=("IV7 | IV7 | I7 | I7 | IV7 | IV7 | V7 | V7",),
            turnarounds=("V7",),
            cadences=("I7 IV7 | I7 V7", "V7 | IV7"),
            finals=("I7", "I9"),
        ),
        "major": Harmony(
            verse=_MAJOR,
            chorus=_MAJOR,
            bridge=("IV7 | IV7 | I7 | I7 | IV7 | IV7 | V7 | V7",),
            turnarounds=("V7",),
            cadences=("I7 IV7 | I7 V7", "V7 | IV7"),
            finals=("I7", "I6"),
        ),
        "minor": Harmony(
            verse=_MINOR,
            chorus=_MINOR,
            bridge=("iv7 | iv7 | i7 | i7 | VI7 | VI7 | V7 | V7",),
            turnarounds=("V7#9",),
            cadences=("VI7 | V7", "iv7 | V7"),
            finals=("i7", "i9"),
        ),
    },
    swing=Swing(480, 0.64),
    energy=0.6,
    drums=Drums(
        kits=(0, 8),
        enters=0.2,
        feel="jazz",
        timing_ms=8.0,
        velocity_sd=9.0,
        late_ms={"snare": 8.0},
        grooves=(
            Groove(0.0, 0.45, {"kick": "x.......x.......", "rim": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."}),
            Groove(0.4, 1.0, {"kick": "X.......X.x.....", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."}),
            Groove(
                0.55,
                1.0,
                {
                    "kick": "X.....x.X.......",
                    "snare": "....X..." + "....X.g.",
                    "ride": "x.o.x.o.x.o.x.o.",
                    "pedal": "....o.......o...",
                },
            ),
        ),
        fills=({"snare": "x.x.x.xx"}, {"snare": "x.x.....", "tom2": "....x...", "tom4": "......x."}, {"snare": "x.x."}),
        gain_db=-2.0,
        reverb_db=-20.0,
    ),
    layers=(
        chords(
            "guitar",
            (27, 29, 26),
            (
                ("x---....x---....", "....x-......x-.."),
                ("x.o.x.o.x.o.x.o.", "x-..o-..x-..o-x-", "....x-......x-x-"),
                ("x.x.x.x.x.x.x.x.", "x-x-..x-x-x-..x-"),
            ),
            low=45,
            high=67,
            voices=3,
            velocity=76,
            strum_ms=9.0,
            timing_ms=9.0,
            gain_db=-4.5,
            pan=0.3,
            gate=0.8,
        ),
        bass(
            (33, 32),
            (
                ("1---3---5---3---", "1---1---5---5---"),
                ("1-3-5-7-8-7-5-3-", "1---3---5---7---", "1---3---5---a---"),
                ("1-1-3-3-5-5-7-7-",),
            ),
            low=28,
            high=48,
            enters=0.2,
            velocity=94,
            timing_ms=7.0,
            gain_db=-3.5,
        ),
        melody(
            (22, 29, 66, 27), low=58, high=81, velocity=92, gain_db=-1.0, late_ms=8.0, timing_ms=12.0, delay_db=-22.0
        ),
        chords(
            "piano",
            (0, 3),
            (("....x-......x-..",), ("..x-..x-..x-..x-", "x-..x-x-..x-x-..", "0-2-3-2-4-2-3-2-")),
            low=57,
            high=77,
            voices=3,
            style="rootless",
            velocity=70,
            enters=0.5,
            gain_db=-7.0,
            pan=-0.35,
        ),
        pad("organ", (16, 18), low=52, high=72, voices=3, style="rootless", enters=0.62, chance=70, gain_db=-9.0),
    ),
    melody=MelodyStyle(
        cells="swing", pentatonic=60, leaps=35, breath=34, ornament=16, solo_cells="bebop", legato=0.88, sung_again=85
    ),
    ring_seconds=(1.4, 2.2, 4.0),
    ritardando=0.1,
    mix=MixHints(reverb_seconds=1.2, drive_db=3.0, width_db=0.5),
    tags=("blues",),
)
