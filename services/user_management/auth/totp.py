"""Time-based one-time passwords (RFC 6238 over RFC 4226): six digits, SHA-1, steps of 30 s."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

DIGITS = 6
STEP_SECONDS = 30
SECRET_BYTES = 20
# A phone's clock may be off by a step (§5.2), and people type slowly.
WINDOW_STEPS = 1

RECOVERY_CODES = 10
# Without 0, 1, l, o: they are read from paper.
_RECOVERY_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def new_secret() -> bytes:
    """160 random bits (RFC 4226 §4, R6)."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """The code of a time step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: bytes, code: str, now: float, last_step: int) -> int | None:
    """The time step that a code belongs to; None for a wrong one, and for one that was used (§5.2: single use)."""
    present = int(now) // STEP_SECONDS
    found = None
    for step in range(present - WINDOW_STEPS, present + WINDOW_STEPS + 1):
        # Every step is compared, so that the time tells nothing.
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()) and step > last_step:
            found = step
    return found


def provisioning_uri(secret: bytes, username: str, issuer: str = "Music Gen AI") -> str:
    """What an authenticator app reads from a QR code (Key URI format)."""
    query = urlencode({"secret": text_of(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS})
    return f"otpauth://totp/{quote(issuer)}:{quote(username)}?{query.replace('+', '%20')}"


def text_of(secret: bytes) -> str:
    """The secret for typing: Base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def new_recovery_codes() -> list[str]:
    """Codes of 50 random bits for when the phone is lost; each works once."""
    return ["-".join(_group() for _ in range(2)) for _ in range(RECOVERY_CODES)]


def normal_recovery_code(text: str) -> str:
    """A recovery code as it was made, however it was typed."""
    letters = "".join(character for character in text.lower() if character.isalnum())
    return f"{letters[:5]}-{letters[5:]}"


def _group() -> str:
    return "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(5))
