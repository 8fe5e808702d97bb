"""Country: boom-chick guitar, two-beat bass, train beat, banjo rolls, fiddle and slide-like lead."""

from __future__ import annotations

from services.generation.composer.genres.layers import bass, chords, double, melody, pad
from services.generation.composer.genres.profile import Drums, Genre, Groove, Harmony, MelodyStyle, Swing, Tempo
from services.generation.composer.score import MixHints

GENRE = Genre(
    id="country",
    title="Country",
    tempo=Tempo(96, 112, 134),
    modes=(("major", 9), ("mixolydian", 1)),
    form="song",
    tonics=(0, 2, 4, 5, 7, 9),
    harmony={
        "major": Harmony(
            verse=("I | I | IV | I | I | I | V | V", "I | IV | I | V", "I | V7/IV | IV | I", "I | vi | IV | V"),
            chorus=("IV | I | V7 | I | IV | I | V7 | I", "I | IV | I | V7", "IV | V7 | I | vi"),
            bridge=("vi | iii | IV | I | ii | V7/V | V | V7", "IV | IV | I | V7"),
            turnarounds=("V7", "IV V7"),
            cadences=("IV V7", "V7", "V7/V | V7"),
            finals=("I", "I6"),
        ),
        "mixolydian": Harmony(
            verse=("I | VII | IV | I", "I | I | VII | IV"),
            chorus=("IV | I | VII | I", "VII | IV | I | I"),
            bridge=("IV | VII | I | I",),
            turnarounds=("VII",),
            cadences=("VII IV",),
            finals=("I",),
        ),
    },
    swing=Swing(240, 0.53),
    energy=0.6,
    drums=Drums(
        kits=(0, 40),
        enters=0.28,
        timing_ms=7.0,
        velocity_sd=8.0,
        grooves=(
            Groove(0.0, 0.5, {"kick": "x.......x.......", "rim": "....x.......x...", "hat": "o.o.o.o.o.o.o.o."}),
            Groove(0.4, 1.0, {"kick": "X...x...X...x...", "snare": "ggxgggxgggxgggxg"}),
            Groove(0.45, 1.0, {"kick": "X.......X.x.....", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."}),
            Groove(
                0.7, 1.0, {"kick": "X...x...X...x...", "snare": "goxggoxggoxggoxo", "tambourine": "....x.......x..."}
            ),
        ),
        # Under a train beat on the snare a fill of snare alone goes unheard.
        fills=(
            {"snare": "xgx.....", "tom2": "...xgx..", "tom4": "......xx"},
            {"snare": "x.xx"},
            {"snare": "xx......", "tom2": "..xx....", "tom4": "....x.x."},
        ),
        gain_db=-2.5,
        reverb_db=-22.0,
    ),
    layers=(
        chords(
            "acoustic guitar",
            25,
            (("b---x---f---x---",), ("b---x-u-f---x-u-", "b-u-x-u-f-u-x-u-"), ("d-udd-ud-uddd-ud", "b-udx-udf-udx-ud")),
            low=52,
            high=74,
            voices=4,
            style="open",
            strum_ms=9.0,
            velocity=80,
            timing_ms=7.0,
            velocity_sd=7.0,
            gate=0.8,
            gain_db=-3.5,
            pan=-0.35,
        ),
        bass(
            (33, 32),
            (("1-------5-------",), ("1---....5---....", "1-------5-----a-", "1---1---5---a---")),
            enters=0.24,
            velocity=92,
            gate=0.75,
            timing_ms=6.0,
            gain_db=-4.0,
        ),
        chords(
            "banjo",
            (105, 27),
            (("0-2-1-3-0-2-1-3-",), ("0213021302130213", "0-23102-0-231023", "0120320120320123")),
            low=57,
            high=81,
            voices=4,
            velocity=74,
            enters=0.52,
            timing_ms=6.0,
            velocity_sd=9.0,
            gain_db=-7.0,
            pan=0.45,
        ),
        melody(
            (110, 27, 22, 25),
            low=60,
            high=83,
            velocity=88,
            gain_db=-1.5,
            timing_ms=9.0,
            reverb_db=-15.0,
            delay_db=-24.0,
        ),
        double((110, 25), enters=0.76, octave=0, gain_db=-6.5),
        pad("steel", (49, 16), enters=0.6, gain_db=-11.0, voices=3),
        chords(
            "piano",
            (3, 0),
            (("....x-......x-..",), ("..x-..x-..x-..x-", "0-2-3-2-4-2-3-2-")),
            low=60,
            high=79,
            voices=3,
            velocity=68,
            enters=0.6,
            chance=50,
            gain_db=-9.0,
        ),
    ),
    melody=MelodyStyle(
        cells="driving", pentatonic=60, leaps=40, breath=16, ornament=16, solo_cells="running", legato=0.9
    ),
    ring_seconds=(1.2, 2.0, 3.8),
    mix=MixHints(reverb_seconds=1.3, drive_db=1.5),
    tags=("country", "acoustic"),
)
