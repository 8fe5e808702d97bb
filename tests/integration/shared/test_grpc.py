"""Calls between services: identity, errors, deadlines, ids, traces and metrics, over a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.shared.deadlines import seconds_left
from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.grpc_client import call, call_blocking, open_channel, open_sync_channel, stream
from services.shared.grpc_server import MAX_MESSAGE_BYTES, GrpcServer
from services.shared.identity import (
    InternalTokenMinter,
    ServiceTokenSource,
    TokenVerifier,
    current_principal,
    require_user,
)
from services.shared.secrets import Secrets
from services.shared.telemetry import configure_tracing

NAME = "musicgen.users.v1.JobService"
GET = f"/{NAME}/Get"

Answer = Callable[[str], Awaitable[dict[str, str]]]


class ScriptedService(jobs_pb2_grpc.JobServiceServicer):
    """Does what the job id of the request says."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.seconds_left: float | None = None
        self.arrived = asyncio.Event()
        self.release = asyncio.Event()
        self.left = asyncio.Event()
        self.failures_left = 0
        self.next_hop: jobs_pb2_grpc.JobServiceStub | None = None

    async def Get(  # noqa: N802 — the name of the call
        self, request: jobs_pb2.GetRequest, context: grpc.aio.ServicerContext
    ) -> jobs_pb2.GetResponse:
        self.seen.append(
            {
                "caller": current_principal().subject,
                "request_id": structlog.contextvars.get_contextvars()["request_id"],
                "trace_id": trace.format_trace_id(trace.get_current_span().get_span_context().trace_id),
            }
        )
        self.seconds_left = seconds_left()
        self.arrived.set()
        match request.job_id:
            case "refuse":
                raise AppError(
                    ErrorCode.QUOTA_EXCEEDED,
                    "No seconds are left.",
                    violations=[FieldViolation("/duration", "at most 0 s")],
                    retry_after_seconds=60,
                    secret_table="quotas",
                )
            case "break":
                raise ZeroDivisionError("secret detail")
            case "own abort":
                await context.abort(grpc.StatusCode.NOT_FOUND, "mine")
            case "internal":
                raise AppError(ErrorCode.INTERNAL, "Something went wrong on our side.", table="quotas")
            case "wait":
                try:
                    await self.release.wait()
                finally:
                    self.left.set()
            case "users only":
                require_user()
            case "flaky" if self.failures_left > 0:
                self.failures_left -= 1
                raise AppError(ErrorCode.UNAVAILABLE, "Not yet.")
            case "next hop" if self.next_hop is not None:
                token = current_principal().token
                await call(self.next_hop.Get, jobs_pb2.GetRequest(job_id="last hop"), token=token)
        return jobs_pb2.GetResponse(job=jobs_pb2.Job(id=request.job_id))

    async def Watch(  # noqa: N802 — the name of the call
        self, request: jobs_pb2.WatchRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[jobs_pb2.WatchResponse]:
        try:
            for number in range(3):
                yield jobs_pb2.WatchResponse(event_id=str(number), type=current_principal().subject)
            if request.job_id == "wait":
                await self.release.wait()
            if request.job_id == "refuse":
                raise AppError(ErrorCode.NOT_FOUND, "The channel is gone.")
        finally:
            self.left.set()


@pytest.fixture
async def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
async def server(service: ScriptedService, verifier: TokenVerifier) -> AsyncIterator[GrpcServer]:
    grpc_server = GrpcServer(service="test", address="127.0.0.1:0", verifier=verifier, reflection=True)
    grpc_server.add(jobs_pb2_grpc.add_JobServiceServicer_to_server, service, NAME)
    await grpc_server.start()
    yield grpc_server
    await grpc_server.stop(0)


@pytest.fixture
def service_token(secrets: Secrets) -> Callable[[], str]:
    return ServiceTokenSource("worker", secrets.service_token_key()).token


@pytest.fixture
def user_token(secrets: Secrets) -> str:
    return InternalTokenMinter(secrets.internal_token_private_key()).mint(
        user_id="user-1", username="ada", role="user", scopes=["generate"], session_id="s"
    )


@pytest.fixture
async def stub(server: GrpcServer, service_token: Callable[[], str]) -> AsyncIterator[jobs_pb2_grpc.JobServiceStub]:
    async with open_channel(server.address, service_token) as channel:
        yield jobs_pb2_grpc.JobServiceStub(channel)


def ask(job_id: str) -> jobs_pb2.GetRequest:
    return jobs_pb2.GetRequest(job_id=job_id)


async def refused(operation: Awaitable[Any]) -> AppError:
    with pytest.raises(AppError) as caught:
        await operation
    return caught.value


def counted(method: str, code: str) -> float:
    return REGISTRY.get_sample_value("grpc_server_requests_total", {"method": method, "code": code}) or 0.0


class TestIdentity:
    """Who calls is known, or the call is refused."""

    async def test_channel_speaks_for_its_service(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        await call(stub.Get, ask("x"))
        assert service.seen[0]["caller"] == "service:worker"

    async def test_token_of_the_call_wins(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService, user_token: str
    ) -> None:
        await call(stub.Get, ask("users only"), token=user_token)
        assert service.seen[0]["caller"] == "user-1"

    async def test_role_is_enforced(self, stub: jobs_pb2_grpc.JobServiceStub) -> None:
        assert (await refused(call(stub.Get, ask("users only")))).code is ErrorCode.FORBIDDEN

    @pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer forged"),), (("authorization", "Basic x"),)])
    async def test_without_a_good_token_nothing_runs(
        self, server: GrpcServer, service: ScriptedService, metadata: tuple[tuple[str, str], ...]
    ) -> None:
        async with open_channel(server.address, None) as channel:
            stub = jobs_pb2_grpc.JobServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Get(ask("x"), metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Watch(jobs_pb2.WatchRequest(job_id="x"), metadata=metadata).read()
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert service.seen == []


class TestErrors:
    """What a handler raises arrives as it was meant, without what was not."""

    async def test_app_error_arrives_whole(self, stub: jobs_pb2_grpc.JobServiceStub) -> None:
        error = await refused(call(stub.Get, ask("refuse")))
        assert error.code is ErrorCode.QUOTA_EXCEEDED
        assert error.message == "No seconds are left."
        assert error.violations == (FieldViolation("/duration", "at most 0 s"),)
        assert error.retry_after_seconds == 60
        assert "quotas" not in str(error.context)

    @pytest.mark.parametrize("what", ["break", "internal"])
    async def test_fault_of_ours_says_nothing_about_itself(self, stub: jobs_pb2_grpc.JobServiceStub, what: str) -> None:
        error = await refused(call(stub.Get, ask(what)))
        assert error.code is ErrorCode.INTERNAL
        assert "secret" not in f"{error.message}{error.context}"

    async def test_stream_ends_with_its_error(self, stub: jobs_pb2_grpc.JobServiceStub) -> None:
        events: list[str] = []

        async def follow() -> None:
            events.extend(
                [event.event_id async for event in stream(stub.Watch, jobs_pb2.WatchRequest(job_id="refuse"))]
            )

        assert (await refused(follow())).code is ErrorCode.NOT_FOUND

    async def test_handlers_own_abort_is_respected(self, stub: jobs_pb2_grpc.JobServiceStub) -> None:
        assert (await refused(call(stub.Get, ask("own abort")))).code is ErrorCode.NOT_FOUND

    async def test_too_large_a_request_is_said(self, stub: jobs_pb2_grpc.JobServiceStub) -> None:
        error = await refused(call(stub.Get, ask("x" * (MAX_MESSAGE_BYTES + 1))))
        assert error.code is ErrorCode.PAYLOAD_TOO_LARGE

    async def test_unknown_method_is_our_own_mistake(self, stub: jobs_pb2_grpc.JobServiceStub) -> None:
        error = await refused(call(stub.Release, jobs_pb2.ReleaseRequest()))
        assert error.code is ErrorCode.INTERNAL


class TestTime:
    """Nothing waits for ever, and nobody works for a caller that left."""

    async def test_late_answer_is_a_deadline_exceeded(
        self,
        stub: jobs_pb2_grpc.JobServiceStub,
        service: ScriptedService,
        eventually: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
    ) -> None:
        before = counted(GET, "DEADLINE_EXCEEDED")
        error = await refused(call(stub.Get, ask("wait"), timeout=0.1))
        assert error.code is ErrorCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(60):
            await service.left.wait()

        async def one_counted() -> bool:
            return counted(GET, "DEADLINE_EXCEEDED") > before

        await eventually(one_counted)
        assert counted(GET, "DEADLINE_EXCEEDED") == before + 1

    async def test_handler_knows_how_long_it_has(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        await call(stub.Get, jobs_pb2.GetRequest(job_id="x"), timeout=200.0)
        assert service.seconds_left is not None
        # gRPC counts in a clock of its own, coarser than ours.
        assert 100 < service.seconds_left < 210

    async def test_bare_call_has_a_deadline_of_its_own(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.shared.grpc_client_interceptors._UNARY_TIMEOUT_SECONDS", 0.1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Get(ask("wait"))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    async def test_cancelled_caller_ends_the_handler(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        calling = asyncio.create_task(call(stub.Get, ask("wait"), timeout=60))
        async with asyncio.timeout(60):
            await service.arrived.wait()
            calling.cancel()
            await service.left.wait()

    async def test_leaving_a_stream_ends_the_handler(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        events = stream(stub.Watch, jobs_pb2.WatchRequest(job_id="wait"))
        assert (await anext(events)).event_id == "0"
        await events.aclose()
        async with asyncio.timeout(60):
            await service.left.wait()

    async def test_idempotent_call_is_repeated_until_it_works(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        service.failures_left = 3
        answer = await call(stub.Get, ask("flaky"), retries=3)
        assert answer.job.id == "flaky"
        assert len(service.seen) == 4

    async def test_repeats_are_counted(self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService) -> None:
        service.failures_left = 3
        assert (await refused(call(stub.Get, ask("flaky"), retries=2))).code is ErrorCode.UNAVAILABLE
        assert len(service.seen) == 3

    async def test_only_unavailability_is_repeated(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        await refused(call(stub.Get, ask("refuse"), retries=5))
        assert len(service.seen) == 1

    async def test_repeats_end_with_the_deadline(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        service.failures_left = 1_000
        async with asyncio.timeout(60):
            error = await refused(call(stub.Get, ask("flaky"), retries=1_000, timeout=0.3))
        assert error.code in {ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED}


class TestIds:
    """Request id and trace go with a request through every service."""

    async def test_both_travel_with_the_user_over_two_hops(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService, user_token: str
    ) -> None:
        configure_tracing("test", "")
        service.next_hop = stub
        structlog.contextvars.bind_contextvars(request_id="from-the-gateway")
        with trace.get_tracer("test").start_as_current_span("request") as span:
            await call(stub.Get, ask("next hop"), token=user_token)
        structlog.contextvars.clear_contextvars()
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        expected = {"caller": "user-1", "request_id": "from-the-gateway", "trace_id": trace_id}
        assert service.seen == [expected, expected]

    async def test_insane_request_id_is_replaced(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        await stub.Get(ask("x"), metadata=(("x-request-id", "evil id " + "x" * 200),))
        assert len(service.seen[0]["request_id"]) == 36

    async def test_calls_do_not_share_their_context(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService
    ) -> None:
        await asyncio.gather(*(call(stub.Get, ask("x")) for _ in range(20)))
        assert len({seen["request_id"] for seen in service.seen}) == 20
        assert len({seen["trace_id"] for seen in service.seen}) == 20

    async def test_spans_of_both_sides_form_one_trace(
        self,
        stub: jobs_pb2_grpc.JobServiceStub,
        eventually: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
    ) -> None:
        configure_tracing("test", "")
        provider, exporter = trace.get_tracer_provider(), InMemorySpanExporter()
        assert isinstance(provider, TracerProvider)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        with trace.get_tracer("test").start_as_current_span("request") as request:
            await refused(call(stub.Get, ask("break")))
        trace_id = request.get_span_context().trace_id

        async def three_ended() -> bool:
            return len([span for span in exporter.get_finished_spans() if span.context.trace_id == trace_id]) == 3

        await eventually(three_ended)
        spans = {span.kind: span for span in exporter.get_finished_spans() if span.context.trace_id == trace_id}
        server, client = spans[trace.SpanKind.SERVER], spans[trace.SpanKind.CLIENT]
        assert server.parent is not None
        assert client.parent is not None
        assert server.parent.span_id == client.context.span_id
        assert client.parent.span_id == request.get_span_context().span_id
        assert server.name == client.name == f"{NAME}/Get"
        assert server.status.status_code is client.status.status_code is trace.StatusCode.ERROR
        assert server.attributes is not None
        assert server.attributes["rpc.grpc.status_code"] == grpc.StatusCode.INTERNAL.value[0]


class TestOperation:
    """What an operator sees of a server."""

    async def test_calls_are_counted_and_timed(
        self,
        stub: jobs_pb2_grpc.JobServiceStub,
        eventually: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
    ) -> None:
        def timed() -> float:
            return REGISTRY.get_sample_value("grpc_server_latency_seconds_count", {"method": GET}) or 0.0

        good, bad, seconds = counted(GET, "OK"), counted(GET, "RESOURCE_EXHAUSTED"), timed()
        await call(stub.Get, ask("x"))
        await refused(call(stub.Get, ask("refuse")))

        async def both_timed() -> bool:
            return timed() >= seconds + 2

        await eventually(both_timed)  # a call is counted when it ends, which its caller may hear of a moment before
        assert counted(GET, "OK") == good + 1
        assert counted(GET, "RESOURCE_EXHAUSTED") == bad + 1
        assert timed() == seconds + 2

    async def test_health_needs_no_token(self, server: GrpcServer) -> None:
        async with grpc.aio.insecure_channel(server.address) as channel:
            for name in ("", NAME):
                answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING

    async def test_reflection_lists_the_service(self, server: GrpcServer) -> None:
        def names() -> list[str]:
            with grpc.insecure_channel(server.address) as channel:
                return list(ProtoReflectionDescriptorDatabase(channel).get_services())

        assert NAME in await asyncio.to_thread(names)

    async def test_production_has_no_reflection(self, verifier: TokenVerifier) -> None:
        server = GrpcServer(service="test", address="127.0.0.1:0", verifier=verifier, reflection=False)
        await server.start()

        def names() -> list[str]:
            with grpc.insecure_channel(server.address) as channel:
                return list(ProtoReflectionDescriptorDatabase(channel).get_services())

        with pytest.raises(grpc.RpcError):
            await asyncio.to_thread(names)
        await server.stop(0)

    async def test_taken_address_is_named(self, server: GrpcServer, verifier: TokenVerifier) -> None:
        second = GrpcServer(service="second", address=server.address, verifier=verifier, reflection=False)
        error = await refused(second.start())
        assert error.code is ErrorCode.CONFLICT
        assert server.address in error.message

    async def test_live_unix_socket_is_not_taken_over_and_a_dead_one_is(
        self, verifier: TokenVerifier, tmp_path: Path
    ) -> None:
        address = f"unix:{tmp_path}/s"
        first, second, third = (
            GrpcServer(service="test", address=address, verifier=verifier, reflection=False) for _ in range(3)
        )
        await first.start()
        error = await refused(second.start())
        assert error.code is ErrorCode.CONFLICT
        await first.stop(0)
        # What a killed process leaves behind: a socket that nobody answers.
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{tmp_path}/s")
        await third.start()
        await third.stop(0)

    async def test_stopping_lets_running_calls_finish(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService, server: GrpcServer
    ) -> None:
        running = asyncio.create_task(call(stub.Get, ask("wait"), timeout=30))
        async with asyncio.timeout(60):
            await service.arrived.wait()
            stopping = asyncio.create_task(server.stop(20))
            await asyncio.sleep(0)
            service.release.set()
            assert (await running).job.id == "wait"
            await stopping

    async def test_stopping_ends_what_does_not_finish(
        self, stub: jobs_pb2_grpc.JobServiceStub, service: ScriptedService, server: GrpcServer
    ) -> None:
        running = asyncio.create_task(call(stub.Get, ask("wait"), timeout=30))
        async with asyncio.timeout(60):
            await service.arrived.wait()
            await server.stop(0.05)
            assert (await refused(running)).code is ErrorCode.UNAVAILABLE


async def test_threads_call_the_same_way(
    server: GrpcServer, service: ScriptedService, service_token: Callable[[], str], user_token: str
) -> None:
    def in_thread() -> None:
        with open_sync_channel(server.address, service_token) as channel:
            stub = jobs_pb2_grpc.JobServiceStub(channel)
            assert call_blocking(stub.Get, ask("x")).job.id == "x"
            assert call_blocking(stub.Get, ask("users only"), token=user_token).job.id == "users only"
            with pytest.raises(AppError) as caught:
                call_blocking(stub.Get, ask("refuse"))
            assert caught.value.code is ErrorCode.QUOTA_EXCEEDED
            with pytest.raises(AppError) as caught:
                call_blocking(stub.Get, ask("wait"), timeout=0.1)
            assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
            service.failures_left = 2
            assert call_blocking(stub.Get, ask("flaky"), retries=2).job.id == "flaky"
            events = stub.Watch(jobs_pb2.WatchRequest(job_id="x"), timeout=5)
            assert [event.event_id for event in events] == ["0", "1", "2"]

    await asyncio.to_thread(in_thread)
    assert [seen["caller"] for seen in service.seen[:2]] == ["service:worker", "user-1"]


async def test_unix_socket_serves(short_dir: Path, verifier: TokenVerifier, service_token: Callable[[], str]) -> None:
    server = GrpcServer(service="test", address=f"unix:{short_dir}/a.sock", verifier=verifier, reflection=False)
    server.add(jobs_pb2_grpc.add_JobServiceServicer_to_server, ScriptedService(), NAME)
    await server.start()
    assert server.address == f"unix:{short_dir}/a.sock"
    async with open_channel(server.address, service_token) as channel:
        answer = await call(jobs_pb2_grpc.JobServiceStub(channel).Get, ask("x"))
    assert answer.job.id == "x"
    await server.stop(0)
