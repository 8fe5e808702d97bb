"""What uvicorn writes of an answer leaves in one piece, in its order, and nothing of it is lost."""

import asyncio

from services.gateway.http_protocol import LARGE_BYTES, Outlet


class Recorder(asyncio.Transport):
    """Notes what is written, as it was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_head_and_body_leave_in_one_piece() -> None:
    transport = Recorder()
    outlet = Outlet(transport, asyncio.get_running_loop())
    outlet.write(b"head")
    outlet.write(bytearray(b"body"))
    assert transport.written == []
    outlet.flush()
    assert transport.written == [b"headbody"]
    await asyncio.sleep(0)
    assert transport.written == [b"headbody"]


async def test_what_nothing_follows_leaves_all_the_same() -> None:
    transport = Recorder()
    outlet = Outlet(transport, asyncio.get_running_loop())
    for part in (b"one", b"two"):
        outlet.write(part)
        await asyncio.sleep(0)
    assert transport.written == [b"one", b"two"]


async def test_what_is_large_leaves_at_once_behind_what_was_held() -> None:
    transport = Recorder()
    outlet = Outlet(transport, asyncio.get_running_loop())
    outlet.write(b"head")
    outlet.write(large := bytes(LARGE_BYTES))
    assert transport.written == [b"head" + large]


async def test_closing_loses_nothing() -> None:
    transport = Recorder()
    outlet = Outlet(transport, asyncio.get_running_loop())
    outlet.write(b"last")
    assert not outlet.is_closing()
    outlet.close()
    assert transport.written == [b"last"]
    assert outlet.is_closing()
    await asyncio.sleep(0)
