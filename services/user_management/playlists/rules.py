"""How many playlists there may be, and what they may be called."""

from __future__ import annotations

import re
from typing import Final

from services.shared.errors import AppError
from services.user_management.library.rules import title

LONGEST_DESCRIPTION: Final = 2_000
MOST_PLAYLISTS: Final = 1_000
MOST_TRACKS: Final = 2_000
MOST_MEMBERS: Final = 100

# Line breaks and tabs may stand in a description.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff]")

__all__ = ["LONGEST_DESCRIPTION", "MOST_MEMBERS", "MOST_PLAYLISTS", "MOST_TRACKS", "description", "title"]


def description(text: str) -> str:
    """The description without surrounding blanks; may be empty. Raises `AppError` (VALIDATION)."""
    found = text.strip()
    if len(found) > LONGEST_DESCRIPTION or _CONTROL.search(found):
        raise AppError.field(
            "/description", f"A description has at most {LONGEST_DESCRIPTION} characters and no control characters."
        )
    return found
