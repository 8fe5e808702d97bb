"""The way of live audio from threads to the loop."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from services.generation.worker.live_feed import LiveFeed, to_pcm
from services.shared.live_channel import LiveFormat

FORMAT = LiveFormat(1000, 1, None)


def block(samples: int, value: float = 0.5) -> np.ndarray:
    return np.full((samples, 1), value, np.float32)


def never() -> None:
    """A check that lets everything pass."""


def test_samples_are_rounded_to_the_nearest_step_and_never_wrap() -> None:
    steps = np.frombuffer(to_pcm(np.array([[1.0], [-1.0], [1.7 / 32768], [-1.2 / 32768], [3.0]], np.float32)), "<i2")
    assert steps.tolist() == [32767, -32768, 2, -1, 32767]


async def test_what_is_put_comes_out_in_order_and_then_the_end() -> None:
    feed = LiveFeed()
    feed.start(FORMAT)
    feed.put(block(2, 0.25), never)
    feed.put(block(1, 0.5), never)
    feed.finish()
    assert await feed.format() == FORMAT
    assert np.frombuffer(await feed.next() or b"", "<i2").tolist() == [8192, 8192, 16384]
    assert await feed.next() is None


async def test_feed_that_never_starts_has_no_format() -> None:
    feed = LiveFeed()
    feed.finish()
    assert await feed.format() is None


async def test_producer_waits_while_too_much_is_waiting() -> None:
    feed = LiveFeed()
    feed.start(FORMAT)
    done = threading.Event()

    def produce() -> None:
        for _ in range(30):
            feed.put(block(1000), never)
        feed.finish()
        done.set()

    task = asyncio.create_task(asyncio.to_thread(produce))
    received, largest = 0, 0
    while (pcm := await feed.next()) is not None:
        received += len(pcm)
        largest = max(largest, len(pcm))
    await task
    assert received == 30 * 2000
    assert largest <= 11 * 2000 + 2000


async def test_waiting_producer_is_stopped_by_its_check() -> None:
    feed = LiveFeed()
    feed.start(FORMAT)
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise InterruptedError

    def produce() -> None:
        while True:
            feed.put(block(5000), check)

    with pytest.raises(InterruptedError):
        await asyncio.to_thread(produce)


async def test_discarding_feed_holds_nobody_up() -> None:
    feed = LiveFeed()
    feed.start(FORMAT)
    feed.discard()

    def produce() -> None:
        for _ in range(50):
            feed.put(block(5000), never)

    await asyncio.to_thread(produce)


async def test_loops_own_thread_never_waits() -> None:
    feed = LiveFeed()
    feed.start(FORMAT)
    for _ in range(50):
        feed.put(block(1000), never)
    assert len(await feed.next() or b"") == 100_000


async def test_misuse_is_refused() -> None:
    feed = LiveFeed()
    with pytest.raises(RuntimeError, match="start"):
        feed.put(block(1), never)
    feed.start(FORMAT)
    with pytest.raises(RuntimeError, match="already"):
        feed.start(FORMAT)
    with pytest.raises(ValueError, match="Expected"):
        feed.put(np.zeros((3, 2), np.float32), never)
    with pytest.raises(ValueError, match="finite"):
        feed.put(block(1, np.inf), never)
