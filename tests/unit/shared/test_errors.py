"""Errors keep their meaning on the way through gRPC."""

from __future__ import annotations

import pickle

import grpc
import pytest

from protos.common.v1.common_pb2 import ErrorDetail
from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.grpc_errors import ERROR_TRAILER, GRPC_STATUS, error_from_rpc, error_trailer
from services.shared.live_channel import StaleToken


def rpc_error(status: grpc.StatusCode, *trailers: tuple[str, bytes], details: str = "") -> grpc.RpcError:
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_a_status_and_comes_back_as_itself(code: ErrorCode) -> None:
    sent = AppError(
        code, "What happened.", violations=[FieldViolation("/duration", "too long")], retry_after_seconds=1.5
    )

    received = error_from_rpc(rpc_error(GRPC_STATUS[code], error_trailer(sent)))

    assert received.code is code
    assert received.message == "What happened."
    assert received.violations == (FieldViolation("/duration", "too long"),)
    assert received.retry_after_seconds == 1.5


def test_only_unavailability_invites_a_repeat() -> None:
    repeated = [code for code, status in GRPC_STATUS.items() if status is grpc.StatusCode.UNAVAILABLE]
    assert repeated == [ErrorCode.UNAVAILABLE]


def test_context_stays_at_home() -> None:
    _, trailer = error_trailer(AppError(ErrorCode.INTERNAL, "Sorry.", path="/etc/shadow"))
    assert b"shadow" not in trailer


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.UNAVAILABLE, ErrorCode.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ErrorCode.DEADLINE_EXCEEDED),
        (grpc.StatusCode.CANCELLED, ErrorCode.UNAVAILABLE),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorCode.PAYLOAD_TOO_LARGE),
        (grpc.StatusCode.UNKNOWN, ErrorCode.INTERNAL),
        (grpc.StatusCode.UNIMPLEMENTED, ErrorCode.INTERNAL),
    ],
)
def test_bare_status_gets_a_sentence_of_ours(status: grpc.StatusCode, code: ErrorCode) -> None:
    error = error_from_rpc(rpc_error(status, details="connect to unix:/run/secret.sock failed"))
    assert error.code is code
    assert "secret.sock" not in error.message
    assert error.context["grpc_details"] == "connect to unix:/run/secret.sock failed"


@pytest.mark.parametrize("trailer", [b"\xff\xff\xff", ErrorDetail(code="from-the-future").SerializeToString()])
def test_unreadable_trailer_falls_back_to_the_status(trailer: bytes) -> None:
    error = error_from_rpc(rpc_error(grpc.StatusCode.NOT_FOUND, (ERROR_TRAILER, trailer)))
    assert error.code is ErrorCode.NOT_FOUND


def test_error_without_any_status_is_internal() -> None:
    assert error_from_rpc(grpc.RpcError("odd")).code is ErrorCode.INTERNAL


@pytest.mark.parametrize(
    "error",
    [
        AppError(ErrorCode.CONFLICT, "No.", violations=[FieldViolation("/a", "b")], retry_after_seconds=2, key="k"),
        StaleToken(),
    ],
)
def test_error_of_another_process_arrives(error: AppError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (copy.code, copy.message, copy.violations) == (error.code, error.message, error.violations)
    assert (copy.retry_after_seconds, copy.context, str(copy)) == (error.retry_after_seconds, error.context, str(error))


def test_field_error_names_the_field() -> None:
    error = AppError.field("/bpm", "must be 20 to 300")
    assert error.code is ErrorCode.VALIDATION
    assert error.violations == (FieldViolation("/bpm", "must be 20 to 300"),)
    assert repr(error) == "AppError('validation', 'must be 20 to 300')"
