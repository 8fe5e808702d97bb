"""Checks that a webhook's message comes from the platform, whole and lately.

message = verify_webhook(body, headers["X-MusicGen-Signature"], secret)  # raises WebhookSignatureError
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any, Final

from musicgen_client.errors import WebhookSignatureError

SIGNATURE_HEADER: Final = "X-MusicGen-Signature"
# How old a message may be: longer than clocks differ, shorter than a copied one is of use.
TOLERANCE_SECONDS: Final = 300.0


def verify_webhook(
    body: bytes,
    signature: str,
    secret: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> dict[str, Any]:
    """The message of a request's raw body and its header `X-MusicGen-Signature`.

    `secret`: the webhook's; several while it is being renewed. Raises `WebhookSignatureError`. Remember the message's
    `id`: it comes again when an answer was lost.
    """
    secrets = [secret] if isinstance(secret, str) else list(secret)
    parts = [part.partition("=") for part in signature.split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    claimed = [value.strip() for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12) or not claimed:
        raise WebhookSignatureError("The signature has not the form t=…,v1=….")
    signed = times[0].encode("ascii") + b"." + body
    expected = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest().encode() for one in secrets]
    if not any(hmac.compare_digest(mac, one.encode()) for mac in expected for one in claimed):
        raise WebhookSignatureError("The signature is not of this secret and this body.")
    if abs((time.time() if now is None else now) - int(times[0])) > tolerance_seconds:
        raise WebhookSignatureError("The message is too old, or from the future: compare the clocks.")
    try:
        message = json.loads(body)
    except ValueError as error:
        raise WebhookSignatureError("The body is not JSON.") from error
    if not isinstance(message, dict):
        raise WebhookSignatureError("The body is no JSON object.")
    return message
