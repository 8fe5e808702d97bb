"""The keys that sign access tokens, and their turns: a new one is published before it signs, an old one until its last
token has ended, so that a rotation signs nobody out.

`python -m services.user_management.auth.key_ring SECRETS_DIR` adds a key; running processes take it up by themselves.
The first key is `access_token.pem`; later ones are `access_token-<seconds since 1970>.pem`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from services.shared.errors import AppError, ErrorCode
from services.shared.secrets import ACCESS_TOKEN_PRIVATE_KEY, Secrets

# Gateways ask for the keys every five minutes: by then each of them knows the new one.
PUBLISHED_AHEAD_SECONDS: Final = 600
# Clocks differ a little, and a token may be on its way.
_LEEWAY_SECONDS: Final = 60

_LATER_KEY = re.compile(r"access_token-(\d{1,12})\.pem", re.ASCII)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key; `created_at` is in seconds since 1970."""

    private_key: Ed25519PrivateKey
    created_at: int

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key (RFC 8037); its id is its thumbprint."""
        public = self.private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        key = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}
        # RFC 7638: the SHA-256 of exactly these members, sorted, without blanks.
        thumbprint = hashlib.sha256(orjson.dumps(key, option=orjson.OPT_SORT_KEYS)).digest()
        return {**key, "kid": _base64url(thumbprint), "use": "sig", "alg": "EdDSA"}


def signing_key(keys: Sequence[SigningKey], now: float) -> SigningKey:
    """The newest key that everybody knows by now. `keys` is sorted by age and not empty."""
    known = [key for key in keys if key.created_at + PUBLISHED_AHEAD_SECONDS <= now]
    return known[-1] if known else keys[0]


def published_keys(keys: Sequence[SigningKey], now: float, token_seconds: int) -> list[SigningKey]:
    """The keys that a token may be signed with: none is left out before its last token has ended."""
    kept = []
    for key, successor in zip(keys, [*keys[1:], None], strict=True):
        last_signed = successor.created_at + PUBLISHED_AHEAD_SECONDS if successor else now
        if last_signed + token_seconds + _LEEWAY_SECONDS >= now:
            kept.append(key)
    return kept


class KeyRing:
    """The keys of a secrets folder."""

    def __init__(self, keys: Sequence[SigningKey], folder: Path | None = None) -> None:
        self.keys = sorted(keys, key=lambda key: key.created_at)
        self._folder = folder

    @classmethod
    def of(cls, private_key: Ed25519PrivateKey) -> KeyRing:
        """A ring of one key."""
        return cls([SigningKey(private_key, 0)])

    @classmethod
    def read(cls, folder: Path) -> KeyRing:
        """Every key of a folder. Raises `AppError` (INTERNAL) when the first is missing or one is damaged."""
        keys = [SigningKey(Secrets(folder).access_token_private_key(), 0)]
        for path in sorted(folder.iterdir()):
            match = _LATER_KEY.fullmatch(path.name)
            if match is not None:
                keys.append(SigningKey(_read(path), int(match[1])))
        return cls(keys, folder)

    def reload(self) -> None:
        """Take up keys that were added to the folder. Raises `AppError` (INTERNAL)."""
        if self._folder is not None:
            self.keys = KeyRing.read(self._folder).keys


def add_key(folder: Path, now: float) -> Path:
    """Write a new key (0600) into the folder; it signs in ten minutes."""
    path = folder / f"access_token-{int(now)}.pem"
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return path


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise AppError(ErrorCode.INTERNAL, f"The key {path} cannot be read. Restore or remove it.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise AppError(ErrorCode.INTERNAL, f"The key {path} is no Ed25519 key. Remove it.")
    return key


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def main(arguments: list[str]) -> int:
    """Add a key to the folder that is named; 2 when none is, 1 when it cannot be written."""
    if len(arguments) != 1 or not (Path(arguments[0]) / ACCESS_TOKEN_PRIVATE_KEY).is_file():
        sys.stderr.write("usage: python -m services.user_management.auth.key_ring SECRETS_DIR\n")
        return 2
    try:
        path = add_key(Path(arguments[0]), time.time())
    except OSError as error:
        sys.stderr.write(f"the key cannot be written: {error.strerror}\n")
        return 1
    sys.stdout.write(f"{path}: published within a minute, signs in {PUBLISHED_AHEAD_SECONDS // 60} minutes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
