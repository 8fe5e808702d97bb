"""Tokens against cross-site request forgery: a signed double submit (OWASP CSRF Prevention Cheat Sheet).

A page of ours reads the token from its cookie and sends it as `X-CSRF-Token`; another site's page can do neither. It is
a MAC of the session, so that a cookie that somebody planted is worth nothing.
"""

from __future__ import annotations

import base64
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER = "x-csrf-token"


class CsrfTokens:
    """Makes and checks the tokens. The key is derived from the platform's service key (HKDF, RFC 5869)."""

    def __init__(self, service_key: str) -> None:
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=b"musicgen csrf v1")
        self._key = derivation.derive(service_key.encode("ascii"))

    def token(self, session_id: str) -> str:
        """The token of a session; the same as long as it lives."""
        digest = hmac.digest(self._key, session_id.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def matches(self, session_id: str, presented: str) -> bool:
        """Whether the token is the session's."""
        return hmac.compare_digest(presented.encode(), self.token(session_id).encode())
