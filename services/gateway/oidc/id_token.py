"""ID tokens (OpenID Connect Core §2, §3.1.3.7): what a provider signs about somebody, checked in full."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import Key, KeySet, RSAKey
from joserfc.jws import JWSRegistry, extract_compact

from services.gateway.oidc.providers import Provider

LEEWAY_SECONDS: Final = 60
# A token is made for this very sign-in: an older one belongs to another.
LONGEST_AGE_SECONDS: Final = 600
_LONGEST_SUBJECT: Final = 255
_SHORTEST_RSA_BITS: Final = 2048


class UnknownKeyError(Exception):
    """The token names a key that is not in the set."""


class WrongTokenError(Exception):
    """The token does not hold. The text is for logs."""


def verified_claims(
    token: str, keys: KeySet, provider: Provider, *, nonce: str, access_token: str, now: float | None = None
) -> Mapping[str, Any]:
    """The claims of a token that holds.

    Raises `UnknownKeyError` when other keys may help, `WrongTokenError` when nothing does.
    """
    now = time.time() if now is None else now
    try:
        header = extract_compact(
            token.encode("ascii"), registry=JWSRegistry(algorithms=provider.algorithms, strict_check_header=False)
        ).headers()
        if header.get("alg") not in provider.algorithms:
            raise WrongTokenError("its algorithm is not on the list")
        key = _key_for(header, keys)
        # Only the one algorithm that the key was found for.
        registry = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        decoded = jwt.decode(token, key, algorithms=[header["alg"]], registry=registry)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
                "exp": {"essential": True},
                "iat": {"essential": True},
                "sub": {"essential": True},
            },
            params={"client_id": provider.client_id, "nonce": nonce, "access_token": access_token},
        )
        claims.validate(now=int(now), leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WrongTokenError(f"{type(error).__name__}: {error}") from error
    _check_the_rest(claims, provider, nonce, now)
    return dict(claims)


def _key_for(header: Mapping[str, Any], keys: KeySet) -> Key:
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise WrongTokenError("its key id is no text")
    try:
        key = keys.get_by_kid(kid)
    except InvalidKeyIdError as error:
        raise UnknownKeyError from error
    if key.as_dict(private=False).get("alg", header["alg"]) != header["alg"]:
        raise WrongTokenError("its key is for another algorithm")
    if isinstance(key, RSAKey) and key.public_key.key_size < _SHORTEST_RSA_BITS:
        raise WrongTokenError("its RSA key is too short")
    return key


def _check_the_rest(claims: Mapping[str, Any], provider: Provider, nonce: str, now: float) -> None:
    audience = claims["aud"]
    # Core §3.1.3.7: audiences beside ours that we do not know are not to be trusted.
    if audience != provider.client_id and audience != [provider.client_id]:
        raise WrongTokenError("it is for others, too")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise WrongTokenError("its nonce is another sign-in's")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= _LONGEST_SUBJECT:
        raise WrongTokenError("its subject names nobody")
    if claims["iat"] < now - LONGEST_AGE_SECONDS:
        raise WrongTokenError("it is too old")
