"""What the exit code of the `musicgen` command says.

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | the job failed or was cancelled |
| 2 | the command was used wrongly, or a local file cannot be written |
| 3 | not signed in |
| 4 | not found |
| 5 | the server refused the request |
| 6 | quota or rate limit |
| 7 | the server cannot be reached, or has a fault |
| 130 | interrupted (Ctrl-C) |
"""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus


class ExitCode(IntEnum):
    """The exit codes of the `musicgen` command."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_FOUND = 4
    REFUSED = 5
    LIMIT = 6
    SERVER = 7
    INTERRUPTED = 130


def of_status(status: int) -> ExitCode:
    """The exit code for an HTTP status of an error."""
    if status == HTTPStatus.UNAUTHORIZED:
        return ExitCode.NOT_SIGNED_IN
    if status == HTTPStatus.NOT_FOUND:
        return ExitCode.NOT_FOUND
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ExitCode.LIMIT
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ExitCode.SERVER
    return ExitCode.REFUSED


def of_error(error: Exception) -> ExitCode:
    """The exit code for an exception."""
    from musicgen_client.errors import ApiError, JobFailedError, UnexpectedAnswerError, UnreachableError

    if isinstance(error, ApiError):
        return of_status(error.status)
    if isinstance(error, JobFailedError):
        return ExitCode.JOB_FAILED
    if isinstance(error, UnreachableError | UnexpectedAnswerError | TimeoutError):
        return ExitCode.SERVER
    return ExitCode.USAGE
