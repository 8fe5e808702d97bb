"""Is everything there that the gateway cannot work without? Asked in parallel, with a second each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.gateway.schemas.health import Dependency
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

CHECK_SECONDS = 1.0

# An object that need not exist: asking for it shows that the storage answers.
_PROBE_KEY = "health/probe"

Check = Callable[[], Awaitable[None]]


class HealthChecks:
    """The dependencies by name; a check returns when its dependency is well and raises when it is not."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    async def run(self) -> list[Dependency]:
        """The state of each, in the order in which they were named."""
        return list(await asyncio.gather(*(_run(name, check) for name, check in self._checks.items())))


async def _run(name: str, check: Check) -> Dependency:
    started = time.perf_counter()
    detail = ""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        detail = f"no answer within {CHECK_SECONDS:g} s"
    except (AppError, grpc.RpcError, RedisError, OSError):
        # The reason names hosts and sockets: it is for the service's own log.
        detail = "not reachable"
    latency = (time.perf_counter() - started) * 1000
    return Dependency(name=name, state="down" if detail else "up", latency_ms=round(latency, 2), detail=detail)


def grpc_check(channel: grpc.aio.Channel) -> Check:
    """The health protocol of a gRPC server."""
    stub = health_pb2_grpc.HealthStub(channel)

    async def check() -> None:
        response = await stub.Check(health_pb2.HealthCheckRequest(), timeout=CHECK_SECONDS)
        if response.status != health_pb2.HealthCheckResponse.SERVING:
            raise AppError(ErrorCode.UNAVAILABLE, "not serving")

    return check


def redis_check(redis: Redis) -> Check:
    """A ping."""

    async def check() -> None:
        await redis.ping()

    return check


def storage_check(store: ObjectStore) -> Check:
    """A look-up."""

    async def check() -> None:
        await store.exists(_PROBE_KEY)

    return check
