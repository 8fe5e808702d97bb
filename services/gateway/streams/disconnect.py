"""Waiting on behalf of a client that may leave, in a process that may be told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

ResultT = TypeVar("ResultT")

# nginx's number for a client that closed the connection; nobody is there to read it.
CLIENT_CLOSED = 499


class ClientGone(Exception):  # noqa: N818 — an outcome, not an error
    """The client closed the connection while the answer was being waited for."""


class Closing(Exception):  # noqa: N818 — an outcome, not an error
    """The process was told to end while the answer was being waited for."""


async def while_connected(
    request: Request, work: Coroutine[Any, Any, ResultT], closing: asyncio.Event | None = None
) -> ResultT:
    """The result of `work`, cancelled when the client leaves (`ClientGone`) or `closing` is set (`Closing`)."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    ends: set[asyncio.Future[Any]] = {task, gone}
    closed: asyncio.Future[Any] | None = None
    if closing is not None:
        closed = asyncio.ensure_future(closing.wait())
        ends.add(closed)
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if closed is not None and closed.done():
            raise Closing
        raise ClientGone
    finally:
        for end in ends:
            end.cancel()
        for end in ends:
            with suppress(asyncio.CancelledError, Exception):
                await end


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def nobody_there() -> Response:
    """The answer to a client that has gone."""
    return Response(status_code=CLIENT_CLOSED)
