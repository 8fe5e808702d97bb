"""Every genre that the composer knows, by id."""

from __future__ import annotations

from services.generation.composer.genres import jazz, lofi
from services.generation.composer.genres.profile import Genre

GENRES: dict[str, Genre] = {
    module.GENRE.id: module.GENRE
    for module in (
        jazz,
        lofi,
    )
}
"""Profiles by id."""
