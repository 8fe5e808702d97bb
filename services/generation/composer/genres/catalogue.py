"""Every genre that the composer knows, by id."""

from __future__ import annotations

from services.generation.composer.genres import (
    ambient,
    ballad,
    blues,
    bossa,
    chiptune,
    cinematic,
    country,
    disco,
    dnb,
    dubstep,
    folk,
    funk,
    hiphop,
    house,
    jazz,
    latin,
    lofi,
    metal,
    orchestral,
    piano,
    pop,
    reggae,
    rock,
    soul,
    synthwave,
    techno,
    trance,
    trap,
)
from services.generation.composer.genres.profile import Genre

_MODULES = (
    ambient, ballad, blues, bossa, chiptune, cinematic, country, disco, dnb, dubstep, folk, funk, hiphop, house,
    jazz, latin, lofi, metal, orchestral, piano, pop, reggae, rock, soul, synthwave, techno, trance, trap,
)  # fmt: skip

GENRES: dict[str, Genre] = {module.GENRE.id: module.GENRE for module in _MODULES}
"""Profiles by id."""
