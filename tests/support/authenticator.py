"""The app that shows the codes of a second factor."""

import base64
import hashlib
import hmac
import struct

PERIOD_SECONDS = 30


def code_at(secret: str, seconds: float) -> str:
    """The code of an authenticator app (RFC 6238)."""
    counter = struct.pack(">Q", int(seconds) // PERIOD_SECONDS)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"
