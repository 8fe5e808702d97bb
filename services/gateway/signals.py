"""What other processes announce over Valkey, handed to whoever waits for it here: grown feeds, ended sessions."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator

import structlog
from redis.asyncio import Redis

from services.shared.user_feed import FEED_CHANNEL
from services.shared.valkey import TRANSIENT, as_text, backoff_seconds

log = structlog.get_logger(__name__)

REVOKED_CHANNEL = "mg:revoked"

_POLL_SECONDS = 1.0


class Signals:
    """One subscription for the whole process. A signal may be lost: whoever waits also looks by themselves."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)

    @contextlib.contextmanager
    def grown_feed(self, user_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the person's feed has grown."""
        with self._listening(FEED_CHANNEL, user_id) as event:
            yield event

    @contextlib.contextmanager
    def ended_session(self, session_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when the session is ended."""
        with self._listening(REVOKED_CHANNEL, session_id) as event:
            yield event

    async def run(self) -> None:
        """Listen until cancelled, over restarts of Valkey."""
        failures = 0
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(FEED_CHANNEL, REVOKED_CHANNEL)
                while True:
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=_POLL_SECONDS)
                    failures = 0
                    if message is not None and message["type"] == "message":
                        self._tell(as_text(message["channel"]), as_text(message["data"]))
            except TRANSIENT as error:
                if failures == 0:
                    log.warning(
                        "signals are not heard, feeds and sessions are looked at by the clock", error=repr(error)
                    )
                failures += 1
                await asyncio.sleep(backoff_seconds(failures))
            finally:
                with contextlib.suppress(*TRANSIENT):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _tell(self, channel: str, name: str) -> None:
        for event in self._waiting.get((channel, name), ()):
            event.set()

    @contextlib.contextmanager
    def _listening(self, channel: str, name: str) -> Iterator[asyncio.Event]:
        key, event = (channel, name), asyncio.Event()
        self._waiting[key].add(event)
        try:
            yield event
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]
