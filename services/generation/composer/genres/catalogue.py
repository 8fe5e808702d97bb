"""Every genre that the composer knows, by id. A profile is read when somebody asks for it: a song needs one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from services.generation.composer.genres.profile import Genre

_IDS = (
    "ambient", "ballad", "blues", "bossa", "chiptune", "cinematic", "country", "disco", "dnb", "dubstep", "folk",
    "funk", "hiphop", "house", "jazz", "latin", "lofi", "metal", "orchestral", "piano", "pop", "reggae", "rock",
    "soul", "synthwave", "techno", "trance", "trap",
)  # fmt: skip
"""Names of the modules beside this one; each holds a `GENRE` of that id."""


@cache
def _profile(genre: str) -> Genre:
    profile: Genre = import_module(f"services.generation.composer.genres.{genre}").GENRE
    return profile


class _Profiles(Mapping[str, Genre]):
    def __getitem__(self, genre: str) -> Genre:
        if genre not in _IDS:
            raise KeyError(genre)
        return _profile(genre)

    def __contains__(self, genre: object) -> bool:
        return genre in _IDS

    def __iter__(self) -> Iterator[str]:
        return iter(_IDS)

    def __len__(self) -> int:
        return len(_IDS)


GENRES: Mapping[str, Genre] = _Profiles()
"""Profiles by id."""
