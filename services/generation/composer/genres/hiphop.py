"""Boom bap hip hop: hard swung drums, a minor piano or string loop, brass stabs, a round bass."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, melody, pad
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Swing, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="hiphop",
    title="Boom bap hip hop",
    tempo=Tempo(84, 92, 100),
    modes=(("minor", 7), ("dorian", 3)),
    form="loop",
    harmony={
        "minor": Harmony(
            verse=("i7 | i7 | VImaj7 | V7", "i9 | iv7 | i9 | v7", "i | VI | iv | V", "i7 | VII | VImaj7 | VII"),
            chorus=("VImaj7 | VII | i7 | i7", "iv7 | i7 | VImaj7 | V7", "i7 | III | VImaj7 | V7"),
            bridge=("iv7 | v7 | iv7 | V7", "VImaj7 | VImaj7 | iv7 | V7"),
            turnarounds=("V7", "V7#9"),
            cadences=("iv7 V7", "VImaj7 V7"),
            finals=("i7", "i9"),
        ),
        "dorian": Harmony(
            verse=("i7 | IV7 | i7 | IV7", "i9 | i9 | IV9 | i9"),
            chorus=("IIImaj7 | IV7 | i7 | i7", "VII | IV7 | i7 | i7"),
            bridge=("ii7 | i7 | ii7 | IV7",),
            turnarounds=("IV7", "VII"),
            cadences=("ii7 IV7", "VII IV7"),
            finals=("i7", "i9"),
        ),
    },
    swing=Swing(240, 0.565),
    energy=0.62,
    drums=Drums(
        kits=(8, 16, 0),
        enters=0.3,
        crash="crash",
        feel="hiphop",
        timing_ms=9.0,
        velocity_sd=9.0,
        late_ms={"snare": 10.0, "hat": -2.0},
        grooves=(
            Groove(0.0, 0.55, {"kick": "x.x.......x.....", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."}),
            Groove(0.4, 1.0, {"kick": "X..x......x..x..", "snare": "....X..g....X..g", "hat": "x.o.x.o.x.o.x.og"}),
            Groove(0.4, 1.0, {"kick": "X.x....x.xx.....", "snare": "....X....g..X...", "hat": "x.o.xgo.x.o.x.o."}),
            Groove(
                0.7,
                1.0,
                {
                    "kick": "X......x..x..x.?",
                    "snare": "....X..g.g..X..g",
                    "hat": "x.o.x.o.x.o.x...",
                    "open": "..............o.",
                    "tambourine": "....o.......o...",
                },
            ),
        ),
        fills=({"snare": "..x.xoxx"}, {"snare": "x.xx", "kick": ".x.."}, {"kick": "xx......", "snare": "..g.x.XX"}),
        gain_db=0.0,
        reverb_db=-24.0,
    ),
    layers=(
        chords(
            "piano",
            (0, 4, 26),
            (
                ("x-------x-------", "x-----------x---"),
                ("x--x--x-....x---", "x-....x-..x-....", "0-2-1-2-3-2-1-2-"),
                ("x--x--x-..x-x---", "x-x-..x-..x-..x-", "0-2-3-2-4-3-2-1-"),
            ),
            low=50,
            high=74,
            velocity=78,
            timing_ms=8.0,
            gain_db=-3.5,
            pan=-0.15,
            reverb_db=-18.0,
            high_cut_hz=9_000.0,
        ),
        bass(
            (33, 32, 38),
            (("1-------....1---", "1-----1---------"), ("1--1......1--a--", "1-1....1..5---a-", "1------1..1--5a-")),
            low=28,
            high=45,
            enters=0.34,
            velocity=98,
            gain_db=-4.0,
            high_cut_hz=3_000.0,
        ),
        melody((73, 56, 11, 4), low=60, high=79, velocity=80, gain_db=-3.5, late_ms=8.0, high_cut_hz=9_000.0),
        chords(
            "stabs",
            (61, 48),
            (
                ("X...............|................", "......X-........|................"),
                ("X-....X-........", "..X-......X-...."),
            ),
            low=55,
            high=76,
            voices=3,
            velocity=86,
            enters=0.72,
            gain_db=-8.0,
            gate=0.7,
            pan=0.25,
            reverb_db=-14.0,
        ),
        pad("strings", (48, 49), enters=0.55, gain_db=-11.0),
        counter((48, 52), enters=0.8, chance=60),
    ),
    melody=MelodyStyle(cells="hooky", pentatonic=80, leaps=30, breath=45, ornament=5, legato=0.85),
    ring_seconds=(1.4, 2.2, 4.0),
    mix=MixHints(
        reverb_seconds=1.0, reverb_dark_hz=5_000.0, sidechain_db=1.5, drive_db=4.5, master_high_cut_hz=15_000.0
    ),
    vinyl_noise_db=-56.0,
    tags=("hip hop", "boom bap", "beats"),
)
