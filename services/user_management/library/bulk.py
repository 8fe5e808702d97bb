"""One change of many tracks: what it does to each of them, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.shared.errors import AppError, ErrorCode
from services.user_management.library.rules import MOST_TAGS

MOST_TRACKS: Final = 200


@dataclass(frozen=True, slots=True)
class BulkChange:
    """What is to become of each track; None: stays as it is. `moves` says whether `project_id` counts (None: none)."""

    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    moves: bool = False
    project_id: UUID | None = None
    public: bool | None = None
    trashed: bool | None = None

    def check(self) -> None:
        """Raise `AppError` (VALIDATION) when it says nothing, or contradicts itself."""
        if not (self.add_tags or self.remove_tags or self.moves) and self.public is None and self.trashed is None:
            raise AppError.field("", "Say what is to change: tags, project_id, public or trashed.")
        if both := set(self.add_tags) & set(self.remove_tags):
            raise AppError.field("/remove_tags", f"These tags are to be added, too: {', '.join(sorted(both))}.")

    def tags_of(self, present: Sequence[str]) -> tuple[str, ...]:
        """A track's tags after it. Raises `AppError` (VALIDATION) when they are too many."""
        kept = [tag for tag in present if tag not in self.remove_tags]
        found = tuple(dict.fromkeys((*kept, *self.add_tags)))
        # Taking some away always helps, even where there were too many before.
        if len(found) > max(MOST_TAGS, len(present)) or (len(found) > MOST_TAGS and len(found) > len(kept)):
            raise AppError.field("/add_tags", f"A track has at most {MOST_TAGS} tags. Take some away first.")
        return found

    def reaches(self, *, in_trash: bool) -> bool:
        """Whether a track can be changed so: what lies in the trash is there to be taken out only."""
        return not in_trash or self.trashed is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one track; without a `code` it is as it was asked to be."""

    track_id: str
    code: str = ""
    detail: str = ""


def missing(track_id: str) -> Outcome:
    """It is none of the owner's, or lies in the trash."""
    return Outcome(track_id, ErrorCode.NOT_FOUND, "There is no such track.")
