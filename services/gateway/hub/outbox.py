"""What waits to be sent to one socket: in order, bounded, and of each job's progress only the newest."""

from __future__ import annotations

import asyncio

from services.gateway.hub.messages import HubMessage

CAPACITY = 64


class Outbox:
    """Whoever puts into a full one waits: what they read from keeps the rest, so that a slow socket costs no memory."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        # An empty slot stands for the progress of the job that it names.
        self._slots: asyncio.Queue[HubMessage | str] = asyncio.Queue(capacity)
        self._progress: dict[str, HubMessage] = {}

    async def put(self, message: HubMessage) -> None:
        """Add a message; progress replaces the same job's that was not sent yet."""
        if message.type != "progress" or message.job_id is None:
            await self._slots.put(message)
            return
        waiting = message.job_id in self._progress
        self._progress[message.job_id] = message
        if not waiting:
            await self._slots.put(message.job_id)

    async def get(self) -> HubMessage:
        """The next message."""
        slot = await self._slots.get()
        return self._progress.pop(slot) if isinstance(slot, str) else slot
