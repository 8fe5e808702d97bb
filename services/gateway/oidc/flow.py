"""Sign-in by OpenID Connect: the authorization code flow with PKCE, `state` and `nonce` (RFC 9700, OIDC Core §3.1)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final

import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.gateway.oidc.attempt import LIFETIME_SECONDS, Attempt, Pending
from services.gateway.oidc.discovery import Discovery, Metadata, away, json_object
from services.gateway.oidc.id_token import UnknownKeyError, WrongTokenError, verified_claims
from services.gateway.oidc.providers import Provider
from services.shared.errors import AppError, ErrorCode
from services.shared.outbound import Outbound, OutboundError

log = structlog.get_logger(__name__)

_RANDOM_BYTES: Final = 32
_LONGEST_TEXT: Final = 320
# The browser carries it on: a cookie holds 4 KB.
_LONGEST_NAME: Final = 100


class OidcSignIn:
    """One provider's flow. `callback` is the address that the operator registered there."""

    def __init__(self, provider: Provider, outbound: Outbound, callback: str, redis: Redis) -> None:
        self.provider = provider
        self._outbound = outbound
        self._callback = callback
        self._redis = redis
        self._discovery = Discovery(provider, outbound)

    async def begin(self, next_page: str) -> tuple[str, Attempt]:
        """Where to send the browser, and what it has to bring back. Raises `AppError` (UNAVAILABLE)."""
        metadata = await self._discovery.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
        url = prepare_grant_uri(
            metadata.authorization_endpoint,
            client_id=self.provider.client_id,
            response_type="code",
            redirect_uri=self._callback,
            scope=" ".join(self.provider.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return str(url), Attempt(self.provider.id, state, nonce, verifier, next_page)

    async def finish(self, attempt: Attempt | None, params: Mapping[str, str]) -> Pending:
        """Whom the provider vouches for.

        Raises `AppError`: UNAUTHENTICATED for what does not belong to this browser's sign-in or does not hold,
        FORBIDDEN when the person or the provider refused, UNAVAILABLE.
        """
        state = params.get("state", "")
        if (
            attempt is None
            or attempt.provider != self.provider.id
            or not hmac.compare_digest(attempt.state.encode(), state.encode())
        ):
            raise _start_again()
        metadata = await self._discovery.metadata()
        issuer = params.get("iss", "")
        # RFC 9207: an answer that names another provider was mixed up on the way.
        if (issuer or metadata.names_itself) and issuer != self.provider.issuer:
            log.warning("oidc_refused", provider=self.provider.id, reason="the answer names another issuer")
            raise _start_again()
        if not params.get("code"):
            raise AppError(ErrorCode.FORBIDDEN, f"{self.provider.title} did not sign you in. Start again if you want.")
        await self._use_up(attempt)
        tokens = await self._exchange(metadata, params["code"], attempt.verifier)
        claims = await self._claims(metadata, tokens, attempt)
        return self._person(claims, attempt)

    async def _use_up(self, attempt: Attempt) -> None:
        """One callback a sign-in, however often it is sent and by how many at once."""
        name = hashlib.sha256(attempt.state.encode()).hexdigest()
        try:
            first = await self._redis.set(f"mg:oidc:used:{name}", "1", nx=True, ex=LIFETIME_SECONDS)
        except (RedisError, OSError) as error:
            raise away(self.provider) from error
        if not first:
            raise _start_again()

    async def _exchange(self, metadata: Metadata, code: str, verifier: str) -> dict[str, Any]:
        secret = self.provider.client_secret.get_secret_value()
        method = "none" if not secret else "client_secret_post" if metadata.secret_in_body else "client_secret_basic"
        body = prepare_token_request(
            "authorization_code", redirect_uri=self._callback, code=code, code_verifier=verifier
        )
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        url, headers, body = ClientAuth(self.provider.client_id, secret, method).prepare(
            "POST", metadata.token_endpoint, headers, body
        )
        try:
            answer = await self._outbound.request("POST", url, headers=headers, content=str(body).encode())
            if 400 <= answer.status < 500:
                # Its reason may quote the code: only the status is kept.
                log.warning("oidc_refused", provider=self.provider.id, reason=f"the exchange answered {answer.status}")
                raise _start_again()
            return json_object(answer)
        except (OutboundError, ValueError, TypeError) as error:
            log.warning("oidc_exchange_failed", provider=self.provider.id, reason=str(error)[:200])
            raise away(self.provider) from error

    async def _claims(self, metadata: Metadata, tokens: Mapping[str, Any], attempt: Attempt) -> Mapping[str, Any]:
        token, access_token = tokens.get("id_token"), tokens.get("access_token", "")
        if not isinstance(token, str) or not isinstance(access_token, str):
            raise self._refused("it sent no ID token")
        try:
            claims = await self._verified(token, access_token, attempt)
        except (UnknownKeyError, WrongTokenError) as error:
            raise self._refused(str(error) or "nobody knows its key") from error
        if "email" in claims or not metadata.userinfo_endpoint or not access_token:
            return claims
        return {**claims, **await self._userinfo(metadata, access_token, str(claims["sub"]))}

    async def _verified(self, token: str, access_token: str, attempt: Attempt) -> Mapping[str, Any]:
        keys = await self._discovery.keys()
        try:
            return verified_claims(token, keys, self.provider, nonce=attempt.nonce, access_token=access_token)
        except UnknownKeyError:
            newer = await self._discovery.keys(beyond=keys)
            return verified_claims(token, newer, self.provider, nonce=attempt.nonce, access_token=access_token)

    async def _userinfo(self, metadata: Metadata, access_token: str, subject: str) -> dict[str, Any]:
        """What the provider tells apart from the token (Core §5.3), of the same person only."""
        headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
        try:
            told = json_object(await self._outbound.request("GET", metadata.userinfo_endpoint, headers=headers))
        except (OutboundError, ValueError, TypeError) as error:
            log.warning("oidc_userinfo_failed", provider=self.provider.id, reason=str(error)[:200])
            raise away(self.provider) from error
        if told.get("sub") != subject:
            raise self._refused("its user info is of somebody else")
        names = ("email", "email_verified", "name", "preferred_username")
        return {name: told[name] for name in names if name in told}

    def _person(self, claims: Mapping[str, Any], attempt: Attempt) -> Pending:
        email = _text(claims, "email")
        # A text such as "true" is no promise.
        verified = claims.get("email_verified") is True
        if self.provider.email_domains and not (verified and self.provider.admits(email)):
            raise AppError(
                ErrorCode.FORBIDDEN,
                f"Only confirmed addresses of {', '.join(self.provider.email_domains)} are let in by "
                f"{self.provider.title}. Sign in another way.",
            )
        return Pending(
            self.provider.id,
            str(claims["sub"]),
            email,
            verified,
            _text(claims, "name")[:_LONGEST_NAME],
            _text(claims, "preferred_username")[:_LONGEST_NAME],
            attempt.next,
        )

    def _refused(self, reason: str) -> AppError:
        log.warning("oidc_refused", provider=self.provider.id, reason=reason[:200])
        return _start_again()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else ""


def _start_again() -> AppError:
    return AppError(
        ErrorCode.UNAUTHENTICATED,
        "This sign-in was not begun in this browser, was used, or took too long. Start again.",
    )
