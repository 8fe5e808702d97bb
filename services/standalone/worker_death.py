"""Tells user_management that a worker died, so that its leases end at once instead of after ten seconds.

`python -m services.standalone.worker_death <worker_id> <users_address> <secrets_dir>`: a process of its own, because
gRPC's threads and a parent that forks do not mix.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from protos.users.v1.jobs_pb2 import ReportWorkerDeathRequest
from protos.users.v1.jobs_pb2_grpc import JobServiceStub
from services.shared.errors import AppError
from services.shared.grpc_client import call, open_channel
from services.shared.identity import ServiceTokenSource
from services.shared.secrets import Secrets

# After that the lease has ended by itself.
_SECONDS = 10.0
_RETRIES = 50


async def report(worker_id: str, users_address: str, secrets_dir: Path) -> int:
    """Report it, repeating while user_management is away; return the number of jobs that it held."""
    tokens = ServiceTokenSource("standalone", Secrets(secrets_dir).service_token_key())
    async with open_channel(users_address, tokens.token) as channel:
        stub = JobServiceStub(channel)
        request = ReportWorkerDeathRequest(worker_id=worker_id)
        answer = await call(stub.ReportWorkerDeath, request, timeout=_SECONDS, retries=_RETRIES)
        return int(answer.jobs)


def main(arguments: list[str]) -> int:
    """Say how many jobs were freed; 1 and a line on stderr when it could not be said."""
    worker_id, users_address, secrets_dir = arguments
    try:
        jobs = asyncio.run(report(worker_id, users_address, Path(secrets_dir)))
    except AppError as error:
        sys.stderr.write(f"The death of {worker_id} was not reported: {error.message}\n")
        return 1
    sys.stdout.write(f"{jobs}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
