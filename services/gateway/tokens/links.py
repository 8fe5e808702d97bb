"""Signed, expiring links: for `<audio>` and `EventSource`, which cannot send an Authorization header.

`?expires=<seconds since 1970>&signature=<user id>.<session id>.<tier>.<MAC>`; the MAC (HMAC-SHA-256, cut to 128 bits)
covers path, user, session, end and tier, so that a link opens one path, for reading, as one user, within that user's
limits, and ends with the session that it was given to. Where no tier is known, it is left out together with its dot.
Its key is derived from the platform's service key by HKDF (RFC 5869).
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

_MAC_BYTES = 16

# Ends are rounded up to this, so that a page that asks twice gets the same URL and its cache works.
_ROUNDED_TO_SECONDS = 600

_REMEMBERED = 16_384


class LinkSigner:
    """Makes and checks signed links. A link works for at least `lifetime_seconds`, and for up to ten minutes more."""

    def __init__(self, service_key: str, lifetime_seconds: int, clock: Callable[[], float] = time.time) -> None:
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=b"musicgen signed links v2")
        self._key = derivation.derive(service_key.encode("ascii"))
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        # A list of twenty tracks holds a hundred of them, the same at every look until their end is rounded anew.
        self._made = lru_cache(_REMEMBERED)(self._make)

    def of(self, caller: Principal) -> Links:
        """The links of one caller."""
        return Links(self, caller)

    def link(self, path: str, user_id: str, session_id: str, tier: str = "") -> str:
        """`path` (unquoted, without query) as a link that opens it for `user_id` while the session lives."""
        end = int(self._clock()) + self._lifetime_seconds
        expires = -(-end // _ROUNDED_TO_SECONDS) * _ROUNDED_TO_SECONDS
        return self._made(path, user_id, session_id, tier, expires)

    def _make(self, path: str, user_id: str, session_id: str, tier: str, expires: int) -> str:
        mac = self._mac(path, user_id, session_id, expires, tier)
        named = f".{quote(tier)}" if tier else ""
        return f"{quote(path)}?expires={expires}&signature={user_id}.{session_id}{named}.{mac}"

    def verify(self, path: str, expires: str, signature: str) -> Principal:
        """The user whose link this is. Raises `AppError` (UNAUTHENTICATED). That the session lives is not checked."""
        parts = signature.split(".")
        if (
            not expires.isascii()
            or not expires.isdigit()
            or len(expires) > 12
            or len(parts) not in {3, 4}
            or not parts[0]
            or "\n" in signature
        ):
            raise _refused()
        user_id, session_id, *named, mac = parts
        tier = named[0] if named else ""
        expected = self._mac(path, user_id, session_id, int(expires), tier)
        if not hmac.compare_digest(mac.encode(), expected.encode()):
            raise _refused()
        if self._clock() >= int(expires):
            raise AppError(
                ErrorCode.UNAUTHENTICATED, "The link has expired. Read the job or track again for a new one."
            )
        return Principal(user_id, "user", session_id=session_id, tier=tier)

    def _mac(self, path: str, user_id: str, session_id: str, expires: int, tier: str) -> str:
        message = "\n".join((path, user_id, session_id, str(expires), *([tier] if tier else ()))).encode()
        digest = hmac.digest(self._key, message, "sha256")[:_MAC_BYTES]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Links:
    """Makes the links that one caller gets to see: they open as the caller, and end with the caller's session."""

    def __init__(self, signer: LinkSigner, caller: Principal) -> None:
        self._signer = signer
        self._caller = caller

    def link(self, path: str) -> str:
        """`path` (unquoted, without query) as a link."""
        caller = self._caller
        return self._signer.link(path, caller.subject, caller.session_id, caller.tier)


def _refused() -> AppError:
    return AppError(
        ErrorCode.UNAUTHENTICATED, "The link's signature is not valid. Read the job or track again for a new one."
    )
