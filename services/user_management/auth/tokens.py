"""Access tokens: EdDSA JWTs (RFC 8037), and the public keys that verify them (RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any, Final
from uuid import UUID

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.shared.ids import new_id
from services.user_management.accounts.user import User

ISSUER: Final = "musicgen"
AUDIENCE: Final = "musicgen-api"


class AccessTokens:
    """Issues access tokens with one key. Claims: docs/architecture/contracts.md, "Caller identity"."""

    def __init__(self, private_key: Ed25519PrivateKey, *, lifetime_seconds: int) -> None:
        self._private_key = private_key
        self.lifetime_seconds = lifetime_seconds
        public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        key = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}
        # RFC 7638: the SHA-256 of exactly these members, sorted, without blanks.
        thumbprint = hashlib.sha256(orjson.dumps(key, option=orjson.OPT_SORT_KEYS)).digest()
        self.key_id = _base64url(thumbprint)
        self._jwk: dict[str, Any] = {**key, "kid": self.key_id, "use": "sig", "alg": "EdDSA"}

    @property
    def jwks_json(self) -> str:
        """The JWK set."""
        return orjson.dumps({"keys": [self._jwk]}).decode()

    def issue(self, user: User, session_id: UUID) -> str:
        """A token for one session of a user."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user.id),
            "username": user.username,
            "role": user.role,
            "sid": str(session_id),
            "jti": new_id(),
            "iat": now,
            "exp": now + self.lifetime_seconds,
        }
        return jwt.encode(claims, self._private_key, algorithm="EdDSA", headers={"kid": self.key_id})


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
