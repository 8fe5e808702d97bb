"""Where a track of a playlist stands: ranks with gaps between them, as pure arithmetic."""

from __future__ import annotations

from typing import Final

# Between neighbours at first. 32 insertions at one place use a gap up, 2^31 at an end a rank of 64 bits.
GAP: Final = 2**32


def between(before: int | None, behind: int | None) -> int | None:
    """A rank between two others (None: the beginning, the end); None when there is no room: rank all anew."""
    if before is None:
        return 0 if behind is None else behind - GAP
    if behind is None:
        return before + GAP
    return (before + behind) // 2 if behind - before > 1 else None
