"""What a playlist is, apart from how it is stored and sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from services.shared.errors import AppError, ErrorCode
from services.user_management.library.track import Track


class Role(Enum):
    """What somebody is to a playlist that they may read."""

    OWNER = auto()
    MEMBER = auto()
    INVITED = auto()
    READER = auto()


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist, as one person sees it."""

    id: UUID
    owner_id: UUID
    owner_username: str
    title: str
    description: str
    public: bool
    collaborative: bool
    track_count: int
    created_at: datetime
    updated_at: datetime
    role: Role
    # Counts the edits of what it is called, who reads it and who adds to it.
    revision: int

    def require_owner(self) -> None:
        """Raises `AppError` (FORBIDDEN) for anybody else who may read it."""
        if self.role is not Role.OWNER:
            raise AppError(ErrorCode.FORBIDDEN, "Only the playlist's owner may do this.")

    def require_insider(self) -> None:
        """Raises `AppError` (FORBIDDEN) for whoever reads it only because it is public, or has not said yes."""
        if self.role in (Role.READER, Role.INVITED):
            raise AppError(ErrorCode.FORBIDDEN, "Only the playlist's owner and members may see this.")

    def require_contributor(self) -> None:
        """Raises `AppError` (FORBIDDEN) for who may not add to it."""
        if self.role is Role.OWNER or (self.role is Role.MEMBER and self.collaborative):
            return
        raise AppError(
            ErrorCode.FORBIDDEN, "Only the playlist's owner may change it, and its members while it is collaborative."
        )

    def require_right_to(self, added_by: UUID | None, person_id: UUID) -> None:
        """Raises `AppError` (FORBIDDEN) unless the person may move or take out what `added_by` brought."""
        self.require_contributor()
        if self.role is not Role.OWNER and added_by != person_id:
            raise AppError(ErrorCode.FORBIDDEN, "Members move and take out what they added themselves.")


@dataclass(frozen=True, slots=True)
class NewPlaylist:
    """A playlist to be made; every field is checked (see `rules`)."""

    title: str
    description: str = ""
    public: bool = False
    collaborative: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a track goes: at a position, behind another track, or (neither) where it is or at the end."""

    position: int | None = None
    after: UUID | None = None

    @property
    def given(self) -> bool:
        """Whether it says anything."""
        return self.position is not None or self.after is not None


@dataclass(frozen=True, slots=True)
class PlacedTrack:
    """A track at its place. `rank` orders; `position` counts from 0 over all tracks of the playlist."""

    track: Track
    rank: int
    position: int
    added_by: UUID | None
    added_by_username: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who was let into a playlist; without `accepted_at` they were asked, and have not said yes."""

    user_id: UUID
    username: str
    added_at: datetime
    accepted_at: datetime | None
