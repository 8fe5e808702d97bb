"""The link in digest mails that ends them (RFC 2369, RFC 8058): signed, so that it needs no sign-in and no row.

It can do one thing, to one account: turn the digest off. So it may be as old as the mail that it stands in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SIGNATURE_BYTES: Final = 32
_LONGEST_TOKEN: Final = 100
_PATH: Final = "/api/v1/notifications/unsubscribe"


class Unsubscribing:
    """The key is derived from the platform's service key (HKDF, RFC 5869), which no database holds."""

    def __init__(self, service_key: str) -> None:
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=b"musicgen unsubscribe links v1")
        self._key = derivation.derive(service_key.encode("ascii"))

    def link(self, public_url: str, person_id: UUID) -> str:
        """Where a person's digest is turned off."""
        return f"{public_url.rstrip('/')}{_PATH}?token={self.token(person_id)}"

    def token(self, person_id: UUID) -> str:
        """What says who is meant, and that it was us who wrote the mail."""
        return base64.urlsafe_b64encode(person_id.bytes + self._signature(person_id)).decode("ascii")

    def person(self, token: str) -> UUID | None:
        """Whose digest a token turns off; None for what we did not sign."""
        if len(token) > _LONGEST_TOKEN:
            return None
        try:
            decoded = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeError, ValueError):
            return None
        if len(decoded) != 16 + _SIGNATURE_BYTES:
            return None
        person_id = UUID(bytes=decoded[:16])
        return person_id if hmac.compare_digest(decoded[16:], self._signature(person_id)) else None

    def _signature(self, person_id: UUID) -> bytes:
        return hmac.new(self._key, person_id.bytes, hashlib.sha256).digest()
