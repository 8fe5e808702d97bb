"""Encrypts what has to be read again (AES-256-GCM): a copy of the database alone gives no secret away."""

from __future__ import annotations

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.shared.errors import AppError, ErrorCode

_NONCE_BYTES = 12


class Sealer:
    """The key is derived from the platform's service key (HKDF, RFC 5869), which no database holds."""

    def __init__(self, service_key: str) -> None:
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=b"musicgen sealed columns v1")
        self._cipher = AESGCM(derivation.derive(service_key.encode("ascii")))

    def seal(self, owner_id: UUID, content: bytes) -> bytes:
        """The content, readable only together with its owner's id."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, owner_id.bytes)

    def open(self, owner_id: UUID, sealed: bytes) -> bytes:
        """The content. Raises `AppError` (INTERNAL) for what was sealed with another key or for somebody else."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner_id.bytes)
        except InvalidTag as error:
            raise AppError(ErrorCode.INTERNAL, "A stored secret cannot be read any more. Ask the operator.") from error
