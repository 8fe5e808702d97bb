"""Publishes one attempt's live audio: from its feed into the live channel, under its fencing token."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog
from redis.asyncio import Redis

from services.generation.worker.live_feed import LiveFeed
from services.shared.errors import AppError, ErrorCode
from services.shared.leases import Lease
from services.shared.live_channel import LiveWriter, StaleToken
from services.shared.live_tokens import TokenWriter
from services.shared.storage import ObjectStore

# The song is kept by then: nobody waits longer for a Valkey that is away.
_FORGET_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class LiveOutput:
    """`run` ends when the feed has finished and everything is published; the channel is closed then.

    Listeners are a comfort, the file is the product: when the channel is lost, the song goes on without it. A full
    disk is different (STORAGE_FULL), because the file would meet it too. `first_audio` is told the wall-clock time of
    the song's first samples, if this attempt publishes them. `saved_tokens` is the record that earlier attempts left;
    `forget` ends it once the song is in the library: a worker that dies while it stores one leaves the next nothing to
    make anew.
    """

    def __init__(
        self,
        redis: Redis,
        store: ObjectStore,
        lease: Lease,
        feed: LiveFeed,
        first_audio: Callable[[float], None],
        saved_tokens: bytes = b"",
    ) -> None:
        self._writer = LiveWriter(redis, store, lease.job_id, lease.fencing_token, lease.attempt)
        self._tokens = TokenWriter(redis, lease.job_id, lease.fencing_token, saved_tokens)
        self._lease = lease
        self._feed = feed
        self._first_audio = first_audio

    async def run(self) -> None:
        """Publish. Raises `StaleToken` once the lease is lost, STORAGE_FULL."""
        try:
            async with self._writer:
                await self._publish()
        except StaleToken:
            raise
        except AppError as error:
            if error.code is ErrorCode.STORAGE_FULL:
                raise
            _log.warning("live_channel_given_up", reason=error.message)
        finally:
            self._feed.discard()

    async def _publish(self) -> None:
        live = await self._feed.format()
        if live is None:
            return
        self._refuse_if_lost()
        # What an earlier attempt published was heard then, and is not heard again.
        heard = await self._writer.open(live) > 0
        while (pcm := await self._feed.next()) is not None:
            self._refuse_if_lost()
            await self._save_tokens()
            await self._writer.append(pcm)
            if not heard:
                heard = True
                self._first_audio(time.time())
        self._refuse_if_lost()
        await self._writer.close()

    async def forget(self) -> None:
        """Drop the record of tokens: nobody goes on from it any more. It runs out by itself where Valkey is away."""
        with contextlib.suppress(AppError, TimeoutError):
            async with asyncio.timeout(_FORGET_SECONDS):
                await self._tokens.drop()

    async def _save_tokens(self) -> None:
        """Before the audio that they make: another attempt never makes anew what somebody may have heard."""
        gathered = bytearray()
        restarted = False
        for data, restart in self._feed.take_tokens():
            if restart:
                gathered.clear()
                restarted = True
            gathered += data
        if restarted:
            await self._tokens.restart(bytes(gathered))
        elif gathered:
            await self._tokens.append(bytes(gathered))

    def _refuse_if_lost(self) -> None:
        if self._lease.lost:
            raise StaleToken
