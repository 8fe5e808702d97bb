"""The device that a request comes from, as user_management's list of sessions shows it."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from protos.users.v1 import accounts_pb2

_LONGEST_USER_AGENT = 256


def device_of(request: HTTPConnection) -> accounts_pb2.Device:
    """The client's address (behind trusted proxies: the one that they name) and program."""
    return accounts_pb2.Device(
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", "")[:_LONGEST_USER_AGENT],
    )
