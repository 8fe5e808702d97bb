"""Trap: half-time drums with rolling hats, a long sub bass, bells and dark piano figures."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, melody, pad
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="trap",
    title="Trap",
    tempo=Tempo(130, 142, 156),
    modes=(("minor", 6), ("harmonic minor", 2), ("phrygian", 2)),
    form="loop",
    harmonic_rhythm=2,
    harmony={
        "minor": Harmony(
            verse=("i | VI", "i | iv", "i | VI | iv | v", "i | i | VI | VII"),
            chorus=("VI | VII | i | i", "i | VI | III | VII", "i | VI | iv | V"),
            bridge=("iv | VI", "VI | v | iv | V"),
            turnarounds=("V", "VII"),
            cadences=("V", "VI V"),
            finals=("i",),
        ),
        "harmonic minor": Harmony(
            verse=("i | VI | iv | V", "i | V", "i | i | iv | V7"),
            chorus=("i | VI | iv | V", "VI | V | i | i"),
            bridge=("iv | V", "iv | i | V | V7"),
            turnarounds=("V7",),
            cadences=("V7", "iv V7"),
            finals=("i",),
        ),
        "phrygian": Harmony(
            verse=("i | II", "i | i | II | i", "i | II | VII | i"),
            chorus=("i | II | iv | II", "VI | II | i | i"),
            bridge=("iv | II", "VII | II"),
            turnarounds=("II",),
            cadences=("II", "VII II"),
            finals=("i",),
        ),
    },
    energy=0.64,
    tonics=(0, 1, 2, 3, 4, 5, 6, 8, 10),
    drums=Drums(
        kits=(25,),
        enters=0.36,
        crash="crash",
        timing_ms=1.5,
        velocity_sd=6.0,
        grooves=(
            Groove(0.0, 0.5, {"kick": "x...............", "clap": "........x.......", "hat": "x.o.x.o.x.o.x.o."}),
            Groove(
                0.4,
                0.85,
                {
                    "kick": "X.....x.....x...|X.....x...x.....",
                    "clap": "........X.......",
                    "hat": "x...o...x...o...x...o...x.o.o.o.|x...o...x...o.o.xoooo...x...oooo",
                },
            ),
            Groove(
                0.4,
                0.85,
                {
                    "kick": "X......x..x.....|X..x..x....x....",
                    "clap": "........X.......",
                    "snare": "...............g",
                    "hat": "x.o.x.o.x.o.x.o.x.o.xoxoxoxox.o.|x.o.x.o.xxxxx.o.x.o.x.o.xooox.o.",
                },
            ),
            Groove(
                0.7,
                1.0,
                {
                    "kick": "X..x..x...x.x...|X.....x..xx...x.",
                    "clap": "........X.......",
                    "snare": "........X......g",
                    "hat": "xoxoxoxoxoxoxxxxxoxoxoxoxxxxxoxo|xoxoxoxxxxxoxoxoxoxoxoxoxoooxooo",
                    "open": "....o.......o...",
                },
            ),
        ),
        fills=({"snare": "....xxxx", "tom3": "x.x....."}, {"snare": "x.xxXXXX"}, {"clap": "x.x.", "snare": ".x.X"}),
        gain_db=0.0,
        reverb_db=-26.0,
    ),
    layers=(
        chords(
            "bells",
            (0, 10, 98, 46),
            (
                ("0---2---1---2---", "0-----2-----1---"),
                ("0--2--1-0--2--3-", "0-2-3-2-1-2-3-2-", "x-----x-----x---"),
                ("0-2-3-2-4-3-2-1-", "0--2--3-4--3--2-"),
            ),
            low=60,
            high=81,
            voices=3,
            velocity=80,
            ring=True,
            timing_ms=3.0,
            gain_db=-3.5,
            pan=-0.2,
            reverb_db=-12.0,
            delay_db=-14.0,
        ),
        bass(
            (38, 39),
            (
                ("1---------------", "1-----------1---"),
                ("1-----1-----1---|1-----1---1-----", "1------1--1---8-|1--1--1----1--5-"),
            ),
            low=28,
            high=43,
            enters=0.4,
            velocity=108,
            timing_ms=1.0,
            gain_db=-2.5,
            gate=0.98,
            high_cut_hz=3_500.0,
            low_cut_hz=24.0,
        ),
        melody(
            (73, 80, 75, 0), low=62, high=84, velocity=82, gain_db=-3.0, delay_db=-14.0, reverb_db=-10.0, timing_ms=3.0
        ),
        pad("choir", (52, 91, 89), enters=0.5, gain_db=-10.0, high_cut_hz=7_000.0),
        counter((48, 50), enters=0.78, chance=70),
        chords(
            "strings",
            (45, 48),
            (("0-0-1-0-0-0-1-0-", "0---0---1---0---"),),
            low=52,
            high=72,
            voices=3,
            enters=0.8,
            velocity=72,
            gain_db=-9.0,
            pan=0.35,
            timing_ms=4.0,
        ),
    ),
    melody=MelodyStyle(cells="hooky", pentatonic=40, leaps=35, breath=30, ornament=6, legato=0.85),
    ring_seconds=(1.4, 2.2, 4.0),
    mix=MixHints(reverb_seconds=1.8, reverb_dark_hz=6_000.0, delay_beats=0.75, sidechain_db=2.0, drive_db=4.0),
    section_contrast_db=1.0,
    tags=("trap", "808", "beats"),
)
