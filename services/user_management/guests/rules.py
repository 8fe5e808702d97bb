"""What a guest is called, and what a guest may ask for: pure checks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final

from services.shared.errors import AppError, ErrorCode
from services.user_management.jobs.rules import NewJob

GUEST: Final = "guest"

# RFC 2606: no mail ever arrives there, and `accounts.rules.email` lets nobody register such an address.
_DOMAIN: Final = "guest.invalid"
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_LETTERS: Final = 14


def guest_name() -> str:
    """A username that nobody has: 70 random bits."""
    return "guest-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))


def guest_address(username: str) -> str:
    """What stands in the place of an e-mail address, which every account has."""
    return f"{username}@{_DOMAIN}"


def check_orders(role: str, orders: Iterable[NewJob]) -> None:
    """Raise `AppError` (SIGN_UP_REQUIRED) for what a guest may not have made; everybody else may."""
    if role != GUEST:
        return
    for order in orders:
        if order.kind != "generate" or order.queue != "generation":
            raise sign_up_first("Guests make songs. To send, take apart, mix or master audio, sign up")
        if order.webhook_url:
            raise sign_up_first("Webhooks are for accounts. To have one called, sign up")
        if order.request.get("public"):
            raise sign_up_first("A guest's songs are for the guest alone. To publish, sign up")


def check_publicity(role: str, *, public: bool) -> None:
    """Raise `AppError` (SIGN_UP_REQUIRED) when a guest would publish."""
    if role == GUEST and public:
        raise sign_up_first("A guest's songs are for the guest alone. To publish, sign up")


def sign_up_first(what: str) -> AppError:
    """Tells a guest to sign up; `what` is the beginning of the sentence."""
    return AppError(ErrorCode.SIGN_UP_REQUIRED, f"{what}: what you made stays yours.")
