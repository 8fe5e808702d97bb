"""How often calls that may run twice are repeated while a service restarts."""

from __future__ import annotations

from collections.abc import Collection

# With the backoff of `services.shared.grpc_client` about two seconds: a restart by standalone is mostly over by then.
RETRIES = 6


def retries_unless(revisions: Collection[int]) -> int:
    """None for a change that is bound to revisions: done once, it would find another one and seem refused."""
    return 0 if revisions else RETRIES
