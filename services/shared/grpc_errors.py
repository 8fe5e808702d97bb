"""`AppError` on the wire: a gRPC status plus the trailer `musicgen-error-bin` (`common.v1.ErrorDetail`), and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import grpc
from google.protobuf.message import DecodeError

from protos.common.v1.common_pb2 import ErrorDetail
from protos.common.v1.common_pb2 import FieldViolation as WireFieldViolation
from services.shared.errors import AppError, ErrorCode, FieldViolation

ERROR_TRAILER = "musicgen-error-bin"

# Only UNAVAILABLE is repeated by clients, so nothing that a repeat makes worse (a full queue) may map to it.
GRPC_STATUS: Mapping[ErrorCode, grpc.StatusCode] = MappingProxyType(
    {
        ErrorCode.VALIDATION: grpc.StatusCode.INVALID_ARGUMENT,
        ErrorCode.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
        ErrorCode.SECOND_FACTOR_REQUIRED: grpc.StatusCode.UNAUTHENTICATED,
        ErrorCode.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
        ErrorCode.SIGN_UP_REQUIRED: grpc.StatusCode.PERMISSION_DENIED,
        ErrorCode.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        ErrorCode.CONFLICT: grpc.StatusCode.ALREADY_EXISTS,
        ErrorCode.IDEMPOTENCY_MISMATCH: grpc.StatusCode.FAILED_PRECONDITION,
        ErrorCode.IDEMPOTENCY_IN_PROGRESS: grpc.StatusCode.ABORTED,
        ErrorCode.QUOTA_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorCode.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorCode.QUEUE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorCode.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorCode.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
        ErrorCode.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
        ErrorCode.STALE_LEASE: grpc.StatusCode.ABORTED,
        ErrorCode.PRECONDITION_FAILED: grpc.StatusCode.FAILED_PRECONDITION,
        ErrorCode.PAYLOAD_TOO_LARGE: grpc.StatusCode.INVALID_ARGUMENT,
        ErrorCode.UNSUPPORTED_MEDIA: grpc.StatusCode.INVALID_ARGUMENT,
        ErrorCode.RANGE_NOT_SATISFIABLE: grpc.StatusCode.OUT_OF_RANGE,
        ErrorCode.STORAGE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
        ErrorCode.MODEL_NOT_INSTALLED: grpc.StatusCode.FAILED_PRECONDITION,
        ErrorCode.INTERNAL: grpc.StatusCode.INTERNAL,
    }
)

# For failures that gRPC itself raised, without our trailer. Its own words name hosts and sockets: people get these.
_BARE_STATUS: Mapping[grpc.StatusCode, tuple[ErrorCode, str]] = MappingProxyType(
    {
        grpc.StatusCode.UNAVAILABLE: (ErrorCode.UNAVAILABLE, "A part of the platform is starting or down. Try again."),
        grpc.StatusCode.CANCELLED: (ErrorCode.UNAVAILABLE, "A part of the platform is stopping. Try again."),
        grpc.StatusCode.DEADLINE_EXCEEDED: (ErrorCode.DEADLINE_EXCEEDED, "The answer took too long. Try again."),
        grpc.StatusCode.RESOURCE_EXHAUSTED: (ErrorCode.PAYLOAD_TOO_LARGE, "The request or its answer is too large."),
        grpc.StatusCode.UNAUTHENTICATED: (ErrorCode.UNAUTHENTICATED, "Sign in again."),
        grpc.StatusCode.PERMISSION_DENIED: (ErrorCode.FORBIDDEN, "This is not allowed."),
        grpc.StatusCode.NOT_FOUND: (ErrorCode.NOT_FOUND, "There is no such thing."),
        grpc.StatusCode.INVALID_ARGUMENT: (ErrorCode.VALIDATION, "The request is not valid."),
        grpc.StatusCode.OUT_OF_RANGE: (ErrorCode.RANGE_NOT_SATISFIABLE, "The range lies beyond the end."),
        grpc.StatusCode.ALREADY_EXISTS: (ErrorCode.CONFLICT, "It exists already."),
        grpc.StatusCode.ABORTED: (ErrorCode.CONFLICT, "Somebody else was first. Try again."),
        grpc.StatusCode.FAILED_PRECONDITION: (ErrorCode.CONFLICT, "This is not possible in the present state."),
    }
)
_UNKNOWN = (ErrorCode.INTERNAL, "Something went wrong on our side.")


def wire_violations(violations: Iterable[FieldViolation]) -> list[WireFieldViolation]:
    """Fields that are wrong, for the wire."""
    return [WireFieldViolation(pointer=item.pointer, detail=item.detail) for item in violations]


def violations_of(wire: Iterable[WireFieldViolation]) -> tuple[FieldViolation, ...]:
    """Fields that are wrong, off the wire."""
    return tuple(FieldViolation(item.pointer, item.detail) for item in wire)


def error_trailer(error: AppError) -> tuple[str, bytes]:
    """The trailing metadata entry that carries `error`."""
    detail = ErrorDetail(
        code=error.code.value,
        message=error.message,
        violations=wire_violations(error.violations),
        retry_after_seconds=error.retry_after_seconds or 0.0,
    )
    return ERROR_TRAILER, detail.SerializeToString()


def error_from_rpc(error: grpc.RpcError) -> AppError:
    """What a failed call means: our own error off the trailer, or what its bare status amounts to."""
    return _from_trailer(_trailers(error)) or _from_status(error)


def _trailers(error: grpc.RpcError) -> Iterable[tuple[str, str | bytes]]:
    read = getattr(error, "trailing_metadata", None)
    return (read() if callable(read) else None) or ()


def _from_trailer(metadata: Iterable[tuple[str, str | bytes]]) -> AppError | None:
    for key, value in metadata:
        if key == ERROR_TRAILER and isinstance(value, bytes):
            try:
                detail = ErrorDetail.FromString(value)
                code = ErrorCode(detail.code)
            except (DecodeError, ValueError):
                return None
            return AppError(
                code,
                detail.message,
                violations=violations_of(detail.violations),
                retry_after_seconds=detail.retry_after_seconds or None,
            )
    return None


def _from_status(error: grpc.RpcError) -> AppError:
    read_code, read_details = getattr(error, "code", None), getattr(error, "details", None)
    status = read_code() if callable(read_code) else None
    code, message = _BARE_STATUS.get(status, _UNKNOWN) if isinstance(status, grpc.StatusCode) else _UNKNOWN
    return AppError(
        code,
        message,
        grpc_status=status.name if isinstance(status, grpc.StatusCode) else "none",
        grpc_details=read_details() if callable(read_details) else str(error),
    )
