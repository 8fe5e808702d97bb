"""A gRPC server in a process of its own, for tests that kill it: `python echo_server.py <address> <secrets folder>`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import grpc

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.shared.grpc_server import GrpcServer
from services.shared.identity import TokenVerifier
from services.shared.logging import configure_logging
from services.shared.secrets import Secrets


class EchoService(jobs_pb2_grpc.JobServiceServicer):
    """Answers with the id that it was asked for."""

    async def Get(  # noqa: N802 — the name of the call
        self, request: jobs_pb2.GetRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.GetResponse:
        return jobs_pb2.GetResponse(job=jobs_pb2.Job(id=request.job_id))


async def main(address: str, folder: str) -> None:
    # Nobody reads this process's output after the first line: a full pipe would stop it.
    configure_logging("echo", "error", "json")
    secrets = Secrets(Path(folder))
    verifier = TokenVerifier(secrets.internal_token_public_key(), secrets.service_token_key())
    server = GrpcServer(service="echo", address=address, verifier=verifier, reflection=False)
    server.add(jobs_pb2_grpc.add_JobServiceServicer_to_server, EchoService(), "musicgen.users.v1.JobService")
    await server.start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    await server.server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
