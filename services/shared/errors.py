"""The one error hierarchy: what a caller did or met, in words that are meant for people.

Code raises `AppError`; one interceptor turns it into a gRPC status (`grpc_errors`) and one handler in the gateway
into a problem document. Messages say what happened and what to do; `context` is for logs only, never for callers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """Stable slugs: the last segment of the problem type URI. The comment is the HTTP status."""

    VALIDATION = "validation"  # 422
    UNAUTHENTICATED = "unauthenticated"  # 401
    SECOND_FACTOR_REQUIRED = "second-factor-required"  # 401
    FORBIDDEN = "forbidden"  # 403
    SIGN_UP_REQUIRED = "sign-up-required"  # 403
    NOT_FOUND = "not-found"  # 404
    CONFLICT = "conflict"  # 409
    IDEMPOTENCY_MISMATCH = "idempotency-mismatch"  # 422
    IDEMPOTENCY_IN_PROGRESS = "idempotency-in-progress"  # 409
    QUOTA_EXCEEDED = "quota-exceeded"  # 429
    RATE_LIMITED = "rate-limited"  # 429
    QUEUE_FULL = "queue-full"  # 503
    OVERLOADED = "overloaded"  # 503
    UNAVAILABLE = "unavailable"  # 503
    DEADLINE_EXCEEDED = "deadline-exceeded"  # 504
    STALE_LEASE = "stale-lease"  # 409
    PRECONDITION_FAILED = "precondition-failed"  # 412
    PAYLOAD_TOO_LARGE = "payload-too-large"  # 413
    UNSUPPORTED_MEDIA = "unsupported-media"  # 415
    RANGE_NOT_SATISFIABLE = "range-not-satisfiable"  # 416
    STORAGE_FULL = "storage-full"  # 507
    MODEL_NOT_INSTALLED = "model-not-installed"  # 409
    INTERNAL = "internal"  # 500


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One thing that is wrong with one field. `pointer` is an RFC 6901 JSON pointer into the body, "" for all of it."""

    pointer: str
    detail: str


class AppError(Exception):
    """What a caller can be told. `retry_after_seconds` is None when a repeat does not help or nobody knows."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        retry_after_seconds: float | None = None,
        **context: object,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.violations = tuple(violations)
        self.retry_after_seconds = retry_after_seconds
        self.context = context

    @classmethod
    def field(cls, pointer: str, detail: str) -> Self:
        """A VALIDATION error about one field; `detail` says what is wrong and what to change."""
        return cls(ErrorCode.VALIDATION, detail, violations=(FieldViolation(pointer, detail),))

    def within(self, pointer: str) -> Self:
        """The same error about a part of a larger body, which lies at `pointer`."""
        return type(self)(
            self.code,
            self.message,
            violations=[FieldViolation(f"{pointer}{item.pointer}", item.detail) for item in self.violations],
            retry_after_seconds=self.retry_after_seconds,
            **self.context,
        )

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are rebuilt from their single argument by default: an error of a worker process would not arrive.
        return _restored, (type(self), self.message, self.__dict__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code.value!r}, {self.message!r})"


def _restored(kind: type[AppError], message: str, state: dict[str, object]) -> AppError:
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error
