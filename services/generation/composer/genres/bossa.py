"""Bossa nova: a nylon guitar's syncopated chords, a soft two-feel bass, cross-stick clave, flute or sax on top."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, melody
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="bossa",
    title="Bossa nova",
    tempo=Tempo(116, 130, 146),
    modes=(("major", 6), ("minor", 4)),
    form="head",
    harmony={
        "major": Harmony(
            verse=(
                "Imaj9 | Imaj9 | V7/V | V7/V | ii9 | V13 | Imaj9 | bII9",
                "Imaj9 | vi9 | ii9 | V13 | iii7 | V7/ii | ii9 | V13",
                "Imaj9 | IVmaj9 | iii7 | V7/ii | ii9 | iv6 | Imaj9 | V13",
            ),
            chorus=("IVmaj9 | iv6 | iii7 | V7/ii | ii9 | V13 | Imaj9 | Imaj9",),
            bridge=(
                "bIImaj9 | bIImaj9 | Imaj9 | Imaj9 | ii9 | V7/ii | ii9 | V13",
                "iv9 | bVII9 | Imaj9 | vi9 | ii9 | V7/V | ii9 | V7b9",
            ),
            turnarounds=("ii9 V13", "bII9"),
            cadences=("ii9 | V13", "ii9 bII9"),
            finals=("I69", "Imaj9"),
        ),
        "minor": Harmony(
            verse=(
                "i69 | i69 | iiø7 | V7b9 | i9 | IV9 | iiø7 | V7b9",
                "i9 | iv9 | VII13 | IIImaj9 | VImaj9 | iiø7 | V7b9 | i69",
            ),
            chorus=("iv9 | VII13 | IIImaj9 | VImaj9 | iiø7 | V7b9 | i69 | i69",),
            bridge=(
                "iv9 | VII13 | IIImaj9 | VImaj9 | iiø7 | bII9 | i9 | V7b9",
                "VImaj9 | V7b9 | i69 | V7/iv | iv9 | bII9 | iiø7 | V7b9",
            ),
            turnarounds=("iiø7 V7b9", "bII9"),
            cadences=("iiø7 | V7b9", "iiø7 bII9"),
            finals=("i69", "i9"),
        ),
    },
    energy=0.5,
    drums=Drums(
        kits=(40, 32),
        enters=0.3,
        crash="",
        feel="latin",
        timing_ms=8.0,
        velocity_sd=8.0,
        grooves=(
            Groove(0.0, 0.5, {"rim": "x..x..x...x..x..", "shaker": "o.g.o.g.o.g.o.g."}),
            Groove(
                0.4,
                1.0,
                {
                    "kick": "o..oo..oo..oo..o",
                    "rim": "x..x..x...x..x..",
                    "hat": "xoxoxoxoxoxoxoxo",
                    "pedal": "....o.......o...",
                },
            ),
            Groove(
                0.55,
                1.0,
                {
                    "kick": "o..oo..oo..oo..o",
                    "rim": "..x...x..x..x...|x..x..x...x..x..",
                    "hat": "xoxoxoxoxoxoxoxo",
                    "shaker": "ogogogogogogogog",
                },
            ),
        ),
        fills=({"rim": "x.xx"}, {"snare": "g.o.goxo"}, {"tom2": "o.o.", "tom4": "...x"}),
        gain_db=-4.0,
        reverb_db=-18.0,
    ),
    layers=(
        chords(
            "guitar",
            24,
            (
                ("b-----t-b---t---", "b---t---f---t---"),
                ("b--tb-t-f--tf-t-|b-t-b-t-f-t-..t-", "b-t-..t-f--t..t-|b-..t-..f-t-..t-", "x--x--x---x--x--"),
                ("b-tt.-t-f-tt..t-|b-t-.tt-f-t-.tt-", "x--x-xx--xx--x--"),
            ),
            low=50,
            high=71,
            style="rootless",
            velocity=74,
            strum_ms=6.0,
            timing_ms=9.0,
            velocity_sd=8.0,
            gate=0.9,
            gain_db=-2.0,
            pan=-0.22,
            reverb_db=-18.0,
        ),
        bass(
            (32, 33),
            (("1-----------5---", "1-----5-5-----1-"), ("1-----5-5-----1-", "1--1--5-5--5--a-")),
            enters=0.25,
            velocity=82,
            timing_ms=7.0,
            low=28,
            high=48,
            gain_db=-5.0,
        ),
        melody(
            (73, 66, 24, 11),
            low=60,
            high=81,
            velocity=80,
            gain_db=-1.5,
            reverb_db=-13.0,
            delay_db=-120.0,
            timing_ms=12.0,
            late_ms=6.0,
        ),
        chords(
            "piano",
            (0, 4),
            (("............x---|................",), ("..x-....x-......|....x-....x-....", "......x-..x-....")),
            low=57,
            high=77,
            style="rootless",
            velocity=62,
            enters=0.55,
            chance=70,
            gain_db=-9.0,
            pan=0.3,
            timing_ms=9.0,
        ),
        counter((49, 48), enters=0.6, chance=60, gain_db=-11.0),
    ),
    melody=MelodyStyle(
        cells="syncopated", pentatonic=10, leaps=40, breath=22, ornament=8, solo_cells="bebop", legato=0.92
    ),
    ring_seconds=(1.6, 2.6, 4.4),
    mix=MixHints(reverb_seconds=1.4, reverb_dark_hz=7_000.0, width_db=0.5),
    section_contrast_db=6.5,
    tags=("bossa nova", "latin", "acoustic"),
)
