"""The problem types of the public API (RFC 9457): one table from an error's code to its HTTP status, title and
explanation.

The codes of `services.shared.errors.ErrorCode` are all here, and the few that only HTTP knows. `GET /problems/<code>`
renders an entry for people; the code is the last segment of a problem's `type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.shared.errors import ErrorCode

METHOD_NOT_ALLOWED = "method-not-allowed"
NOT_READY = "not-ready"
HTTP_ERROR = "http-error"
REQUEST_TIMEOUT = "request-timeout"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One type of problem: what a client may rely on whenever it meets the code."""

    code: str
    status: int
    title: str
    explanation: str

    @property
    def type(self) -> str:
        """The problem's type URI, relative to the server."""
        return f"/problems/{self.code}"


_KINDS = (
    ProblemKind(
        ErrorCode.VALIDATION,
        422,
        "The request is not valid",
        "One or more values of the request are missing, of the wrong type or out of bounds. `errors` names each of "
        "them by a "
        "JSON pointer into the body (or `in`: query, path or header) and says what to change. The same request fails "
        "again.",
    ),
    ProblemKind(
        ErrorCode.UNAUTHENTICATED,
        401,
        "Sign in first",
        "The request carries no valid credential, or the credential has ended. Sign in with `POST "
        "/api/v1/auth/login`, or exchange "
        "the refresh token with `POST /api/v1/auth/refresh`, and send `Authorization: Bearer <access token>`.",
    ),
    ProblemKind(
        ErrorCode.SECOND_FACTOR_REQUIRED,
        401,
        "A second factor is needed",
        "The password is right. Send the same request again with `totp`: the present code of the authenticator app, "
        "or a recovery code.",
    ),
    ProblemKind(
        ErrorCode.FORBIDDEN,
        403,
        "Not allowed",
        "The credential is valid but does not allow this call. Another person's private things are answered as "
        "not-found instead.",
    ),
    ProblemKind(
        ErrorCode.SIGN_UP_REQUIRED,
        403,
        "Sign up to do this",
        "Guests may make and hear songs. Everything else needs an account: `POST /api/v1/auth/guest/register` turns "
        "the guest into one, which keeps what the guest made.",
    ),
    ProblemKind(
        ErrorCode.NOT_FOUND,
        404,
        "Not found",
        "Nothing of this id or path exists, or it belongs to somebody else and is private.",
    ),
    ProblemKind(
        METHOD_NOT_ALLOWED,
        405,
        "Method not allowed",
        "The path exists but does not take this method. The `Allow` header lists those that it takes.",
    ),
    ProblemKind(
        REQUEST_TIMEOUT,
        408,
        "The body came too slowly",
        "The request's body did not arrive in time. Send it again, without pauses.",
    ),
    ProblemKind(
        ErrorCode.CONFLICT,
        409,
        "Conflict",
        "The state of the thing does not allow the call, for example because a name is taken or a job has ended. "
        "Read the thing again and decide anew.",
    ),
    ProblemKind(
        ErrorCode.IDEMPOTENCY_IN_PROGRESS,
        409,
        "The first request of this key still runs",
        "A request with the same `Idempotency-Key` has not been answered yet. Repeat after `Retry-After` to get its "
        "answer.",
    ),
    ProblemKind(
        ErrorCode.IDEMPOTENCY_MISMATCH,
        422,
        "The idempotency key was used for another request",
        "The `Idempotency-Key` belongs to a request with another body. Use a new key for each new request.",
    ),
    ProblemKind(
        ErrorCode.STALE_LEASE,
        409,
        "The lease is stale",
        "A worker's right to the job has passed to another. Clients of the public API do not meet this problem.",
    ),
    ProblemKind(
        ErrorCode.MODEL_NOT_INSTALLED,
        409,
        "The model is not installed",
        "The catalogue knows the model, but its weights are not on this server. Choose one whose `installed` is true.",
    ),
    ProblemKind(
        ErrorCode.PRECONDITION_FAILED,
        412,
        "It was changed meanwhile",
        "`If-Match` names a state that is not the present one any more: somebody, perhaps you in another window, has "
        "edited the thing since it was read, and nothing was done. Read it again, put the change into what it is now, "
        "and send that with the new `ETag`.",
    ),
    ProblemKind(
        ErrorCode.PAYLOAD_TOO_LARGE,
        413,
        "The body is too large",
        "The request's body is larger than this call takes. The body was not read.",
    ),
    ProblemKind(
        ErrorCode.UNSUPPORTED_MEDIA,
        415,
        "The media type is not supported",
        "The call takes `Content-Type: application/json` without a content encoding.",
    ),
    ProblemKind(
        ErrorCode.RANGE_NOT_SATISFIABLE,
        416,
        "The range lies beyond the end",
        "The `Range` header names bytes that the representation does not have. `Content-Range` says how many it has.",
    ),
    ProblemKind(
        ErrorCode.QUOTA_EXCEEDED,
        429,
        "The quota is used up",
        "The account may not make that much audio now. `GET /api/v1/users/me/usage` says what is left; "
        "cancelling a waiting job gives its share back.",
    ),
    ProblemKind(
        ErrorCode.RATE_LIMITED,
        429,
        "Too many requests",
        "More requests came than the window allows. Wait for `Retry-After` seconds; `RateLimit-Policy` states the "
        "window.",
    ),
    ProblemKind(
        ErrorCode.INTERNAL,
        500,
        "Something went wrong on the server",
        "The server failed in a way that the request did not cause. Quote the `request_id` when you report it.",
    ),
    ProblemKind(
        ErrorCode.QUEUE_FULL,
        503,
        "The queue is full",
        "More work waits than the server takes. Repeat after `Retry-After` seconds.",
    ),
    ProblemKind(
        ErrorCode.OVERLOADED,
        503,
        "The server is busy",
        "More requests came at once than the server can answer in time; this one was turned away before anything was "
        "done for it. Repeat after `Retry-After` seconds. Health checks and the cancelling of jobs are never turned "
        "away for this.",
    ),
    ProblemKind(
        ErrorCode.UNAVAILABLE,
        503,
        "A part of the server is not available",
        "A service is starting, restarting or unreachable. Repeat after `Retry-After` seconds; with an "
        "`Idempotency-Key` a repeated "
        "POST does no harm.",
    ),
    ProblemKind(
        NOT_READY,
        503,
        "The server is not ready",
        "At least one dependency does not answer. `dependencies` lists each with its state and latency.",
    ),
    ProblemKind(
        ErrorCode.DEADLINE_EXCEEDED,
        504,
        "A part of the server did not answer in time",
        "A service took longer than it may. The work may or may not have been done: read the state, or repeat with "
        "the same "
        "`Idempotency-Key`.",
    ),
    ProblemKind(
        ErrorCode.STORAGE_FULL,
        507,
        "The storage is full",
        "The server has no room for more audio. Delete tracks, or ask the operator for more room.",
    ),
    ProblemKind(
        HTTP_ERROR,
        400,
        "The request is not proper HTTP",
        "The request could not be read as HTTP defines it. `detail` says what is wrong.",
    ),
)

PROBLEM_KINDS: Mapping[str, ProblemKind] = MappingProxyType({str(kind.code): kind for kind in _KINDS})


def kind_of(code: str) -> ProblemKind:
    """The problem type of an error code; an unknown one counts as internal."""
    return PROBLEM_KINDS.get(code, PROBLEM_KINDS[ErrorCode.INTERNAL])
