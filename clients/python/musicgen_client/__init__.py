"""Python client for Music Gen AI: `Client` and `AsyncClient` over the HTTP API, and the `musicgen` command.

Names are looked up when they are first used, so that the command line starts without importing what it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musicgen_client.async_client import AsyncClient as AsyncClient
    from musicgen_client.client import Client as Client
    from musicgen_client.errors import ApiError as ApiError
    from musicgen_client.errors import ChangedMeanwhileError as ChangedMeanwhileError
    from musicgen_client.errors import ConflictError as ConflictError
    from musicgen_client.errors import ForbiddenError as ForbiddenError
    from musicgen_client.errors import IdempotencyError as IdempotencyError
    from musicgen_client.errors import InvalidRequestError as InvalidRequestError
    from musicgen_client.errors import JobFailedError as JobFailedError
    from musicgen_client.errors import LimitError as LimitError
    from musicgen_client.errors import ModelNotInstalledError as ModelNotInstalledError
    from musicgen_client.errors import MusicGenError as MusicGenError
    from musicgen_client.errors import NotFoundError as NotFoundError
    from musicgen_client.errors import OverloadedError as OverloadedError
    from musicgen_client.errors import PayloadTooLargeError as PayloadTooLargeError
    from musicgen_client.errors import QuotaExceededError as QuotaExceededError
    from musicgen_client.errors import RateLimitedError as RateLimitedError
    from musicgen_client.errors import SecondFactorRequiredError as SecondFactorRequiredError
    from musicgen_client.errors import SignUpRequiredError as SignUpRequiredError
    from musicgen_client.errors import StorageFullError as StorageFullError
    from musicgen_client.errors import UnauthenticatedError as UnauthenticatedError
    from musicgen_client.errors import UnavailableError as UnavailableError
    from musicgen_client.errors import UnexpectedAnswerError as UnexpectedAnswerError
    from musicgen_client.errors import UnreachableError as UnreachableError
    from musicgen_client.errors import VerificationPendingError as VerificationPendingError
    from musicgen_client.errors import WebhookSignatureError as WebhookSignatureError
    from musicgen_client.tokens import FileTokenStore as FileTokenStore
    from musicgen_client.tokens import MemoryTokenStore as MemoryTokenStore
    from musicgen_client.webhook_signatures import verify_webhook as verify_webhook

_HOMES = {
    "AsyncClient": "async_client",
    "Client": "client",
    "ApiError": "errors",
    "ChangedMeanwhileError": "errors",
    "ConflictError": "errors",
    "ForbiddenError": "errors",
    "IdempotencyError": "errors",
    "InvalidRequestError": "errors",
    "JobFailedError": "errors",
    "LimitError": "errors",
    "ModelNotInstalledError": "errors",
    "MusicGenError": "errors",
    "NotFoundError": "errors",
    "OverloadedError": "errors",
    "PayloadTooLargeError": "errors",
    "QuotaExceededError": "errors",
    "RateLimitedError": "errors",
    "SecondFactorRequiredError": "errors",
    "SignUpRequiredError": "errors",
    "StorageFullError": "errors",
    "UnauthenticatedError": "errors",
    "UnavailableError": "errors",
    "UnexpectedAnswerError": "errors",
    "UnreachableError": "errors",
    "VerificationPendingError": "errors",
    "WebhookSignatureError": "errors",
    "FileTokenStore": "tokens",
    "MemoryTokenStore": "tokens",
    "verify_webhook": "webhook_signatures",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
