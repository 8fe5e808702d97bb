"""Pages of tracks that somebody else's query found: places in order become tracks, and the cursor behind them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import tracks_pb2
from services.user_management.library.repository import TrackRepository
from services.user_management.library.wire import track_message
from services.user_management.wire import fitting


async def tracks_at(
    connection: AsyncConnection, places: Sequence[tuple[UUID, str]], viewer_id: UUID, limit: int
) -> tuple[list[tracks_pb2.Track], str]:
    """The tracks at `places` (one more than `limit`, if there are more), and the cursor of the next page or ""."""
    asked = places[:limit]
    found = await TrackRepository(connection).of_ids([track_id for track_id, _ in asked], viewer_id)
    messages = [track_message(track) for track in found]
    count = fitting(messages)
    if count < len(messages):
        cursors = {str(track_id): cursor for track_id, cursor in asked}
        return messages[:count], cursors[messages[count - 1].id]
    return messages, asked[-1][1] if len(places) > limit else ""
