"""Synthwave: pulsing eighth-note bass, gated drums, wide analogue chords, arpeggios and a singing lead."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, double, melody, pad, riser
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="synthwave",
    title="Synthwave",
    tempo=Tempo(86, 102, 118),
    modes=(("minor", 7), ("major", 2), ("dorian", 1)),
    form="song",
    harmony={
        "minor": Harmony(
            verse=(
                "i | VI | III | VII",
                "i | VII | VI | VII",
                "VI | VII | i | i",
                "i | i | VI | VII",
                "i | v | VI | iv",
            ),
            chorus=("VI | VII | i | III", "VI | III | VII | i", "iv | VI | i | VII", "i | VI | III | VII"),
            bridge=("iv | VI | VII | VII", "VI | v | iv | VII"),
            turnarounds=("VII", "Vsus4 V"),
            cadences=("VI VII", "VII"),
            finals=("i",),
        ),
        "major": Harmony(
            verse=("I | V | vi | IV", "vi | IV | I | V", "I | iii | IV | V"),
            chorus=("IV | V | vi | I", "I | V | ii | IV", "vi | IV | I | V"),
            bridge=("ii | vi | IV | V", "bVI | bVII | I | I"),
            turnarounds=("Vsus4 V", "V"),
            cadences=("bVI bVII", "IV V"),
            finals=("I",),
        ),
        "dorian": Harmony(
            verse=("i | IV | i | VII", "i | VII | IV | i"),
            chorus=("III | IV | i | i", "VII | IV | i | i"),
            bridge=("III | VII | IV | IV",),
            turnarounds=("VII", "IV"),
            cadences=("VII", "VII IV"),
            finals=("i",),
        ),
    },
    energy=0.65,
    drums=Drums(
        kits=(16, 24),
        enters=0.34,
        timing_ms=1.0,
        velocity_sd=5.0,
        grooves=(
            Groove(0.0, 0.55, {"kick": "X.......X.......", "snare": "....x.......x...", "hat": "o.o.o.o.o.o.o.o."}),
            Groove(0.45, 1.0, {"kick": "X...X...X...X...", "snare": "....X.......X...", "hat": "x.o.x.o.x.o.x.o."}),
            Groove(
                0.5,
                1.0,
                {
                    "kick": "X.......X.x.....",
                    "snare": "....X.......X...",
                    "hat": "xoxoxoxoxoxoxoxo",
                    "clap": "....o.......o...",
                },
            ),
            Groove(
                0.75,
                1.0,
                {
                    "kick": "X...X...X...X.x.",
                    "snare": "....X.......X...",
                    "hat": "x.o.x.o.x.o.x.o.",
                    "open": "..o...o...o...o.",
                    "tambourine": "..o...o...o...o.",
                },
            ),
        ),
        fills=(
            {"tom1": "xx......", "tom2": "..xx....", "tom3": "....xx..", "tom5": "......xx"},
            {"tom1": "x...", "tom3": ".x..", "tom5": "..xX"},
            {"snare": "x.x.xxxx"},
        ),
        gain_db=0.0,
        reverb_db=-13.0,
    ),
    layers=(
        pad("pad", (90, 89, 50), enters=0.0, gain_db=-6.0, velocity=70, width=0.7, reverb_db=-10.0, sidechain=True),
        chords(
            "arpeggio",
            (81, 80, 98),
            (("0-1-2-3-2-1-2-1-",), ("0-1-2-3-4-3-2-1-", "0121012101210121"), ("0123210123210123", "0123432101234321")),
            low=55,
            high=81,
            voices=4,
            velocity=70,
            enters=0.2,
            timing_ms=0.6,
            gate=0.75,
            gain_db=-7.0,
            pan=0.3,
            delay_db=-12.0,
            reverb_db=-13.0,
        ),
        bass(
            (38, 39),
            (("1-1-1-1-1-1-1-1-",), ("1-1-1-1-1-1-1-1-", "1.1.1.1.1.1.1.8."), ("1-8-1-8-1-8-1-8-", "1.111.111.111.81")),
            low=28,
            high=45,
            enters=0.28,
            velocity=98,
            timing_ms=0.8,
            gate=0.72,
            sidechain=True,
            gain_db=-4.0,
        ),
        chords(
            "stabs",
            (62, 90),
            (("x-----x---------",), ("x-..x-....x-....", "x-----x---x-----")),
            low=55,
            high=76,
            velocity=82,
            enters=0.68,
            timing_ms=1.0,
            gate=0.8,
            gain_db=-6.0,
            pan=-0.25,
            width=0.5,
        ),
        melody(
            (81, 84, 80, 66), low=62, high=84, velocity=90, gain_db=-2.0, delay_db=-11.0, reverb_db=-10.0, timing_ms=3.0
        ),
        double((90, 81), enters=0.84, octave=-1, chance=70),
        counter((50, 52), enters=0.75, chance=70),
        riser(),
    ),
    melody=MelodyStyle(cells="driving", pentatonic=30, leaps=35, breath=14, ornament=3, legato=0.95),
    ring_seconds=(1.4, 2.6, 4.5),
    mix=MixHints(reverb_seconds=2.4, delay_beats=0.75, delay_feedback=0.4, sidechain_db=4.0, drive_db=3.5),
    tags=("synthwave", "retro", "80s"),
)
