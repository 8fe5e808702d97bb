"""Who calls: internal tokens (the gateway's, for a user) and service tokens (a process's own), and their verification.

Formats: docs/architecture/contracts.md, "Caller identity". JWT: RFC 7519, with the algorithm fixed by issuer
(RFC 8725 §3.1), so that neither "none" nor a public key used as an HMAC secret gets through.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.shared.errors import AppError, ErrorCode

AUDIENCE = "musicgen-internal"
GATEWAY_ISSUER = "musicgen-gateway"
SERVICE_ISSUER = "musicgen-service"
LIFETIME_SECONDS = 60

# Hosts of one cluster keep time by NTP; this covers what remains.
CLOCK_LEEWAY_SECONDS = 5

_RENEW_BEFORE_END_SECONDS = 20
_CACHED_TOKENS = 4096
_LONGEST_TOKEN = 8192


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. `token` is the raw token, to forward when a service acts for this caller; never log it."""

    subject: str
    kind: Literal["user", "service"]
    username: str = ""
    role: str = "user"
    scopes: frozenset[str] = frozenset()
    session_id: str = ""
    token: str = field(default="", repr=False)
    # What the account may ask for; only where calls are counted, and not in internal tokens.
    tier: str = ""


class InternalTokenMinter:
    """Mints internal tokens; only the gateway holds the key."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key

    def mint(self, *, user_id: str, username: str, role: str, scopes: Iterable[str], session_id: str) -> str:
        """A token for one signed-in caller, valid for 60 s."""
        now = int(time.time())
        claims = {
            "iss": GATEWAY_ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "username": username,
            "role": role,
            "scopes": sorted(scopes),
            "sid": session_id,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._private_key, algorithm="EdDSA")


class ServiceTokenSource:
    """The service tokens of one process. `token` may be called from any thread and at any rate."""

    def __init__(self, name: str, key: str) -> None:
        self._subject = f"service:{name}"
        self._key = key
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def token(self) -> str:
        """A token that is valid for at least another 20 s; cached until then."""
        now = time.time()
        with self._lock:
            if now >= self._renew_at or now < self._renew_at - LIFETIME_SECONDS:
                claims = {
                    "iss": SERVICE_ISSUER,
                    "aud": AUDIENCE,
                    "sub": self._subject,
                    "iat": int(now),
                    "exp": int(now) + LIFETIME_SECONDS,
                }
                self._token = jwt.encode(claims, self._key, algorithm="HS256")
                self._renew_at = int(now) + LIFETIME_SECONDS - _RENEW_BEFORE_END_SECONDS
            return self._token


class TokenVerifier:
    """Verifies both kinds of token; remembers verified ones until they end (a signature check costs 50–190 µs)."""

    def __init__(self, internal_public_key: Ed25519PublicKey, service_key: str) -> None:
        self._internal_public_key = internal_public_key
        self._service_key = service_key
        self._lock = threading.Lock()
        self._verified: OrderedDict[str, tuple[float, Principal]] = OrderedDict()

    def verify(self, token: str) -> Principal:
        """The caller that the token stands for. Raises `AppError` (UNAUTHENTICATED)."""
        known = self._verified.get(token)
        if known is not None and time.time() < known[0]:
            return known[1]
        if len(token) > _LONGEST_TOKEN:
            raise _refused()
        try:
            claims, principal = self._check(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise _refused() from error
        with self._lock:
            self._verified[token] = (float(claims["exp"]) + CLOCK_LEEWAY_SECONDS, principal)
            while len(self._verified) > _CACHED_TOKENS:
                self._verified.popitem(last=False)
        return principal

    def _check(self, token: str) -> tuple[Mapping[str, Any], Principal]:
        # The unverified issuer only selects which key and algorithm the token has to satisfy.
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        if issuer == GATEWAY_ISSUER:
            claims = self._decode(
                token, self._internal_public_key, "EdDSA", issuer, ("username", "role", "scopes", "sid")
            )
            return claims, _user(claims, token)
        if issuer == SERVICE_ISSUER:
            claims = self._decode(token, self._service_key, "HS256", issuer, ())
            return claims, _service(claims, token)
        raise jwt.InvalidIssuerError

    def _decode(
        self, token: str, key: Ed25519PublicKey | str, algorithm: str, issuer: str, further_claims: tuple[str, ...]
    ) -> Mapping[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=AUDIENCE,
            leeway=CLOCK_LEEWAY_SECONDS,
            options={"require": ["iss", "aud", "sub", "iat", "exp", *further_claims]},
        )


def _user(claims: Mapping[str, Any], token: str) -> Principal:
    texts = [claims[name] for name in ("sub", "username", "role", "sid")]
    scopes = claims["scopes"]
    if not all(isinstance(text, str) for text in texts) or not texts[0] or texts[0].startswith("service:"):
        raise jwt.InvalidTokenError
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise jwt.InvalidTokenError
    subject, username, role, session_id = texts
    return Principal(subject, "user", username, role, frozenset(scopes), session_id, token)


def _service(claims: Mapping[str, Any], token: str) -> Principal:
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject.startswith("service:"):
        raise jwt.InvalidTokenError
    return Principal(subject, "service", role="service", token=token)


def _refused() -> AppError:
    # One sentence for every reason: which check failed helps only a forger.
    return AppError(ErrorCode.UNAUTHENTICATED, "The caller's token is missing, wrong or expired. Sign in again.")


_current: ContextVar[Principal] = ContextVar("principal")


def bind_principal(principal: Principal) -> None:
    """Make `principal` the caller for the rest of the current task."""
    _current.set(principal)


@contextmanager
def acting_as(principal: Principal) -> Iterator[None]:
    """Make `principal` the caller within a block."""
    before = _current.set(principal)
    try:
        yield
    finally:
        _current.reset(before)


def current_principal() -> Principal:
    """The caller of the running gRPC handler. Raises `AppError` (UNAUTHENTICATED) outside of one."""
    principal = _current.get(None)
    if principal is None:
        raise _refused()
    return principal


def calls_for_a_person() -> bool:
    """Whether the running code answers a call that was made for a signed-in person."""
    principal = _current.get(None)
    return principal is not None and principal.kind == "user"


def require_user() -> Principal:
    """The caller, who has to be a user. Raises `AppError` (FORBIDDEN)."""
    principal = current_principal()
    if principal.kind != "user":
        raise AppError(ErrorCode.FORBIDDEN, "Only a signed-in user may do this.")
    return principal


def require_service() -> Principal:
    """The caller, which has to be a service. Raises `AppError` (FORBIDDEN)."""
    principal = current_principal()
    if principal.kind != "service":
        raise AppError(ErrorCode.FORBIDDEN, "Only the platform's own services may do this.")
    return principal
