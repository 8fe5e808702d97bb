"""Names are looked up apart, in time, and one account's slow ones hold only its own place."""

import asyncio
import socket
import threading

import pytest

from services.user_management.webhooks.names import Names, SlowNameError


class Resolver:
    """Answers every name at once, but `slow.example` not before `release` is set."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.threads: set[str] = set()

    def __call__(self, host: str, port: int) -> list[str]:
        self.threads.add(threading.current_thread().name)
        if host == "slow.example":
            self.release.wait(60)
        if host == "unknown.example":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return ["93.184.216.34"]


@pytest.fixture
def resolver():
    found = Resolver()
    yield found
    found.release.set()


async def released(names: Names, owner: str) -> list[str]:
    """The answer once a thread has come free."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await names.resolve("quick.example", 443, owner)
            except SlowNameError:
                await asyncio.sleep(0)


async def test_slow_names_of_one_account_hold_its_own_place_alone(resolver: Resolver) -> None:
    names = Names(seconds=0.05, most_of_one=2, look_up=resolver)
    for _ in range(2):
        with pytest.raises(SlowNameError, match=r"within 0\.05 s"):
            await names.resolve("slow.example", 443, "mallory")
    # Their threads are still held, though nobody waits for them.
    with pytest.raises(SlowNameError, match="Other names of yours"):
        await names.resolve("quick.example", 443, "mallory")
    patient = Names(seconds=30, most_of_one=2, look_up=resolver)
    assert await patient.resolve("quick.example", 443, "ann") == ["93.184.216.34"]
    resolver.release.set()
    names._seconds = 30
    assert await released(names, "mallory") == ["93.184.216.34"]


async def test_look_ups_leave_the_threads_alone_that_the_process_waits_for(resolver: Resolver) -> None:
    names = Names(seconds=30, look_up=resolver)
    await names.resolve("quick.example", 443, "ann")
    assert resolver.threads == {"webhook-name"}


async def test_so_many_at_once_and_no_more(resolver: Resolver) -> None:
    names = Names(seconds=30, most=3, look_up=resolver)
    held = [asyncio.create_task(names.resolve("slow.example", 443, f"owner {number}")) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(SlowNameError, match="at the moment"):
        await names.resolve("quick.example", 443, "ann")
    resolver.release.set()
    assert await asyncio.gather(*held) == [["93.184.216.34"]] * 3
    assert await released(names, "ann") == ["93.184.216.34"]


async def test_a_name_of_nobody_and_strange_ones_are_said_and_give_their_place_back(resolver: Resolver) -> None:
    names = Names(seconds=30, most_of_one=1, look_up=resolver)
    for _ in range(3):
        with pytest.raises(socket.gaierror):
            await names.resolve("unknown.example", 443, "ann")
    real = Names(seconds=30)
    with pytest.raises((OSError, UnicodeError)):
        await real.resolve("a" * 64 + ".example", 443, "ann")


def test_a_loop_that_has_ended_hears_no_more(resolver: Resolver) -> None:
    names = Names(seconds=0.05, most_of_one=1, look_up=resolver)
    with pytest.raises(SlowNameError):
        asyncio.run(names.resolve("slow.example", 443, "ann"))
    resolver.release.set()
    names._seconds = 30
    assert asyncio.run(released(names, "ann")) == ["93.184.216.34"]
