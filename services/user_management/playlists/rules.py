"""How large playlists may be, and how many there may be."""

from __future__ import annotations

from typing import Final

MOST_PLAYLISTS: Final = 1_000
MOST_TRACKS: Final = 2_000
MOST_MEMBERS: Final = 100
