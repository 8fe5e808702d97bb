"""What a worker child works with. Opened after the fork: channels, threads and sockets do not survive one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis

from protos.users.v1.jobs_pb2_grpc import JobServiceStub
from services.processing.analysis.waveforms import Waveforms
from services.processing.config import ProcessingSettings
from services.processing.conversion.converter import Converter
from services.processing.heavy_work import HeavyWork
from services.processing.media.derivatives import Derivatives
from services.processing.scratch import Scratch
from services.shared.grpc_client import open_channel, open_sync_channel
from services.shared.identity import ServiceTokenSource
from services.shared.ids import new_id
from services.shared.leases import LeaseKeeper
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey


@dataclass(frozen=True, slots=True)
class Collaborators:
    """One child's own set."""

    jobs: JobServiceStub
    keeper: LeaseKeeper
    redis: Redis
    converter: Converter
    derivatives: Derivatives
    waveforms: Waveforms


@contextlib.asynccontextmanager
async def open_collaborators(settings: ProcessingSettings) -> AsyncIterator[Collaborators]:
    """Open everything, and close it at the end."""
    tokens = ServiceTokenSource("processing-worker", Secrets(settings.secrets_dir).service_token_key())
    store = ObjectStore.from_url(settings.storage_url)
    with contextlib.ExitStack() as stack:
        scratch = Scratch(settings.scratch_dir)
        stack.callback(scratch.close)
        # One heavy piece of work at a time: a job, or a derivative made ahead.
        heavy = HeavyWork(1)
        stack.callback(heavy.close)
        lease_channel = open_sync_channel(settings.users_address, tokens.token)
        stack.callback(lease_channel.close)
        keeper = LeaseKeeper(lease_channel, f"processing-{new_id()}")
        stack.callback(keeper.close)
        derivatives = Derivatives(store, scratch, heavy, linger_seconds=0.0)
        waveforms = Waveforms(store, scratch, heavy, linger_seconds=0.0)
        async with contextlib.AsyncExitStack() as open_things:
            redis = open_valkey(settings.redis_url)
            open_things.push_async_callback(redis.aclose)
            open_things.push_async_callback(derivatives.aclose)
            open_things.push_async_callback(waveforms.aclose)
            users = await open_things.enter_async_context(open_channel(settings.users_address, tokens.token))
            yield Collaborators(
                jobs=JobServiceStub(users),
                keeper=keeper,
                redis=redis,
                converter=Converter(store, scratch, heavy),
                derivatives=derivatives,
                waveforms=waveforms,
            )
