"""The mails that the platform writes: pure texts, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one address."""

    recipient: str
    subject: str
    body: str
    # Where whoever gets it can end such mails; empty: it is not one of many.
    unsubscribe_url: str = ""


def verify_address(recipient: str, public_url: str, token: str) -> Mail:
    """Asks whether the address is the account's."""
    return Mail(
        recipient,
        "Confirm your e-mail address",
        "Somebody, hopefully you, gave this address to Music Gen AI. To confirm it, open\n\n"
        f"{_link(public_url, 'verify', token)}\n\n"
        "within three days. If it was not you, do nothing.\n",
    )


def reset_password(recipient: str, public_url: str, token: str) -> Mail:
    """Lets the owner of the address choose another password."""
    return Mail(
        recipient,
        "Choose a new password",
        "Somebody, hopefully you, asked for a new password at Music Gen AI. To choose one, open\n\n"
        f"{_link(public_url, 'reset-password', token)}\n\n"
        "within one hour. It works once. If it was not you, do nothing: your password stays as it is.\n",
    )


def account_exists(recipient: str, public_url: str) -> Mail:
    """Tells the owner of an address that it was registered with again."""
    return Mail(
        recipient,
        "You already have an account",
        "Somebody, hopefully you, tried to register this address at Music Gen AI. It has an account: sign in at\n\n"
        f"{public_url.rstrip('/')}/\n\n"
        "or ask there for a new password. If it was not you, do nothing.\n",
    )


def security_notice(recipient: str, what: str) -> Mail:
    """Tells of a change that the owner should know of. `what` is a sentence."""
    return Mail(
        recipient,
        "A change to your account",
        f"{what}\n\nIf it was not you, choose a new password at once and end the sessions that you do not know.\n",
    )


def webhook_disabled(recipient: str, url: str) -> Mail:
    """Tells that a webhook was switched off."""
    return Mail(
        recipient,
        "A webhook was switched off",
        f"Your webhook at\n\n{url.partition('?')[0]}\n\ncould not be reached for long, so it was switched off. "
        "Once the address works, switch it on again; what could not be delivered is among the dead letters and can "
        "be sent again from there.\n",
    )


def _link(public_url: str, page: str, token: str) -> str:
    # In the fragment: it is sent to no server, kept in no log, and told to no other site.
    return f"{public_url.rstrip('/')}/{page}/#token={quote(token, safe='')}"
