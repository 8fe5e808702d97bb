"""What people are told of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

# How much of a comment a notification shows.
EXCERPT: Final = 140
# Older ones are swept.
KEPT: Final = timedelta(days=90)


class Kind(StrEnum):
    """What somebody did."""

    FOLLOW = "follow"
    LIKE = "like"
    COMMENT = "comment"
    INVITATION = "invitation"


class Digest(StrEnum):
    """How often unread notifications come by mail."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"


PERIODS: Final = {Digest.DAILY: timedelta(days=1), Digest.WEEKLY: timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing that somebody did. Field by field `musicgen.users.v1.Notification`."""

    id: UUID
    kind: str
    actor_id: UUID
    actor_username: str
    actor_display_name: str
    track_id: UUID | None
    track_title: str | None
    comment_id: UUID | None
    excerpt: str | None
    playlist_id: UUID | None
    playlist_title: str | None
    created_at: datetime
    read_at: datetime | None = None

    def document(self) -> dict[str, Any]:
        """What open sockets are told: as the gateway answers it in lists."""
        return {
            "id": str(self.id),
            "kind": self.kind,
            "actor": {
                "id": str(self.actor_id),
                "username": self.actor_username,
                "display_name": self.actor_display_name,
            },
            "track": {"id": str(self.track_id), "title": self.track_title or ""} if self.track_id else None,
            "comment": {"id": str(self.comment_id), "excerpt": self.excerpt or ""} if self.comment_id else None,
            "playlist": {"id": str(self.playlist_id), "title": self.playlist_title or ""} if self.playlist_id else None,
            "created_at": self.created_at.isoformat().replace("+00:00", "Z"),
            "read_at": None,
        }


@dataclass(frozen=True, slots=True)
class Preferences:
    """What somebody wants to be told of."""

    follow: bool = True
    like: bool = True
    comment: bool = True
    invitation: bool = True
    digest: Digest = Digest.OFF
    # Counts the changes; 0 before the first.
    revision: int = 0
