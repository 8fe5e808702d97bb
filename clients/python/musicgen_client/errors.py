"""What can go wrong, each with a sentence for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from musicgen_client.models import FieldError, Job, Problem

if TYPE_CHECKING:
    import httpx


class MusicGenError(Exception):
    """Base of everything that this package raises by itself; `str()` is one readable line."""


class ApiError(MusicGenError):
    """The server refused: a problem document (RFC 9457) as an exception.

    Types of problems that programs treat in their own ways have classes of their own below; the others are plain.
    """

    def __init__(self, problem: Problem, *, retry_after_seconds: float | None = None) -> None:
        self.status = problem.status
        self.type = problem.type
        self.title = problem.title
        self.detail = problem.detail
        self.errors: list[FieldError] = list(problem.errors)
        self.request_id = problem.request_id
        self.retry_after_seconds = retry_after_seconds
        self.problem = problem
        super().__init__(self._sentence())

    @property
    def code(self) -> str:
        """The last segment of the problem type, for example "quota-exceeded"."""
        return _code_of(self.problem)

    @staticmethod
    def from_response(response: httpx.Response) -> ApiError:
        """Read a problem document, as the class of its type.

        Whatever else stands in front of the server may answer in other ways.
        """
        try:
            document = json.loads(response.content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            document = {}
        known = {**document, "status": response.status_code}
        try:
            problem = Problem.model_validate(known)
        except ValueError:
            problem = Problem(status=response.status_code)
        if not problem.title:
            problem = problem.model_copy(update={"title": response.reason_phrase or f"HTTP {response.status_code}"})
        if not problem.request_id:
            problem = problem.model_copy(update={"request_id": response.headers.get("x-request-id", "")})
        kind = _KINDS.get(_code_of(problem), ApiError)
        return kind(problem, retry_after_seconds=retry_after(response))

    def _sentence(self) -> str:
        text = self.detail or self.title
        named = [f"{error.pointer.lstrip('/') or 'request'}: {error.detail}" for error in self.errors]
        if len(named) == 1 and self.errors[0].detail == text:
            text = named[0]
        elif named:
            text = f"{text.rstrip('.')} ({'; '.join(part.rstrip('.') for part in named)})"
        return " ".join(text.split())


class InvalidRequestError(ApiError):
    """Values of the request are wrong: `errors` names each. The same request fails again."""


class UnauthenticatedError(ApiError):
    """Nobody is signed in, or not any more."""


class SecondFactorRequiredError(UnauthenticatedError):
    """The password is right; sign in again with `totp`."""


class ForbiddenError(ApiError):
    """Whoever is signed in may not do this."""


class SignUpRequiredError(ForbiddenError):
    """A guest may not do this; an account may."""


class NotFoundError(ApiError):
    """There is no such thing, or it is somebody else's and private."""


class ConflictError(ApiError):
    """The thing's state does not allow this: a name is taken, a job has ended. Read it again and decide anew."""


class ChangedMeanwhileError(ConflictError):
    """The thing was edited after the `etag` of `if_match` was read; nothing was done. Read it again and decide anew."""


class ModelNotInstalledError(ConflictError):
    """The catalogue knows the model, but its weights are not on the server."""


class IdempotencyError(ApiError):
    """The idempotency key belongs to a request that still runs (`status` 409), or to another one (422)."""


class LimitError(ApiError):
    """More than the account or the address may do now; `retry_after_seconds` says when it may, where that is known."""


class QuotaExceededError(LimitError):
    """The account may not make that much audio now; `usage()` says what is left."""


class RateLimitedError(LimitError):
    """Too many requests."""


class PayloadTooLargeError(ApiError):
    """The request's body, or the file that was sent, is larger than the server takes."""


class UnavailableError(ApiError):
    """The server, or a part of it, cannot answer now; the same request may go well later."""


class OverloadedError(UnavailableError):
    """The server has as much to do as it can, or its queue is full; `retry_after_seconds` says when to come back."""


class StorageFullError(ApiError):
    """There is no room for more audio."""


_KINDS: Final[dict[str, type[ApiError]]] = {
    "validation": InvalidRequestError,
    "unauthenticated": UnauthenticatedError,
    "second-factor-required": SecondFactorRequiredError,
    "forbidden": ForbiddenError,
    "sign-up-required": SignUpRequiredError,
    "not-found": NotFoundError,
    "conflict": ConflictError,
    "precondition-failed": ChangedMeanwhileError,
    "model-not-installed": ModelNotInstalledError,
    "idempotency-in-progress": IdempotencyError,
    "idempotency-mismatch": IdempotencyError,
    "quota-exceeded": QuotaExceededError,
    "rate-limited": RateLimitedError,
    "payload-too-large": PayloadTooLargeError,
    "unavailable": UnavailableError,
    "not-ready": UnavailableError,
    "deadline-exceeded": UnavailableError,
    "overloaded": OverloadedError,
    "queue-full": OverloadedError,
    "storage-full": StorageFullError,
}


def _code_of(problem: Problem) -> str:
    return problem.type.rstrip("/").rsplit("/", 1)[-1]


class VerificationPendingError(MusicGenError):
    """The account was made, or was there before; its e-mail address has to be verified before anybody signs in."""

    def __init__(self) -> None:
        super().__init__("open the link in the mail that is on its way to you, then sign in")


class UnsendableError(MusicGenError, ValueError):
    """A value of the request has no form in JSON: NaN, an infinity, a date, …"""


class UnreachableError(MusicGenError):
    """The server could not be reached, or the connection broke."""


class UnexpectedAnswerError(MusicGenError):
    """The server answered with something that is not part of its contract."""


class JobFailedError(MusicGenError):
    """A job that was waited for ended without a result."""

    def __init__(self, job: Job) -> None:
        self.job = job
        if job.status == "cancelled":
            text = f"job {job.id} was cancelled"
        else:
            reason = (job.error.detail or job.error.title) if job.error else ""
            text = f"job {job.id} failed: {reason or 'the server gives no reason'}"
        super().__init__(" ".join(text.split()))


class WebhookSignatureError(MusicGenError):
    """A message that is not from the platform, was changed on its way, or is too old."""


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of a `Retry-After` header; None when there is none, or when it is a date."""
    try:
        seconds = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds)
