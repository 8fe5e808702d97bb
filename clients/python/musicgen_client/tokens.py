"""Where sign-in tokens are kept: in memory, or in a file that several processes share.

Refresh tokens are single use, so whoever refreshes holds `lock()`, looks again, and only then refreshes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from musicgen_client.models import TokenPair

EXPIRY_MARGIN_SECONDS: Final = 30.0
LOCK_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """One sign-in. `expires_at` is in Unix seconds by this machine's clock."""

    access_token: str
    refresh_token: str
    expires_at: float
    username: str = ""

    @classmethod
    def from_pair(cls, pair: TokenPair) -> Tokens:
        """The tokens of an answer that has just arrived."""
        return cls(pair.access_token, pair.refresh_token, time.time() + pair.expires_in, pair.user.username)

    @property
    def expired(self) -> bool:
        """Whether the access token has ended, or is about to."""
        return time.time() >= self.expires_at - EXPIRY_MARGIN_SECONDS


class TokenStore(Protocol):
    """Keeps the tokens of one server."""

    def load(self) -> Tokens | None:
        """The tokens, or None when nobody is signed in."""

    def save(self, tokens: Tokens) -> None:
        """Keep tokens in place of those before."""

    def clear(self) -> None:
        """Forget the tokens."""

    def lock(self) -> AbstractContextManager[object]:
        """Held by whoever refreshes. May be left by another thread than the one that entered it."""


class MemoryTokenStore:
    """Tokens that end with the process."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        """The tokens, or None when nobody is signed in."""
        return self._tokens

    def save(self, tokens: Tokens) -> None:
        """Keep tokens in place of those before."""
        self._tokens = tokens

    def clear(self) -> None:
        """Forget the tokens."""
        self._tokens = None

    def lock(self) -> AbstractContextManager[object]:
        """Held by whoever refreshes."""
        return self._lock


class FileTokenStore:
    """Tokens in `credentials.json`, one entry a server; readable by its owner only, replaced as a whole.

    Its folder is `MUSICGEN_CONFIG_HOME`, or the platform's place for configuration.
    """

    def __init__(self, url: str, path: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self.path: Final = path or config_home() / "credentials.json"

    def load(self) -> Tokens | None:
        """The tokens, or None when nobody is signed in at this server."""
        entry = self._read().get(self._url)
        try:
            return Tokens(**entry) if isinstance(entry, dict) else None
        except TypeError:
            return None

    def save(self, tokens: Tokens) -> None:
        """Keep tokens in place of those before."""
        with self._file_lock("write"):
            self._write({**self._read(), self._url: asdict(tokens)})

    def clear(self) -> None:
        """Forget the tokens of this server."""
        if self._url in self._read():
            with self._file_lock("write"):
                self._write({url: entry for url, entry in self._read().items() if url != self._url})

    def lock(self) -> AbstractContextManager[object]:
        """Held by whoever refreshes, in any process."""
        return self._file_lock("refresh")

    @contextlib.contextmanager
    def _file_lock(self, purpose: str) -> Iterator[None]:
        from filelock import FileLock  # most commands never refresh

        self._make_folder()
        with FileLock(self.path.with_suffix(f".{purpose}.lock"), timeout=LOCK_SECONDS, thread_local=False, mode=0o600):
            yield

    def _make_folder(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _read(self) -> dict[str, object]:
        try:
            document = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def _write(self, document: dict[str, object]) -> None:
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(6)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(document, file, indent=1)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)


def config_home() -> Path:
    """The folder of this program's configuration."""
    named = os.environ.get("MUSICGEN_CONFIG_HOME")
    if named:
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("musicgen")
