"""Dubstep: half-time drums at 140, a growling bass in its own rhythms, big chords that duck, a sparse tense break."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, melody, pad, riser
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="dubstep",
    title="Dubstep",
    tempo=Tempo(138, 140, 145),
    modes=(("minor", 6), ("phrygian", 3)),
    form="club",
    harmonic_rhythm=2,
    harmony={
        "minor": Harmony(
            verse=("i | VI", "i | VI | III | VII", "i | iv"),
            chorus=("i | VI | iv | VII", "VI | VII | i | i", "i | i | VI | v"),
            bridge=("iv | VI", "VI | III | VII | iv"),
            turnarounds=(),
            cadences=("VII", "v"),
            finals=("i", "i5"),
        ),
        "phrygian": Harmony(
            verse=("i | II", "i | i | II | VII"),
            chorus=("i | II | i | VII", "i | i | II | II"),
            bridge=("VI | II", "iv | II"),
            turnarounds=(),
            cadences=("II",),
            finals=("i5",),
        ),
    },
    energy=0.78,
    tonics=(0, 2, 4, 5, 7, 9),
    drums=Drums(
        kits=(16, 24),
        enters=0.34,
        timing_ms=1.0,
        velocity_sd=5.0,
        grooves=(
            Groove(0.0, 0.55, {"kick": "x.........x.....", "snare": "........x.......", "hat": "o...o...o...o..."}),
            Groove(
                0.5,
                1.0,
                {
                    "kick": "X..x......x.....|X.....x...x..x..",
                    "snare": "........X.......",
                    "hat": "x.o.x.o.x.o.xoxo",
                    "clap": "........x.......",
                },
            ),
            Groove(
                0.7,
                1.0,
                {
                    "kick": "X..X..x...x...x.|X.x...x....x....",
                    "snare": "........X.......",
                    "clap": "........X.......",
                    "hat": "xoxox.o.xoxoxxxx",
                    "open": "....o.......o...",
                    "crash": "................|................|................|..............o.",
                },
            ),
        ),
        fills=(
            {"snare": "x..x..xx", "kick": "x..x...."},
            {"snare": "xxxxXXXX"},
            {"tom3": "x.x.x...", "snare": "......xX"},
        ),
        gain_db=0.5,
        reverb_db=-22.0,
    ),
    layers=(
        bass(
            (87, 38, 39),
            (
                ("1---------------", "1-------1-------"),
                ("1-1-1-1-........", "1---1-1-..1-1---", "1..1..1.1-1-1-1-"),
                (
                    "1-1-1-1-8...1.1.|1..1..1.1111....",
                    "111.1.1.1-8-1-5-|1-1-..11.1.18-1-",
                    "1.11.1.18-..1-1-|1---8-1-1-1-a---",
                ),
            ),
            low=26,
            high=43,
            enters=0.42,
            velocity=110,
            timing_ms=0.6,
            velocity_sd=9.0,
            gate=0.8,
            gain_db=-1.5,
            sidechain=True,
            high_cut_hz=7_000.0,
        ),
        chords(
            "chords",
            (90, 62, 81),
            (("x---------------",), ("x-----------x---", "X-..X-......x---"), ("X-..X-..........|X-....X-..X-....",)),
            low=55,
            high=77,
            velocity=86,
            enters=0.6,
            timing_ms=0.6,
            gain_db=-4.5,
            width=0.7,
            sidechain=True,
        ),
        chords(
            "piano",
            (0, 10, 98),
            (("0---2---1---3---", "x-------x-------"), ("0-2-3-2-0-2-3-1-",)),
            low=57,
            high=79,
            ring=True,
            velocity=74,
            leaves=0.82,
            gain_db=-4.0,
            reverb_db=-10.0,
            delay_db=-14.0,
        ),
        pad("pad", (89, 91, 52), enters=0.12, gain_db=-9.0, sidechain=True),
        melody((81, 84, 80), low=62, high=82, velocity=88, gain_db=-3.5, delay_db=-13.0, timing_ms=2.0),
        riser(),
    ),
    melody=MelodyStyle(
        cells="hooky",
        sections=frozenset({"drop", "verse", "breakdown", "chorus"}),
        pentatonic=60,
        leaps=30,
        breath=35,
        ornament=2,
        legato=0.8,
    ),
    ring_seconds=(1.2, 2.0, 4.0),
    mix=MixHints(reverb_seconds=2.0, delay_beats=0.75, sidechain_db=7.0, drive_db=6.0, weight_db=1.5, width_db=1.5),
    tags=("dubstep", "electronic", "bass music"),
)
