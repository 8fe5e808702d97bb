"""How often calls that may run twice are repeated while a service restarts."""

from __future__ import annotations

# With the backoff of `services.shared.grpc_client` about two seconds: a restart by standalone is mostly over by then.
RETRIES = 6
