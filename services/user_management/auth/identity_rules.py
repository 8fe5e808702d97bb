"""Sign-in by an identity provider: which account an identity opens, as a pure function.

The rules keep accounts from being taken over by an address alone. What names a person is (issuer, subject); an address
links them to an account once, and only when both sides have proven it: the provider says that it was confirmed there,
the operator believes that provider, and the account's own address was confirmed here. Otherwise somebody who registers
another's address first, or a provider that lets people type any address, would end up in the same account.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from services.shared.errors import AppError
from services.user_management.accounts import rules as account_rules
from services.user_management.accounts.user import User

LONGEST_SUBJECT: Final = 255
LONGEST_ISSUER: Final = 500
_TRIES: Final = 6
_LONGEST_STEM: Final = 22
_UNUSABLE = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider says of somebody. `provider` is the operator's name for it."""

    provider: str
    issuer: str
    subject: str
    email: str = ""
    email_verified: bool = False
    full_name: str = ""
    preferred_username: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the operator lets a provider do: vouch for addresses, bring people who have no account yet."""

    email: bool = False
    registers: bool = False


class Verdict(Enum):
    """What becomes of an identity."""

    KNOWN = auto()
    LINK = auto()
    REGISTER = auto()
    NO_ADDRESS = auto()
    UNCONFIRMED_THERE = auto()
    UNCONFIRMED_HERE = auto()
    NOT_TRUSTED = auto()
    PRIVILEGED = auto()
    ANOTHER_PERSON = auto()
    CLOSED = auto()


def judge(identity: Identity, trust: Trust, known: User | None, namesake: User | None, *, taken: bool) -> Verdict:
    """Which of them it is.

    `known` is the account that the identity opened before, `namesake` the one with its address; `taken`: somebody else
    of the same provider opens the namesake's account already.
    """
    if known is not None:
        return Verdict.KNOWN
    if not identity.email:
        return Verdict.NO_ADDRESS
    if not identity.email_verified:
        return Verdict.UNCONFIRMED_THERE
    if namesake is None:
        return Verdict.REGISTER if trust.registers else Verdict.CLOSED
    if not trust.email:
        return Verdict.NOT_TRUSTED
    if namesake.role != "user":
        return Verdict.PRIVILEGED
    if namesake.email_verified_at is None:
        return Verdict.UNCONFIRMED_HERE
    return Verdict.ANOTHER_PERSON if taken else Verdict.LINK


def usernames(identity: Identity) -> Iterator[str]:
    """Names for a new account, the nicest first; each may be taken."""
    wish = identity.preferred_username.partition("@")[0] or identity.email.partition("@")[0]
    stem = _UNUSABLE.sub("-", wish.strip().lower()).strip("-_")[:_LONGEST_STEM] or "listener"
    # It may be too short, or reserved.
    with contextlib.suppress(AppError):
        yield account_rules.username(stem)
    for _ in range(_TRIES):
        yield f"{stem}-{secrets.token_hex(3)}"


def shown_name(identity: Identity) -> str:
    """The person's name as an account can have it; empty for what it cannot."""
    try:
        return account_rules.full_name(identity.full_name)
    except AppError:
        return ""
