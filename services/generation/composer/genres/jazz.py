"""Swing jazz: a walking bass, ride cymbal, rootless piano voicings, a horn that plays the head and then solos."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, melody
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Swing, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="jazz",
    title="Swing jazz",
    tempo=Tempo(108, 142, 190),
    modes=(("major", 6), ("minor", 4)),
    form="head",
    harmony={
        "major": Harmony(
            verse=(
                "Imaj9 | vi9 | ii9 | V13 | iii7 | V7/ii | ii9 | V13",
                "ii9 | V13 | Imaj9 | Imaj9 | ii9 | V13 | Imaj9 | V7/ii",
                "Imaj9 | V7/IV | IVmaj9 | iv6 | iii7 | V7/ii | ii9 V13 | I69",
                "I69 | bVII9 | I69 | V7/ii | ii9 | V13 | Imaj9 vi9 | ii9 V13",
            ),
            chorus=("IVmaj9 | iv6 | iii7 | V7/ii | ii9 | V13 | Imaj9 | Imaj9",),
            bridge=(
                "V7/vi | V7/vi | V7/ii | V7/ii | V7/V | V7/V | V13 | V7b9",
                "IVmaj9 | iv6 | Imaj9 | V7/ii | V7/V | V7/V | ii9 | V13",
            ),
            turnarounds=("ii9 V13", "iii7 V7/ii"),
            cadences=("ii9 | V13", "ii9 V7b9"),
            finals=("I69", "Imaj9"),
        ),
        "minor": Harmony(
            verse=(
                "i69 | iiø7 V7b9 | i69 | V7/iv | iv9 | VII13 | IIImaj9 | iiø7 V7b9",
                "iv9 | VII13 | IIImaj9 | VImaj9 | iiø7 | V7b9 | i69 | i69",
                "i9 | i9 | iv9 | iv9 | i9 | VI9 | V7#9 | i9",
            ),
            chorus=("iv9 | VII13 | IIImaj9 | VImaj9 | iiø7 | V7b9 | i69 | i69",),
            bridge=(
                "iv9 | VII13 | IIImaj9 | IIImaj9 | iv9 | bII9 | iiø7 | V7b9",
                "V7/iv | V7/iv | iv9 | iv9 | VII13 | IIImaj9 | iiø7 | V7b9",
            ),
            turnarounds=("iiø7 V7b9", "VI9 V7#9"),
            cadences=("iiø7 | V7b9", "iiø7 V7#9"),
            finals=("i69", "i9"),
        ),
    },
    swing=Swing(480, 0.645),
    tonics=(0, 2, 3, 5, 7, 8, 10),
    energy=0.6,
    meters=(("4/4", 9), ("3/4", 1)),
    drums=Drums(
        kits=(32, 40),
        enters=0.18,
        crash="",
        feel="jazz",
        timing_ms=9.0,
        velocity_sd=11.0,
        late_ms={"ride": -3.0, "snare": 6.0},
        grooves=(
            Groove(0.0, 0.45, {"hat": "o...x.o.o...x.o.", "pedal": "....o.......o...", "kick": "g.......g......."}),
            Groove(
                0.4,
                0.75,
                {
                    "ride": "x...X.x.x...X.x.",
                    "pedal": "....x.......x...",
                    "kick": "g...g...g...g...",
                    "snare": "......?.........|..............?.",
                },
            ),
            Groove(
                0.6,
                1.0,
                {
                    "ride": "x...X.x.x...X.x.",
                    "pedal": "....x.......x...",
                    "kick": "g..?g...g..?g...",
                    "snare": "......g...?...o.|..?...o.....g.?.",
                },
            ),
        ),
        fills=(
            {"snare": "x.oxo.x.", "tom2": "........", "kick": "x......x"},
            {"snare": "x.o.....", "tom2": "....x.o.", "tom4": "......x."},
            {"snare": "o.x.x.x."},
            {"tom1": "x.x.....", "tom3": "....x.x.", "kick": "......x."},
        ),
        gain_db=-5.0,
        reverb_db=-18.0,
    ),
    layers=(
        chords(
            "piano",
            (0,),
            (
                ("x-----------....", "x---------......", "..x---------...."),
                (
                    "x---..x-........|......x---......",
                    "..x---......x---|......o-..x-....",
                    "x-....x---......|..o-....x---....",
                ),
                (
                    "x-..x-....x---..|..x-..x---..x-..",
                    "..x-..x-..X-....|x-....x-..x---..",
                    "x---..x-....x-..|..X-....x-..x---",
                ),
            ),
            low=52,
            high=74,
            style="rootless",
            velocity=72,
            timing_ms=11.0,
            velocity_sd=9.0,
            gate=0.85,
            gain_db=-4.0,
            pan=-0.25,
            reverb_db=-18.0,
        ),
        bass(32, (("w",),), low=28, high=52, enters=0.2, velocity=92, gain_db=-3.5, reverb_db=-26.0, gate=0.9),
        melody(
            (66, 65, 56, 11, 26),
            low=55,
            high=79,
            velocity=88,
            timing_ms=12.0,
            velocity_sd=8.0,
            late_ms=10.0,
            pan=0.1,
            delay_db=-120.0,
            reverb_db=-15.0,
        ),
        counter((57, 65), low=50, high=68, enters=0.78, chance=40, gain_db=-10.0),
    ),
    melody=MelodyStyle(cells="swing", pentatonic=0, leaps=45, breath=28, ornament=14, solo_cells="bebop", legato=0.88),
    ring_seconds=(1.6, 2.6, 4.5),
    mix=MixHints(reverb_seconds=1.1, reverb_dark_hz=7_000.0),
    section_contrast_db=7.0,
    tags=("jazz", "swing"),
)
