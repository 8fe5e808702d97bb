"""Ends long answers with the session that they were opened by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from services.gateway.signals import Signals

# Revocations have to take effect within 5 s also when the signal is lost.
CHECK_SECONDS = 3.0


class SessionWatch:
    """Knows when a session ends. `is_revoked` looks it up; `signals` tells of it at once."""

    def __init__(self, signals: Signals, is_revoked: Callable[[str], Awaitable[bool]]) -> None:
        self._signals = signals
        self._is_revoked = is_revoked

    async def ended(self, session_id: str) -> None:
        """Wait until the session has ended; for ever without a session."""
        if not session_id:
            await asyncio.Event().wait()
        with self._signals.ended_session(session_id) as told:
            while not await self._is_revoked(session_id):
                try:
                    async with asyncio.timeout(CHECK_SECONDS):
                        await told.wait()
                except TimeoutError:
                    continue
                return

    async def until_ended(self, session_id: str, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The chunks, until the session ends."""
        ended = asyncio.ensure_future(self.ended(session_id))
        upcoming: asyncio.Future[bytes | None] | None = None
        async with aclosing(chunks):
            try:
                while True:
                    upcoming = asyncio.ensure_future(anext(chunks, None))
                    await asyncio.wait({upcoming, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if ended.done():
                        return
                    chunk = upcoming.result()
                    if chunk is None:
                        return
                    yield chunk
            finally:
                ended.cancel()
                if upcoming is not None and not upcoming.done():
                    # The generator can only be closed once it no longer runs.
                    upcoming.cancel()
                    await asyncio.wait({upcoming})
