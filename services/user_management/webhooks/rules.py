"""What may be asked of webhooks, how their messages are signed, and when they are sent again: pure functions."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import random
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from services.shared.errors import AppError
from services.shared.networks import is_public


class Event(StrEnum):
    """What can be told."""

    JOB_QUEUED = "job.queued"
    JOB_STARTED = "job.started"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"


# Sent by the test call; nobody subscribes to it.
TEST_EVENT: Final = "webhook.test"
# What an address in a request hears.
ENDINGS: Final = frozenset({Event.JOB_SUCCEEDED, Event.JOB_FAILED, Event.JOB_CANCELLED})

MOST_WEBHOOKS: Final = 10
# What may wait for one webhook; beyond it, what happens is not told to it any more.
MOST_PENDING: Final = 5_000
# A test that is not heard soon tells as much as a hundred.
MOST_TESTS_WAITING: Final = 50
LONGEST_URL: Final = 2_000
LONGEST_DESCRIPTION: Final = 200

# 20 s, 1 min, 3 min, 9 min, 27 min, 81 min, 4 h, 6 h: about 12 hours in all.
MOST_ATTEMPTS: Final = 9
_FIRST_PAUSE_SECONDS: Final = 20.0
_PAUSE_FACTOR: Final = 3.0
_LONGEST_PAUSE_SECONDS: Final = 6 * 3600.0
# So many deliveries given up one after the other switch a webhook off.
DEAD_IN_A_ROW: Final = 5

SECRET_PREFIX: Final = "whs_"  # noqa: S105 — how every secret begins, no secret
SIGNATURE_HEADER: Final = "X-MusicGen-Signature"

_PORTS: Final = {"https": 443, "http": 80}
_LOWEST_OTHER_PORT: Final = 1024
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})", re.ASCII)
_PRINTABLE: Final = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: the parts of a checked address."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The value of the header `Host` (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def target_of(url: str, *, private: bool, pointer: str = "/url") -> Target:
    """The parts of an address that may be called. Raises `AppError` (VALIDATION) that says what to change.

    `private`: whether the operator lets webhooks call addresses of networks of their own, and plain HTTP.
    """
    if not 1 <= len(url) <= LONGEST_URL:
        raise AppError.field(pointer, f"An address has 1 to {LONGEST_URL} characters.")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        detail = "Write it in ASCII, without blanks and backslashes: percent-encode the path, the host in Punycode."
        raise AppError.field(pointer, detail)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AppError.field(pointer, "This is not an address. Give one like https://example.org/hook.") from error
    if parts.scheme not in _PORTS or (parts.scheme == "http" and not private):
        raise AppError.field(pointer, "Give an address that begins with https://.")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise AppError.field(pointer, "Leave name and password out: messages are signed instead.")
    if "#" in url:
        raise AppError.field(pointer, "Leave out the part from # on: it is not sent.")
    literal = _literal(host)
    if literal is None and not _HOST.fullmatch(host):
        raise AppError.field(pointer, "The host's name is not one. Give one like example.org.")
    if literal is not None and not private and not is_public(literal):
        raise AppError.field(pointer, "This address is not on the public internet. Give one that is.")
    port = _PORTS[parts.scheme] if port is None else port
    if port < 1 or (not private and port not in _PORTS.values() and port < _LOWEST_OTHER_PORT):
        raise AppError.field(pointer, f"Use port 443, or one from {_LOWEST_OTHER_PORT} on.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def checked_events(names: list[str]) -> list[str]:
    """The events without repetition. Raises `AppError` (VALIDATION)."""
    known = [event.value for event in Event]
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        raise AppError.field("/events", f"Name at least one of {', '.join(known)}.")
    return [name for name in known if name in names]


def new_secret() -> str:
    """A signing secret: 256 random bits."""
    return f"{SECRET_PREFIX}{secrets.token_urlsafe(32)}"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `X-MusicGen-Signature`: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "t.body", hexadecimal>`.

    The key is the whole secret as ASCII, its prefix included.
    """
    mac = hmac.new(secret.encode("ascii"), f"{timestamp}.".encode("ascii") + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


def pause_after(attempts: int, draw: Callable[[], float] = random.random) -> timedelta:
    """How long to wait after so many failures (from 1): growing, and half of it drawn, so that what failed together
    does not come back together.
    """
    whole = min(_FIRST_PAUSE_SECONDS * _PAUSE_FACTOR ** min(attempts - 1, MOST_ATTEMPTS), _LONGEST_PAUSE_SECONDS)
    return timedelta(seconds=whole / 2 + whole / 2 * draw())


def _literal(host: str) -> str | None:
    """The address that a host is; None when it is a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
