"""The server itself."""

from __future__ import annotations

from musicgen_client.calls.call import Call, reader_of
from musicgen_client.models import (
    KeySet,
    Liveness,
    Readiness,
    Version,
)


def version() -> Call[Version]:
    """What the server runs."""
    return Call("GET", "/version", reader_of(Version), signed=False)


def liveness() -> Call[Liveness]:
    """Whether the server answers at all."""
    return Call("GET", "/health/live", reader_of(Liveness), signed=False)


def readiness() -> Call[Readiness]:
    """Whether the server can work; when it cannot, the error's `problem.dependencies` say what is down."""
    return Call("GET", "/health/ready", reader_of(Readiness), signed=False)


def signing_keys() -> Call[KeySet]:
    """The public keys that verify access tokens."""
    return Call("GET", "/.well-known/jwks.json", reader_of(KeySet), signed=False)
