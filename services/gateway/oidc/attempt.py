"""What a browser carries between the steps of a sign-in by a provider, sealed: it can neither read nor change it.

The cookie binds `state`, `nonce` and the PKCE verifier to the browser that began (RFC 9700 §4.7): a link to the
callback that somebody else made signs nobody in. A second cookie of the same kind waits for a second factor.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LIFETIME_SECONDS: Final = 600
_NONCE_BYTES: Final = 12
_LARGEST: Final = 4_096


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that has begun. `next`: the page that it ends at."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody whom the provider vouched for, and whose account asks for a second factor."""

    provider: str
    subject: str
    email: str
    email_verified: bool
    full_name: str
    preferred_username: str
    next: str


Sealed = TypeVar("Sealed", Attempt, Pending)


class Envelope:
    """Seals (AES-256-GCM) with a key that is derived from the platform's service key (HKDF, RFC 5869)."""

    def __init__(self, service_key: str, clock: Callable[[], float] = time.time) -> None:
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=b"musicgen oidc attempt v1")
        self._cipher = AESGCM(derivation.derive(service_key.encode("ascii")))
        self._clock = clock

    def seal(self, content: Attempt | Pending) -> str:
        """The content as a cookie's value, for ten minutes."""
        body = {**asdict(content), "until": int(self._clock()) + LIFETIME_SECONDS}
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(
            nonce, json.dumps(body, ensure_ascii=False).encode(), type(content).__name__.encode()
        )
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, kind: type[Sealed], value: str | None) -> Sealed | None:
        """What was sealed as this kind; None for everything else, and when its time is over."""
        if not value or len(value) > _LARGEST:
            return None
        try:
            sealed = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
            body = json.loads(
                self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], kind.__name__.encode())
            )
        except (InvalidTag, ValueError):
            return None
        until = body.pop("until")
        return kind(**body) if until > self._clock() else None
