"""Only tokens that we signed, for us, and lately, stand for anybody."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.shared.errors import AppError, ErrorCode
from services.shared.identity import (
    InternalTokenMinter,
    Principal,
    ServiceTokenSource,
    TokenVerifier,
    acting_as,
    bind_principal,
    current_principal,
    require_service,
    require_user,
)

PRIVATE_KEY = Ed25519PrivateKey.generate()
SERVICE_KEY = "ab" * 32
USER_CLAIMS = {
    "iss": "musicgen-gateway",
    "aud": "musicgen-internal",
    "sub": "user-1",
    "username": "ada",
    "role": "user",
    "scopes": ["generate"],
    "sid": "session-1",
}
SERVICE_CLAIMS = {"iss": "musicgen-service", "aud": "musicgen-internal", "sub": "service:worker"}


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(PRIVATE_KEY.public_key(), SERVICE_KEY)


def user_token(key: Any = PRIVATE_KEY, algorithm: str = "EdDSA", age: float = 0, **changes: object) -> str:
    return token(USER_CLAIMS, key, algorithm, age, changes)


def service_token(key: Any = SERVICE_KEY, algorithm: str = "HS256", age: float = 0, **changes: object) -> str:
    return token(SERVICE_CLAIMS, key, algorithm, age, changes)


def token(claims: dict[str, Any], key: Any, algorithm: str, age: float, changes: dict[str, object]) -> str:
    issued = int(time.time() - age)
    merged = {**claims, "iat": issued, "exp": issued + 60, **changes}
    return jwt.encode({name: value for name, value in merged.items() if value is not None}, key, algorithm=algorithm)


def unsigned(header: dict[str, str], claims: dict[str, Any], signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, signature])


def refused(verifier: TokenVerifier, raw: str) -> bool:
    with pytest.raises(AppError) as caught:
        verifier.verify(raw)
    return caught.value.code is ErrorCode.UNAUTHENTICATED


def test_minted_token_tells_who_the_user_is(verifier: TokenVerifier) -> None:
    raw = InternalTokenMinter(PRIVATE_KEY).mint(
        user_id="user-1", username="ada", role="admin", scopes={"tracks", "generate"}, session_id="s"
    )
    assert verifier.verify(raw) == Principal(
        "user-1", "user", "ada", "admin", frozenset({"generate", "tracks"}), "s", raw
    )


def test_minted_token_lasts_a_minute() -> None:
    raw = InternalTokenMinter(PRIVATE_KEY).mint(user_id="u", username="a", role="user", scopes=(), session_id="")
    claims = jwt.decode(raw, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60


def test_service_token_tells_which_service_it_is(verifier: TokenVerifier) -> None:
    principal = verifier.verify(ServiceTokenSource("worker", SERVICE_KEY).token())
    assert (principal.kind, principal.subject, principal.role) == ("service", "service:worker", "service")


def test_raw_token_stays_out_of_the_representation(verifier: TokenVerifier) -> None:
    raw = user_token()
    assert raw not in repr(verifier.verify(raw))


@pytest.mark.parametrize("raw", ["", "x", "a.b.c", "eyJ.eyJ.", "\x00", "ü" * 50, "a" * 10_000, "." * 8_000])
def test_garbage_is_refused(verifier: TokenVerifier, raw: str) -> None:
    assert refused(verifier, raw)


def test_deeply_nested_claims_are_refused(verifier: TokenVerifier) -> None:
    payload = base64.urlsafe_b64encode(b"[" * 5_000).rstrip(b"=").decode()
    header = base64.urlsafe_b64encode(b'{"alg":"EdDSA"}').rstrip(b"=").decode()
    assert refused(verifier, f"{header}.{payload}.x")


def test_token_of_a_foreign_key_is_refused(verifier: TokenVerifier) -> None:
    assert refused(verifier, user_token(key=Ed25519PrivateKey.generate()))
    assert refused(verifier, service_token(key="cd" * 32))


def test_changed_claims_are_refused(verifier: TokenVerifier) -> None:
    header, _, signature = user_token().split(".")
    _, forged, _ = user_token(sub="user-2").split(".")
    assert refused(verifier, f"{header}.{forged}.{signature}")


@pytest.mark.parametrize("make", [user_token, service_token])
def test_expired_token_is_refused(verifier: TokenVerifier, make: Any) -> None:
    assert refused(verifier, make(age=120))


@pytest.mark.parametrize("make", [user_token, service_token])
def test_token_from_the_future_is_refused(verifier: TokenVerifier, make: Any) -> None:
    assert refused(verifier, make(age=-120))


@pytest.mark.parametrize("make", [user_token, service_token])
@pytest.mark.parametrize("audience", ["musicgen-api", "", None])
def test_token_for_another_audience_is_refused(verifier: TokenVerifier, make: Any, audience: str | None) -> None:
    assert refused(verifier, make(aud=audience))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "username", "role", "scopes", "sid"])
def test_user_token_without_a_claim_is_refused(verifier: TokenVerifier, claim: str) -> None:
    assert refused(verifier, user_token(**{claim: None}))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat"])
def test_service_token_without_a_claim_is_refused(verifier: TokenVerifier, claim: str) -> None:
    assert refused(verifier, service_token(**{claim: None}))


@pytest.mark.parametrize(
    "changes",
    [{"scopes": "generate"}, {"scopes": [1]}, {"username": 5}, {"sub": ""}, {"sub": "service:worker"}, {"sid": []}],
)
def test_user_claims_of_a_wrong_kind_are_refused(verifier: TokenVerifier, changes: dict[str, object]) -> None:
    assert refused(verifier, user_token(**changes))


def test_service_token_for_a_user_is_refused(verifier: TokenVerifier) -> None:
    assert refused(verifier, service_token(sub="user-1"))


def test_service_key_cannot_sign_for_the_gateway(verifier: TokenVerifier) -> None:
    assert refused(verifier, user_token(key=SERVICE_KEY, algorithm="HS256"))


def test_gateway_key_cannot_sign_for_a_service(verifier: TokenVerifier) -> None:
    assert refused(verifier, service_token(key=PRIVATE_KEY, algorithm="EdDSA"))


def test_public_key_used_as_hmac_secret_is_refused(verifier: TokenVerifier) -> None:
    import hashlib
    import hmac

    public = PRIVATE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    now = int(time.time())
    claims = {**USER_CLAIMS, "iat": now, "exp": now + 60}
    message = unsigned({"alg": "HS256", "typ": "JWT"}, claims)[:-1]
    signature = base64.urlsafe_b64encode(hmac.digest(public, message.encode(), hashlib.sha256)).rstrip(b"=").decode()
    assert refused(verifier, f"{message}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", ""])
def test_unsigned_token_is_refused(verifier: TokenVerifier, algorithm: str) -> None:
    now = int(time.time())
    for claims in (USER_CLAIMS, SERVICE_CLAIMS):
        assert refused(verifier, unsigned({"alg": algorithm}, {**claims, "iat": now, "exp": now + 60}))


def test_remembered_token_is_refused_once_it_ends(verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = user_token()
    verifier.verify(raw)
    later = time.time() + 66
    monkeypatch.setattr("services.shared.identity.time.time", lambda: later)
    # PyJWT reads its own clock: what is refused here must not come out of the memory.
    monkeypatch.setattr(verifier, "_check", lambda _: (_ for _ in ()).throw(jwt.ExpiredSignatureError()))
    assert refused(verifier, raw)


def test_memory_of_tokens_is_bounded(verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.shared.identity._CACHED_TOKENS", 3)
    tokens = [service_token(jti=str(number)) for number in range(10)]
    assert all(verifier.verify(raw).token == raw for raw in tokens)
    assert len(verifier._verified) == 3


def test_service_token_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ServiceTokenSource("worker", SERVICE_KEY)
    first = source.token()
    assert source.token() == first
    now = time.time()
    monkeypatch.setattr("services.shared.identity.time.time", lambda: now + 45)
    assert source.token() != first


def test_service_token_survives_a_clock_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    source = ServiceTokenSource("worker", SERVICE_KEY)
    monkeypatch.setattr("services.shared.identity.time.time", lambda: now + 3_600)
    ahead = source.token()
    monkeypatch.setattr("services.shared.identity.time.time", lambda: now)
    assert source.token() != ahead


def test_threads_share_one_source() -> None:
    source = ServiceTokenSource("worker", SERVICE_KEY)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: source.token(), range(100)))) == 1


def test_caller_is_known_only_inside_a_call() -> None:
    with pytest.raises(AppError):
        current_principal()
    user = Principal("user-1", "user")
    with acting_as(user):
        assert current_principal() is user
        assert require_user() is user
        with pytest.raises(AppError) as caught:
            require_service()
        assert caught.value.code is ErrorCode.FORBIDDEN
    with pytest.raises(AppError):
        current_principal()


def test_service_is_no_user() -> None:
    service = Principal("service:worker", "service")
    with acting_as(service):
        assert require_service() is service
        with pytest.raises(AppError) as caught:
            require_user()
        assert caught.value.code is ErrorCode.FORBIDDEN


def test_bound_caller_ends_with_its_task() -> None:
    import contextvars

    def inside() -> str:
        bind_principal(Principal("user-1", "user"))
        return current_principal().subject

    assert contextvars.Context().run(inside) == "user-1"
    with pytest.raises(AppError):
        current_principal()
