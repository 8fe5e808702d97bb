"""The key files in `secrets_dir`: made once (by standalone or an operator), read by the processes that need them.

Files have mode 0600 and appear whole or not at all; several processes may call `create_missing` at once.
`python -m services.shared.secrets FOLDER` makes them where no standalone does.
"""

from __future__ import annotations

import errno
import os
import secrets as random_secrets
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from services.shared.errors import AppError, ErrorCode

ACCESS_TOKEN_PRIVATE_KEY = "access_token.pem"  # noqa: S105 — a file's name
INTERNAL_TOKEN_PRIVATE_KEY = "internal_token.pem"  # noqa: S105 — a file's name
INTERNAL_TOKEN_PUBLIC_KEY = "internal_token.pub.pem"  # noqa: S105 — a file's name
SERVICE_TOKEN_KEY = "service_token"  # noqa: S105 — a file's name

SERVICE_TOKEN_KEY_BYTES = 32


class Secrets:
    """Reads the files lazily, so that a process needs only those that concern it. Raises `AppError` (INTERNAL)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def access_token_private_key(self) -> Ed25519PrivateKey:
        """Signs access tokens; only user_management reads it."""
        return self._private_key(ACCESS_TOKEN_PRIVATE_KEY)

    def internal_token_private_key(self) -> Ed25519PrivateKey:
        """Signs internal tokens; only the gateway reads it."""
        return self._private_key(INTERNAL_TOKEN_PRIVATE_KEY)

    def internal_token_public_key(self) -> Ed25519PublicKey:
        """Verifies internal tokens; every gRPC service reads it."""
        path = self._folder / INTERNAL_TOKEN_PUBLIC_KEY
        try:
            key = load_pem_public_key(_read(path))
        except ValueError as error:
            raise _broken(path) from error
        if not isinstance(key, Ed25519PublicKey):
            raise _broken(path)
        return key

    def service_token_key(self) -> str:
        """The HS256 key of service tokens, hexadecimal; every process reads it."""
        path = self._folder / SERVICE_TOKEN_KEY
        text = _read(path).decode("ascii", errors="replace").strip()
        if len(text) < 2 * SERVICE_TOKEN_KEY_BYTES:
            raise _broken(path)
        return text

    def _private_key(self, name: str) -> Ed25519PrivateKey:
        path = self._folder / name
        try:
            key = load_pem_private_key(_read(path), password=None)
        except (ValueError, TypeError) as error:
            raise _broken(path) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _broken(path)
        return key


def create_missing(folder: Path) -> None:
    """Make the folder (0700) and each key file that is missing. Idempotent; several processes may do it at once.

    Raises `AppError` when the folder cannot be written.
    """
    try:
        _create_missing(folder)
    except OSError as error:
        raise AppError(
            ErrorCode.STORAGE_FULL if error.errno == errno.ENOSPC else ErrorCode.INTERNAL,
            f"The secrets folder {folder} cannot be written ({error.strerror}). Free or unlock it.",
        ) from error


def _create_missing(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (ACCESS_TOKEN_PRIVATE_KEY, INTERNAL_TOKEN_PRIVATE_KEY):
        if not (folder / name).exists():
            key = Ed25519PrivateKey.generate()
            _write_once(folder / name, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    if not (folder / INTERNAL_TOKEN_PUBLIC_KEY).exists():
        # Derived from the file, not from a key in memory: another process may have been first to make the private key.
        public_key = Secrets(folder).internal_token_private_key().public_key()
        pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _write_once(folder / INTERNAL_TOKEN_PUBLIC_KEY, pem)
    if not (folder / SERVICE_TOKEN_KEY).exists():
        key_text = random_secrets.token_hex(SERVICE_TOKEN_KEY_BYTES)
        _write_once(folder / SERVICE_TOKEN_KEY, key_text.encode("ascii"))


def _write_once(path: Path, content: bytes) -> None:
    """Write `path` atomically with mode 0600, unless it exists by now."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{random_secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, not a rename: it fails where a rename would replace the key that another process already uses.
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AppError(
            ErrorCode.INTERNAL,
            f"The secret file {path} cannot be read ({error.strerror}). Create it, or set SECRETS_DIR.",
        ) from error


def _broken(path: Path) -> AppError:
    return AppError(
        ErrorCode.INTERNAL, f"The secret file {path} is damaged. Restore it, or delete it to get a new one."
    )


def main(arguments: list[str]) -> int:
    """Make what is missing in the folder that is named; 2 when none is, 1 when it cannot be written."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m services.shared.secrets FOLDER\n")
        return 2
    try:
        create_missing(Path(arguments[0]))
    except AppError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
