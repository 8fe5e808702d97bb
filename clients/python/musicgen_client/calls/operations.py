"""The server itself."""

from __future__ import annotations

from musicgen_client.calls.call import Call, reader_of
from musicgen_client.models import (
    Version,
)


def version() -> Call[Version]:
    """What the server runs."""
    return Call("GET", "/version", reader_of(Version), signed=False)
