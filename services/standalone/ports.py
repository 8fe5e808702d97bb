"""Loopback ports for servers that live as long as this process."""

from __future__ import annotations

import random
import socket

from services.standalone.errors import StandaloneError

# Below Linux's ephemeral range (32768 and up): an outgoing connection never takes a port that a restart needs again.
_LOWEST, _HIGHEST = 20000, 32767


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `host:port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an ended server that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free loopback port below the ephemeral range, drawn at random so that parallel starts seldom meet."""
    for _ in range(200):
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 — no secret
        if is_free(port):
            return port
    raise StandaloneError(f"No free port between {_LOWEST} and {_HIGHEST}: end programs that listen there.")
