"""What a provider publishes of itself: its endpoints (OpenID Connect Discovery 1.0) and its keys (RFC 7517), kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.gateway.oidc.providers import Provider
from services.shared.errors import AppError, ErrorCode
from services.shared.outbound import Answer, Outbound, OutboundError, is_web_address

log = structlog.get_logger(__name__)

SECONDS_FRESH: Final = 3_600.0
# An id that no key has may be a fresh key's or a forger's; a provider that is away is not asked at every click.
SECONDS_BETWEEN_FETCHES: Final = 10.0
_MOST_KEYS: Final = 64


@dataclass(frozen=True, slots=True)
class Metadata:
    """A provider's endpoints and habits."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    # Whether the token endpoint wants the secret in the body instead of in a header.
    secret_in_body: bool
    # Whether its answers always name it (RFC 9207).
    names_itself: bool


class Discovery:
    """One provider's metadata and keys. Every method raises `AppError` (UNAVAILABLE)."""

    def __init__(self, provider: Provider, outbound: Outbound, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._outbound = outbound
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = -SECONDS_FRESH

    async def metadata(self) -> Metadata:
        """The endpoints, at most an hour old while the provider answers."""
        if self._metadata is None or self._clock() - self._fetched_at > SECONDS_FRESH:
            await self._refresh()
        if self._metadata is None:
            raise away(self._provider)
        return self._metadata

    async def keys(self, *, beyond: KeySet | None = None) -> KeySet:
        """The keys; newer ones than `beyond`, if there are any and it is not too soon to ask."""
        if self._keys is None or self._keys is beyond or self._clock() - self._fetched_at > SECONDS_FRESH:
            await self._refresh()
        if self._keys is None:
            raise away(self._provider)
        return self._keys

    async def _refresh(self) -> None:
        async with self._lock:
            # Whoever waited for the lock finds what the one before has brought.
            if self._clock() - self._tried_at < SECONDS_BETWEEN_FETCHES:
                return
            self._tried_at = self._clock()
            try:
                metadata = self._read_metadata(await self._document(get_well_known_url(self._provider.issuer, True)))
                keys = _read_keys(await self._document(metadata.jwks_uri))
            except (OutboundError, JoseError, ValueError, TypeError, KeyError) as error:
                # What it published before goes on: people sign in while its discovery is down.
                log.warning("oidc_discovery_failed", provider=self._provider.id, reason=str(error)[:200])
                return
            self._metadata, self._keys, self._fetched_at = metadata, keys, self._clock()

    async def _document(self, url: str) -> dict[str, Any]:
        return json_object(await self._outbound.request("GET", url, headers={"accept": "application/json"}))

    def _read_metadata(self, document: dict[str, Any]) -> Metadata:
        # Discovery §4.3: another issuer's document must not pass for this one's.
        if document.get("issuer") != self._provider.issuer:
            raise ValueError("the document names another issuer")
        urls = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            url = document.get(name, "" if name == "userinfo_endpoint" else None)
            if not isinstance(url, str) or (url and not is_web_address(url, inner=self._provider.private_network)):
                raise ValueError(f"{name} is not an https URL")
            urls[name] = url
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            **urls,
            secret_in_body="client_secret_basic" not in methods and "client_secret_post" in methods,
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )


def _read_keys(document: dict[str, Any]) -> KeySet:
    # Only what verifies signatures: no key for encryption, no shared secret, nothing private.
    usable = [
        key
        for key in document["keys"][:_MOST_KEYS]
        if isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"
    ]
    return KeySet.import_key_set({"keys": usable})


def json_object(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. Raises `ValueError`."""
    if answer.status != 200:
        raise ValueError(f"answered {answer.status}")
    document = json.loads(answer.body)
    if not isinstance(document, dict):
        raise TypeError("answered no JSON object")
    return document


def away(provider: Provider) -> AppError:
    """The provider cannot be asked."""
    return AppError(
        ErrorCode.UNAVAILABLE,
        f"{provider.title} does not answer as it should. Try again, or sign in another way.",
        retry_after_seconds=10,
    )
