"""Folk: fingerpicked and strummed steel-string guitar, fiddle or whistle, light percussion; often in three or six."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, counter, double, melody
from services.generation.composer.genres.profile import TUNEFUL, Drums, Genre, Groove, Harmony, MelodyStyle, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="folk",
    title="Acoustic folk",
    tempo=Tempo(84, 104, 124),
    modes=(("major", 5), ("mixolydian", 2), ("dorian", 2), ("minor", 2)),
    form="song",
    tonics=(0, 2, 4, 7, 9),
    meters=(("4/4", 6), ("3/4", 2), ("6/8", 2)),
    harmony={
        "major": Harmony(
            verse=("I | IV | I | V", "I | V^3 | vi | IV", "I | I | IV | V", "vi | IV | I | V", "I | iii | IV | I"),
            chorus=("IV | I | V | vi", "IV | V | I | vi", "I | V | IV | I", "vi | IV | I | V"),
            bridge=("ii | vi | IV | V", "vi | iii | IV | V"),
            turnarounds=("V", "IV V"),
            cadences=("IV V", "V", "IV | V"),
            finals=("I", "Iadd9"),
        ),
        "mixolydian": Harmony(
            verse=("I | VII | IV | I", "I | v | VII | I", "I | I | VII | VII"),
            chorus=("IV | I | VII | I", "VII | IV | I | I"),
            bridge=("vi | VII | IV | I", "v | VII | IV | IV"),
            turnarounds=("VII",),
            cadences=("VII", "VII IV"),
            finals=("I",),
        ),
        "dorian": Harmony(
            verse=("i | VII | i | IV", "i | i | VII | VII", "i | IV | VII | i"),
            chorus=("III | VII | i | IV", "VII | IV | i | i"),
            bridge=("III | VII | IV | i",),
            turnarounds=("VII", "IV"),
            cadences=("VII", "VII IV"),
            finals=("i",),
        ),
        "minor": Harmony(
            verse=("i | VII | VI | VII", "i | VI | III | VII", "i | iv | i | VII"),
            chorus=("VI | III | VII | i", "III | VII | i | VI"),
            bridge=("iv | i | VI | VII", "VI | iv | i | V"),
            turnarounds=("VII", "V"),
            cadences=("VI VII", "iv V"),
            finals=("i",),
        ),
    },
    energy=0.5,
    drums=Drums(
        kits=(0, 40),
        enters=0.46,
        crash="",
        timing_ms=9.0,
        velocity_sd=9.0,
        grooves=(
            Groove(0.0, 0.62, {"kick": "x.......x.......", "shaker": "o.g.o.g.o.g.o.g."}),
            Groove(
                0.5, 1.0, {"kick": "x.......x.......", "tambourine": "....x.......x...", "shaker": "ogogogogogogogog"}
            ),
            Groove(
                0.7,
                1.0,
                {
                    "kick": "X...x...X...x...",
                    "rim": "....x.......x...",
                    "tambourine": "o.o.x.o.o.o.x.o.",
                    "shaker": "ogogogogogogogog",
                },
            ),
            Groove(
                0.78, 1.0, {"kick": "X...X...X...X...", "clap": "....x.......x...", "tambourine": "..o.x.o...o.x.o."}
            ),
        ),
        fills=({"tambourine": "x.xx"}, {"kick": "x.x.x.xx"}, {"rim": "x..x..x.", "kick": "x......."}),
        gain_db=-5.0,
        reverb_db=-18.0,
    ),
    layers=(
        chords(
            "guitar",
            25,
            (
                ("b---1-2-3---2-1-", "b---2-1-3-2-1-2-", "3:b---1-2-3-2-", "6:b-1-2-3-2-1-"),
                ("b-2-1-3-f-2-1-3-", "b-1-2-3-f-1-3-2-", "6:b-1-2-3-2-1-", "3:b---d---u-d-"),
                ("d---d-u-.-u-d-u-", "d---d-udu-udd-ud", "6:d---u-d---u-", "3:d---d-u-d-u-"),
            ),
            low=52,
            high=74,
            voices=4,
            style="open",
            ring=True,
            strum_ms=11.0,
            velocity=78,
            timing_ms=9.0,
            velocity_sd=8.0,
            gain_db=-2.0,
            pan=-0.25,
            reverb_db=-18.0,
        ),
        chords(
            "second guitar",
            (24, 25, 105),
            (("x-------x-------", "0-2-1-3-0-2-1-3-"), ("d---d-u-d---d-u-", "0-2-3-2-1-2-3-2-")),
            low=57,
            high=79,
            voices=4,
            ring=True,
            strum_ms=12.0,
            velocity=66,
            enters=0.5,
            timing_ms=10.0,
            gain_db=-7.0,
            pan=0.4,
        ),
        bass(
            (32, 33),
            (("1-------5-------",), ("1-------5-------", "1-----1-5-----a-")),
            enters=0.42,
            velocity=80,
            timing_ms=8.0,
            gain_db=-5.5,
        ),
        melody(
            (110, 73, 78, 22, 40),
            low=62,
            high=84,
            velocity=84,
            gain_db=-1.5,
            delay_db=-120.0,
            reverb_db=-13.0,
            timing_ms=11.0,
            pan=0.08,
        ),
        double((73, 110, 40), enters=0.72, octave=0, chance=70, gain_db=-6.5),
        counter((42, 21, 41), low=48, high=67, enters=0.55, gain_db=-8.0),
    ),
    melody=MelodyStyle(sections=TUNEFUL, cells="lyrical", pentatonic=45, leaps=40, breath=12, ornament=16, legato=0.92),
    ring_seconds=(1.6, 2.6, 4.5),
    ritardando=0.12,
    mix=MixHints(reverb_seconds=1.4, reverb_dark_hz=7_500.0),
    section_contrast_db=3.0,
    tags=("folk", "acoustic"),
)
