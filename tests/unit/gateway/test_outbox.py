import asyncio

import pytest

from services.gateway.hub.messages import HubMessage
from services.gateway.hub.outbox import Outbox


def progress(job_id: str, value: float) -> HubMessage:
    return HubMessage(type="progress", job_id=job_id, data={"progress": value})


async def test_messages_leave_in_order() -> None:
    outbox = Outbox()
    for number in range(5):
        await outbox.put(HubMessage(type="status", id=str(number)))
    assert [(await outbox.get()).id for _ in range(5)] == ["0", "1", "2", "3", "4"]


async def test_of_a_jobs_progress_only_the_newest_is_sent() -> None:
    outbox = Outbox()
    for value in range(100):
        await outbox.put(progress("a", value))
        await outbox.put(progress("b", value))
    await outbox.put(HubMessage(type="done", job_id="a"))
    assert [(await outbox.get()).data.get("progress") for _ in range(3)] == [99, 99, None]
    await outbox.put(progress("a", 100))
    assert (await outbox.get()).data == {"progress": 100}


async def test_a_full_outbox_holds_its_source_up() -> None:
    outbox = Outbox(capacity=2)
    for _ in range(2):
        await outbox.put(HubMessage(type="status"))
    waiting = asyncio.create_task(outbox.put(HubMessage(type="done")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.get()
    await waiting
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await outbox.put(HubMessage(type="status"))
