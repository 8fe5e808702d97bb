"""A running user_management in this process, as integration tests talk to it: over gRPC on a unix socket."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc

from protos.users.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    discovery_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    notifications_pb2_grpc,
    social_pb2_grpc,
    tracks_pb2,
    tracks_pb2_grpc,
)
from services.shared.grpc_client import call, open_channel
from services.shared.identity import InternalTokenMinter, ServiceTokenSource
from services.shared.secrets import Secrets
from services.user_management.config import UserManagementSettings

Found = TypeVar("Found")
PASSWORD = "correct horse battery"


async def eventually(condition: Callable[[], Awaitable[Found]], *, within: float = 60.0, what: str = "") -> Found:
    """Poll an async condition until it is true (and return what it gave) or fail."""
    deadline = time.monotonic() + within
    while True:
        found = await condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        await asyncio.sleep(0.02)


@dataclass
class Person:
    """A registered account."""

    id: str
    username: str
    tokens: accounts_pb2.TokenPair


@dataclass
class UserManagement:
    """The service and stubs to call it. Calls without a token carry a service token."""

    settings: UserManagementSettings
    address: str
    secrets: Secrets = field(init=False)
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.secrets = Secrets(self.settings.secrets_dir)
        self.service_tokens = ServiceTokenSource("test", self.secrets.service_token_key())
        self.minter = InternalTokenMinter(self.secrets.internal_token_private_key())
        self.channel = open_channel(self.address, self.service_tokens.token)
        self.accounts = accounts_pb2_grpc.AccountServiceStub(self.channel)
        self.jobs = jobs_pb2_grpc.JobServiceStub(self.channel)
        self.tracks = tracks_pb2_grpc.TrackServiceStub(self.channel)
        self.social = social_pb2_grpc.SocialServiceStub(self.channel)
        self.discovery = discovery_pb2_grpc.DiscoveryServiceStub(self.channel)
        self.notifications = notifications_pb2_grpc.NotificationServiceStub(self.channel)

    @property
    def secrets_dir(self) -> Path:
        return self.settings.secrets_dir

    def token(
        self, person: Person | None = None, *, user_id: str = "", session_id: str = "", role: str = "user"
    ) -> str:
        """An internal token, as the gateway mints it for a signed-in caller."""
        return self.minter.mint(
            user_id=user_id or (person.id if person else ""),
            username=person.username if person else "nobody",
            role=role,
            scopes=(),
            session_id=session_id,
        )

    async def sign_up(self, username: str | None = None) -> Person:
        """A new account."""
        name = username or f"u{uuid.uuid4().hex[:12]}"
        request = accounts_pb2.RegisterRequest(username=name, email=f"{name}@example.com", password=PASSWORD)
        tokens = (await call(self.accounts.Register, request)).tokens
        return Person(tokens.user.id, name, tokens)

    async def create(self, person: Person, **fields: Any) -> jobs_pb2.Job:
        """A new job of a person."""
        return (await self.create_response(person, **fields)).job

    async def create_response(self, person: Person, **fields: Any) -> jobs_pb2.CreateResponse:
        fields = {"kind": "generate", "queue": "generation", "request_json": '{"prompt": "a tone"}'} | fields
        return await call(self.jobs.Create, jobs_pb2.CreateRequest(**fields), token=self.token(person))

    async def claim(self, worker_id: str = "worker", **fields: Any) -> jobs_pb2.LeasedJob | None:
        """The next job for a worker; None when there is none."""
        fields = {"queue": "generation", "free_budget": 4, "worker_idle": True} | fields
        response = await call(self.jobs.ClaimNext, jobs_pb2.ClaimNextRequest(worker_id=worker_id, **fields))
        return response.leased if response.HasField("leased") else None

    async def get(self, person: Person, job_id: str, wait_seconds: float = 0) -> jobs_pb2.Job:
        request = jobs_pb2.GetRequest(job_id=job_id, wait_seconds=wait_seconds)
        return (await call(self.jobs.Get, request, token=self.token(person), timeout=70)).job

    async def make_track(self, person: Person, **fields: Any) -> jobs_pb2.Job:
        """The finished job of a person's new track, with a stem and MIDI; `fields` of its content win."""
        await self.create(person)
        leased = await claimed(self)
        folder = f"jobs/{leased.job.id}/{leased.fencing_token}"
        content: dict[str, Any] = {
            "title": "Rain",
            "master_object_key": f"{folder}/master.flac",
            "stems": [tracks_pb2.Stem(name="bass", object_key=f"{folder}/stems/bass.flac")],
            "midi_object_key": f"{folder}/song.mid",
        }
        request = jobs_pb2.CompleteRequest(
            job_id=leased.job.id,
            lease_id=leased.lease_id,
            fencing_token=leased.fencing_token,
            tracks=[tracks_pb2.TrackContent(**(content | fields))],
        )
        return (await call(self.jobs.Complete, request)).job

    async def usage(self, person: Person) -> accounts_pb2.GetUsageResponse:
        return await call(self.accounts.GetUsage, accounts_pb2.GetUsageRequest(), token=self.token(person))


async def claimed(service: UserManagement, worker_id: str = "worker", **fields: Any) -> jobs_pb2.LeasedJob:
    """The next job for a worker, which there has to be."""
    leased = await service.claim(worker_id, **fields)
    assert leased is not None
    return leased
