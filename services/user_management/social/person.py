"""What people see of each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Tie(StrEnum):
    """What one person may be to another."""

    FOLLOW = "follow"
    BLOCK = "block"
    MUTE = "mute"


class Circle(StrEnum):
    """Which people around one are listed."""

    FOLLOWERS = "followers"
    FOLLOWING = "following"
    BLOCKED = "blocked"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Person:
    """A person as everybody may see them, and how the viewer stands to them."""

    id: UUID
    username: str
    display_name: str
    bio: str
    links: tuple[str, ...]
    created_at: datetime
    followers: int
    following: int
    tracks: int
    followed: bool
    follows_viewer: bool
    blocked: bool
    muted: bool


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said about a track, as a whole or at a place of it."""

    id: UUID
    track_id: UUID
    author_id: UUID
    author_username: str
    author_display_name: str
    body: str
    position_seconds: float | None
    created_at: datetime
    edited_at: datetime | None = None
