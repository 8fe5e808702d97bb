"""Turns every error into a problem document (RFC 9457). No stack trace and no internal name leaves here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.problems import HTTP_ERROR, METHOD_NOT_ALLOWED, REQUEST_TIMEOUT, ProblemKind, kind_of
from services.gateway.schemas.problems import Problem, ProblemError
from services.gateway.validation import entry_of
from services.shared.errors import AppError, ErrorCode

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

_HTTP_CODES: Mapping[int, str] = {
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    408: REQUEST_TIMEOUT,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA,
    416: ErrorCode.RANGE_NOT_SATISFIABLE,
    503: ErrorCode.UNAVAILABLE,
}

# What a client waits when a service is away and did not say for how long: standalone restarts one within seconds.
_RETRY_AFTER_SECONDS = 2


def problem_response(
    request: Request,
    kind: ProblemKind,
    detail: str,
    *,
    errors: Sequence[ProblemError] | None = None,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    status: int | None = None,
) -> Response:
    """The answer for one occurrence of a problem. `extra` are extension members (RFC 9457 §3.2)."""
    problem = Problem(
        type=kind.type,
        title=kind.title,
        status=status or kind.status,
        detail=detail,
        instance=request.scope.get("path"),
        request_id=request.scope.get("state", {}).get("request_id"),
        errors=list(errors) if errors else None,
        **(extra or {}),
    )
    rate_headers: Mapping[str, str] = request.scope.get("state", {}).get("rate_headers", {})
    return Response(
        problem.model_dump_json(by_alias=True, exclude_none=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store", **rate_headers, **(headers or {})},
    )


def app_error_response(request: Request, error: AppError) -> Response:
    """The answer for an `AppError`, wherever it was raised: here or in a service behind a gRPC call."""
    kind = kind_of(error.code)
    headers: dict[str, str] = {}
    # RFC 9110 §11.6.1: every 401 says how to sign in.
    if kind.status == 401:
        headers["www-authenticate"] = 'Bearer realm="musicgen"'
    retry_after = error.retry_after_seconds
    if retry_after is None and kind.status == 503:
        retry_after = _RETRY_AFTER_SECONDS
    if retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(retry_after)))
    content_range = error.context.get("content_range")
    if isinstance(content_range, str):
        headers["content-range"] = content_range
    # What is turned away in a crowd is counted, and not written down twice.
    if kind.status >= 500 and error.code is not ErrorCode.OVERLOADED:
        log.warning("request failed", code=str(error.code), detail=error.message)
    errors = [
        ProblemError(pointer=violation.pointer, detail=violation.detail, location=_location_of(error))
        for violation in error.violations
    ]
    return problem_response(request, kind, error.message, errors=errors, headers=headers)


def _location_of(error: AppError) -> Any:
    location = error.context.get("location")
    return location if location in {"query", "path", "header"} else "body"


def validation_response(request: Request, error: RequestValidationError) -> Response:
    """The answer for values that pydantic refused."""
    errors = [entry_of(item) for item in error.errors()]
    detail = errors[0].detail if len(errors) == 1 else f"{len(errors)} values of the request have to change."
    return problem_response(request, kind_of(ErrorCode.VALIDATION), detail, errors=errors)


def http_error_response(request: Request, error: HTTPException) -> Response:
    """The answer for what the framework refused: unknown paths, wrong methods, broken HTTP."""
    kind = kind_of(_HTTP_CODES.get(error.status_code, HTTP_ERROR))
    detail, headers = error.detail, error.headers
    if error.status_code == 404:
        detail = f"There is nothing at {request.scope['path'][:200]}. /docs lists every call."
    elif error.status_code == 405:
        allowed = ", ".join(request.app.state.methods.allowed(request.scope["path"]))
        detail = f"{request.method} is not a method of this path. It takes {allowed}."
        headers = {"allow": allowed}
    return problem_response(request, kind, detail, headers=headers, status=error.status_code)


def internal_error_response(request: Request) -> Response:
    """The answer when the gateway itself failed; the reason is in its log under the request's id."""
    return problem_response(
        request,
        kind_of(ErrorCode.INTERNAL),
        "The server failed in a way that your request did not cause. Try again; if it stays so, report the request_id.",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Register one handler per family of errors."""

    async def answer(request: Request, error: Exception) -> Response:
        match error:
            case AppError():
                return app_error_response(request, error)
            case RequestValidationError():
                return validation_response(request, error)
            case HTTPException():
                return http_error_response(request, error)
            case _:
                log.error("an answer does not fit its schema", exc_info=error)
                return internal_error_response(request)

    for family in (AppError, RequestValidationError, HTTPException, ResponseValidationError):
        app.add_exception_handler(family, answer)
