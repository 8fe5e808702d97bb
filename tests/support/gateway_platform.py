"""A gateway as its users meet it: the real application under uvicorn on a free port, reduced services behind it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis

from protos.generation.v1 import generation_pb2_grpc
from protos.processing.v1 import processing_pb2_grpc
from protos.users.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    exports_pb2_grpc,
    jobs_pb2_grpc,
    playlists_pb2_grpc,
    sharing_pb2_grpc,
    social_pb2_grpc,
    tracks_pb2_grpc,
)
from services.gateway.__main__ import GatewayServer, listen, server_config, url_of
from services.gateway.config import GatewaySettings
from services.gateway.main import create_app
from services.shared.grpc_server import GrpcServer
from services.shared.identity import TokenVerifier
from services.shared.ids import new_id
from services.shared.secrets import Secrets, create_missing
from services.shared.storage import ObjectStore
from tests.support.gateway_services.accounts import Accounts
from tests.support.gateway_services.exports import Exports
from tests.support.gateway_services.generation import Generation
from tests.support.gateway_services.jobs import Jobs
from tests.support.gateway_services.library import Playlists, Sharing, Tracks
from tests.support.gateway_services.processing import Processing
from tests.support.gateway_services.social import Social
from tests.support.timing import PATIENCE_SECONDS


async def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait until `condition` holds, a minute at most."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


@dataclass
class Person:
    """Somebody who is signed in."""

    user: accounts_pb2.User
    tokens: accounts_pb2.TokenPair
    session_id: str
    http: httpx.AsyncClient


@dataclass
class Backend:
    """The services and what they share."""

    folder: Path
    redis_url: str
    redis: Redis
    store: ObjectStore
    accounts: Accounts
    jobs: Jobs
    tracks: Tracks
    generation: Generation
    processing: Processing
    servers: dict[str, GrpcServer]

    @property
    def storage_url(self) -> str:
        return (self.folder / "objects").as_uri()

    def settings(self, **changes: Any) -> GatewaySettings:
        """A gateway's settings in front of this backend."""
        values: dict[str, Any] = {
            "environment": "development",
            "redis_url": self.redis_url,
            "storage_url": self.storage_url,
            "secrets_dir": self.folder / "secrets",
            "users_address": f"unix:{self.folder}/users.sock",
            "generation_address": f"unix:{self.folder}/generation.sock",
            "processing_address": f"unix:{self.folder}/processing.sock",
            "stream_start_seconds": 20.0,
            "shutdown_grace_seconds": 5,
        }
        return GatewaySettings(**{**values, **changes})

    async def restart(self, name: str) -> None:
        """Stop one service and start it again on the same address."""
        await self.servers[name].stop(0)
        self.servers[name] = self._server(name)
        await self.servers[name].start()

    def _server(self, name: str) -> GrpcServer:
        secrets = Secrets(self.folder / "secrets")
        verifier = TokenVerifier(secrets.internal_token_public_key(), secrets.service_token_key())
        server = GrpcServer(
            service=name, address=f"unix:{self.folder}/{name}.sock", verifier=verifier, reflection=False
        )
        if name == "users":
            package = "musicgen.users.v1"
            server.add(
                accounts_pb2_grpc.add_AccountServiceServicer_to_server, self.accounts, f"{package}.AccountService"
            )
            server.add(jobs_pb2_grpc.add_JobServiceServicer_to_server, self.jobs, f"{package}.JobService")
            server.add(tracks_pb2_grpc.add_TrackServiceServicer_to_server, self.tracks, f"{package}.TrackService")
            server.add(
                playlists_pb2_grpc.add_PlaylistServiceServicer_to_server, Playlists(), f"{package}.PlaylistService"
            )
            social = Social(self.tracks)
            server.add(social_pb2_grpc.add_SocialServiceServicer_to_server, social, f"{package}.SocialService")
            server.add(exports_pb2_grpc.add_ExportServiceServicer_to_server, Exports(), f"{package}.ExportService")
            server.add(sharing_pb2_grpc.add_SharingServiceServicer_to_server, Sharing(), f"{package}.SharingService")
        elif name == "generation":
            server.add(
                generation_pb2_grpc.add_GenerationServiceServicer_to_server,
                self.generation,
                "musicgen.generation.v1.GenerationService",
            )
        else:
            server.add(
                processing_pb2_grpc.add_ProcessingServiceServicer_to_server,
                self.processing,
                "musicgen.processing.v1.ProcessingService",
            )
        return server

    async def start(self, name: str) -> None:
        """Start one service."""
        self.servers[name] = self._server(name)
        await self.servers[name].start()


@contextlib.asynccontextmanager
async def running_backend(folder: Path, redis_url: str) -> AsyncIterator[Backend]:
    """The services on unix sockets below `folder` (keep it short)."""
    create_missing(folder / "secrets")
    redis = Redis.from_url(redis_url)
    jobs, tracks = Jobs(), Tracks()
    store = ObjectStore.from_url((folder / "objects").as_uri())
    backend = Backend(
        folder=folder,
        redis_url=redis_url,
        redis=redis,
        store=store,
        accounts=Accounts(Secrets(folder / "secrets").access_token_private_key(), redis),
        jobs=jobs,
        tracks=tracks,
        generation=Generation(jobs),
        processing=Processing(jobs, tracks, store),
        servers={},
    )
    for name in ("users", "generation", "processing"):
        await backend.start(name)
    try:
        yield backend
    finally:
        for server in backend.servers.values():
            await server.stop(0)
        await redis.aclose()


@dataclass
class Gateway:
    """A running gateway and what is behind it."""

    url: str
    app: FastAPI
    server: uvicorn.Server
    backend: Backend

    def client(self, token: str = "", **options: Any) -> httpx.AsyncClient:
        """A client with `token` as its credential. Close it."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        # By plain HTTP: to read all the world's certificates takes longer than most calls.
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=30, trust_env=False, verify=False, **options
        )

    @contextlib.asynccontextmanager
    async def person(self, username: str = "") -> AsyncIterator[Person]:
        """A new account, signed in."""
        accounts = self.backend.accounts
        user = accounts.add_user(username or f"u{new_id()[-12:]}")
        tokens = accounts.sign_in(user)
        session_id = list(accounts.sessions)[-1]
        async with self.client(tokens.access_token) as http:
            yield Person(user, tokens, session_id, http)


@contextlib.asynccontextmanager
async def serving(settings: GatewaySettings) -> AsyncIterator[tuple[str, FastAPI, GatewayServer]]:
    """The real application under uvicorn, on a port that the system chose: its URL, itself, its server."""
    app = create_app(settings)
    listener = listen("127.0.0.1", 0)
    url = url_of(listener)
    server = GatewayServer(server_config(app, settings), app, url)
    # `serve` would take over the test process's signals; this is what is inside of it.
    task = asyncio.create_task(server._serve(sockets=[listener]))
    async with asyncio.timeout(60):
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
    try:
        yield url, app, server
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def running_gateway(backend: Backend, **changes: Any) -> AsyncIterator[Gateway]:
    """A gateway in front of the reduced services."""
    async with serving(backend.settings(**changes)) as (url, app, server):
        yield Gateway(url, app, server, backend)
