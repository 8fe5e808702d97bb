"""Salsa and son: piano montuno against the clave, anticipated bass, congas, bells and brass."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, double, melody, pad
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="latin",
    title="Latin",
    tempo=Tempo(88, 98, 108),
    modes=(("minor", 5), ("major", 4), ("harmonic minor", 1)),
    form="song",
    harmony={
        "minor": Harmony(
            verse=("i | iv | V7 | i", "i VII | VI V7", "i | V7 | V7 | i", "i iv | V7 i"),
            chorus=("i | VII | VI | V7", "iv | i | V7 | i", "VI | VII | i | V7"),
            bridge=("iv | VII | III | VI | iiø7 | V7 | i | V7", "VI | V7 | VI | V7"),
            turnarounds=("V7",),
            cadences=("iv V7", "VI V7", "iiø7 V7"),
            finals=("i", "i69"),
        ),
        "major": Harmony(
            verse=("I | IV | V7 | IV", "I vi | ii V7", "I | ii | V7 | I", "ii7 | V7 | I | I"),
            chorus=("IV | V7 | I | V7/ii", "I | V7/ii | ii | V7"),
            bridge=("vi | V7/vi | vi | ii | V7/V | V7 | V7 | V7", "IV | iii | ii | V7"),
            turnarounds=("V7", "ii V7"),
            cadences=("ii V7", "IV V7"),
            finals=("I", "I69"),
        ),
        "harmonic minor": Harmony(
            verse=("i | V7 | i | V7", "i | iv | V7 | i"),
            chorus=("iv | i | V7 | i", "VI | V7 | iv | V7"),
            bridge=("VI | V7", "iv | V7"),
            turnarounds=("V7",),
            cadences=("iv V7",),
            finals=("i",),
        ),
    },
    energy=0.7,
    drums=Drums(
        kits=(0,),
        enters=0.2,
        crash="crash",
        feel="latin",
        timing_ms=7.0,
        velocity_sd=9.0,
        grooves=(
            Groove(
                0.0, 0.5, {"claves": "x..x..x...x.x...", "conga": "..x...xx..x...xx", "maracas": "o.o.o.o.o.o.o.o."}
            ),
            Groove(
                0.45,
                1.0,
                {
                    "claves": "x..x..x...x.x...",
                    "conga_mute": "x..gx...x..gx...",
                    "conga": "..x...xx..x...xx",
                    "conga_low": "...........x....",
                    "cowbell": "x...o...x...o...",
                    "maracas": "xoooxoooxoooxooo",
                },
            ),
            Groove(
                0.65,
                1.0,
                {
                    "kick": "...x..x....x..x.",
                    "claves": "..x.x...x..x..x.",
                    "conga_mute": "x..gx...x..gx...",
                    "conga": "..x...xx..x...xx",
                    "cowbell": "x.oox.o.x.oox.oo",
                    "guiro": "x...o.o.x...o.o.",
                    "timbale": "..............?.",
                    "bongo": "xoxoxoxoxoxoxoxo",
                },
            ),
        ),
        fills=(
            {"timbale": "x.xxx.xX"},
            {"timbale": "xxx.", "timbale_low": "...X"},
            {"timbale": "x..x..x.", "timbale_low": ".x..x..X", "kick": "x......x"},
        ),
        gain_db=-1.5,
        reverb_db=-20.0,
    ),
    layers=(
        chords(
            "montuno",
            0,
            (
                ("x-----x-----x---", "..x-..x-..x-..x-"),
                ("x.12.x1.2.x.12.1", "0.x.2.x.1.x.2.x.", "x-1-.x2-.x1-.x2-"),
                ("x.x12.x1.2x.1.2x", "0x.x2x.x.1x.x2x."),
            ),
            low=55,
            high=79,
            velocity=84,
            timing_ms=6.0,
            gate=0.75,
            gain_db=-3.0,
            pan=-0.25,
            reverb_db=-20.0,
        ),
        bass(
            (32, 33, 35),
            (
                ("1-----5-----8---", "1-----5-----1---"),
                ("1-----5---..a---", "......5---..1---|......5---..a---", "1--.5-8-...5a---"),
            ),
            low=28,
            high=47,
            enters=0.2,
            velocity=92,
            gain_db=-4.0,
            timing_ms=6.0,
        ),
        melody((56, 66, 73, 24), low=60, high=82, velocity=92, gain_db=-1.5, delay_db=-120.0, reverb_db=-15.0),
        chords(
            "brass",
            61,
            (
                ("X-..........x-..|................",),
                ("..X-..X-........|........X--.X-..", "X-X-....X--.....|......x-x-..X---"),
            ),
            low=57,
            high=77,
            voices=3,
            velocity=92,
            enters=0.68,
            gate=0.75,
            gain_db=-5.0,
            pan=0.25,
            timing_ms=8.0,
        ),
        double((57, 56), enters=0.76, octave=0, gain_db=-6.0),
        pad("strings", (48,), enters=0.7, chance=30, gain_db=-12.0),
    ),
    melody=MelodyStyle(
        cells="syncopated", pentatonic=15, leaps=40, breath=22, ornament=8, solo_cells="running", legato=0.85
    ),
    ring_seconds=(1.2, 1.8, 3.4),
    mix=MixHints(reverb_seconds=1.3),
    tags=("latin", "salsa"),
)
