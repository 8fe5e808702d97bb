"""Removing a track for good: its row at once, its objects when the sweep comes by, or earlier by a message."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.jobs.repository import JobRepository
from services.user_management.library.objects import CLEANUP_AFTER_DELETE
from services.user_management.library.repository import TrackRepository
from services.user_management.library.track import Track

TRASH_KEPT: Final = timedelta(days=30)
REMOVED_PER_SWEEP: Final = 100


async def removed(
    connection: AsyncConnection, track_id: UUID, owner_id: UUID, revisions: Collection[int] = ()
) -> Track | None:
    """Remove one of the owner's tracks, in the trash or not, within the caller's transaction; what it was.

    Raises `AppError` (PRECONDITION_FAILED) when it has none of the revisions, if any are named.
    """
    track = await TrackRepository(connection).delete(track_id, owner_id, revisions)
    if track is not None:
        jobs = JobRepository(connection)
        # Files that jobs made of the track go with it.
        about_it = await jobs.files_of_tracks(owner_id, track_id)
        await jobs.set_cleanup([track.job_id, *about_it], CLEANUP_AFTER_DELETE)
    return track


async def trash_emptied(connection: AsyncConnection, kept: timedelta = TRASH_KEPT) -> int:
    """Remove what lay in the trash for so long; how many, at most 100 a call."""
    count = 0
    for track_id, owner_id in await TrackRepository(connection).outlived(kept, REMOVED_PER_SWEEP):
        count += await removed(connection, track_id, owner_id) is not None
    return count
