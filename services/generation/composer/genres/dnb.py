"""Drum and bass: a fast broken beat, a deep reese or sub bass at half time, pads and quick arpeggios."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, melody, pad, riser
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="dnb",
    title="Drum and bass",
    tempo=Tempo(170, 174, 178),
    modes=(("minor", 7), ("dorian", 2), ("major", 1)),
    form="club",
    harmonic_rhythm=2,
    harmony={
        "minor": Harmony(
            verse=("i9 | VImaj7", "i7 | iv7 | VImaj7 | v7", "i9 | i9 | VImaj7 | VII"),
            chorus=("VImaj7 | VII | i9 | i9", "i9 | III | VImaj7 | v7", "iv9 | VImaj7 | i9 | VII"),
            bridge=("iv9 | v7", "VImaj7 | iv9 | i9 | VII"),
            turnarounds=(),
            cadences=("VII", "v7"),
            finals=("i9",),
        ),
        "dorian": Harmony(
            verse=("i9 | IV9", "i9 | ii7"),
            chorus=("i9 | VII | IV9 | i9", "IIImaj7 | IV9 | i9 | i9"),
            bridge=("VII | IV9",),
            turnarounds=(),
            cadences=("IV9",),
            finals=("i9",),
        ),
        "major": Harmony(
            verse=("Imaj9 | IVmaj7", "vi9 | IVmaj7"),
            chorus=("IVmaj7 | V | vi9 | Imaj9", "Imaj9 | iii7 | IVmaj7 | V"),
            bridge=("ii9 | vi9 | IVmaj7 | V",),
            turnarounds=(),
            cadences=("V",),
            finals=("Imaj9",),
        ),
    },
    energy=0.76,
    drums=Drums(
        kits=(8, 16, 24),
        enters=0.26,
        timing_ms=2.5,
        velocity_sd=7.0,
        grooves=(
            Groove(0.0, 0.5, {"kick": "X.........x.....", "rim": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."}),
            Groove(
                0.45,
                1.0,
                {
                    "kick": "X.........X.....",
                    "snare": "....X.......X...",
                    "hat": "x.o.x.o.x.o.x.o.",
                    "ride": "x...x...x...x...",
                },
            ),
            Groove(
                0.5,
                1.0,
                {
                    "kick": "X.X.......XX....|X.X.......X.....",
                    "snare": "....X..g.g..X..g|....X..g.g.g..X.",
                    "hat": "x.x.x.x.x.x.x.x.",
                },
            ),
            Groove(
                0.75,
                1.0,
                {
                    "kick": "X.x.......Xx....",
                    "snare": "....X..g.x.gX..g",
                    "hat": "xoxoxoxoxoxoxoxo",
                    "ride": "x.x.x.x.x.x.x.x.",
                    "shaker": "gogogogogogogogo",
                },
            ),
        ),
        fills=(
            {"snare": "x.gxg.xx", "kick": "x..x..x."},
            {"snare": "xxgxxgxx", "kick": "x......."},
            {"snare": "x.xx", "kick": "x..."},
            {"tom1": "xx......", "tom3": "..xx....", "tom5": "....xx..", "snare": "......xX"},
        ),
        gain_db=0.5,
        reverb_db=-24.0,
    ),
    layers=(
        bass(
            (38, 39, 87),
            (
                ("1---------------", "1-------------1-"),
                ("1-----1-....1---", "1-----------1-8-", "1--1------1-----"),
                ("1-1...1---1.8-a-", "1--1--8-..1-1---"),
            ),
            low=26,
            high=42,
            enters=0.34,
            velocity=106,
            timing_ms=1.0,
            gain_db=-3.0,
            gate=0.9,
            sidechain=True,
            high_cut_hz=4_000.0,
        ),
        pad("pad", (89, 91, 95), enters=0.1, gain_db=-7.0, sidechain=True, width=0.7),
        chords(
            "keys",
            (4, 5, 11),
            (("x---------------",), ("x-----x---......", "x---..x-....x---"), ("x--x--x-..x-....", "..x-..x-..x--x--")),
            low=55,
            high=76,
            style="rootless",
            velocity=76,
            enters=0.3,
            gain_db=-6.0,
            pan=-0.2,
            delay_db=-13.0,
            timing_ms=3.0,
            sidechain=True,
        ),
        chords(
            "arpeggio",
            (98, 46, 12),
            (("0-2-1-3-0-2-1-3-",), ("0213021302130213", "0123210123210123")),
            low=62,
            high=84,
            enters=0.62,
            velocity=66,
            gain_db=-10.0,
            pan=0.35,
            delay_db=-12.0,
            timing_ms=1.0,
            chance=80,
        ),
        melody(
            (81, 73, 52, 80), low=62, high=84, velocity=82, gain_db=-3.5, delay_db=-12.0, reverb_db=-10.0, timing_ms=4.0
        ),
        counter((48, 50), enters=0.8, chance=70),
        riser(),
    ),
    melody=MelodyStyle(
        cells="broad",
        sections=frozenset({"drop", "breakdown", "chorus", "verse"}),
        pentatonic=50,
        leaps=35,
        breath=25,
        ornament=3,
    ),
    ring_seconds=(1.2, 2.0, 3.8),
    mix=MixHints(
        reverb_seconds=2.2,
        delay_beats=0.75,
        sidechain_db=5.0,
        sidechain_release_beats=0.5,
        drive_db=4.0,
        weight_db=4.5,
        width_db=1.5,
    ),
    tags=("drum and bass", "electronic"),
)
