"""What a username, an address, a name and a password may be: pure checks that answer the form to store."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Final

import idna
from email_validator import EmailNotValidError, validate_email

from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.user_management.accounts.user import NewUser
from services.user_management.auth.password_policy import weakness

SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 256
LONGEST_NAME: Final = 100

# Names that routes, pages and people take for the platform's own.
RESERVED_USERNAMES: Final = frozenset(
    {
        "about", "account", "accounts", "admin", "administrator", "anonymous", "api", "api-keys", "assets", "auth",
        "billing", "callback", "comments", "contact", "docs", "everyone", "explore", "export", "favicon", "feed",
        "followers", "following", "generate", "guest", "health", "help", "home", "host", "info", "jobs", "legal",
        "library", "live", "localhost", "login", "logout", "mail", "me", "metrics", "mod", "moderator", "musicgen",
        "news", "nobody", "notifications", "null", "oauth", "official", "openapi", "operator", "owner", "playlists",
        "postmaster", "pricing", "privacy", "processing", "profile", "public", "ready", "redoc", "register", "remix",
        "root", "search", "security", "service", "services", "sessions", "settings", "share", "signin", "signup",
        "staff", "static", "stats", "status", "stream", "studio", "support", "system", "team", "terms", "tracks",
        "undefined", "uploads", "usage", "user", "users", "version", "webhooks", "webmaster", "ws", "www",
    }
)  # fmt: skip

_USERNAME = re.compile(r"[a-z0-9_-]{3,30}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\ud800-\udfff]")


def username(text: str) -> str:
    """The name in lower case. Raises `AppError` (VALIDATION) for what is none, or reserved."""
    name = text.strip().lower()
    if not _USERNAME.fullmatch(name):
        raise AppError.field(
            "/username", "A username has 3 to 30 characters: letters a to z, digits, underscore and hyphen."
        )
    if name in RESERVED_USERNAMES:
        raise AppError.field("/username", "This username is reserved. Choose another one.")
    return name


def email(text: str) -> str:
    """The address in its normal form, with the domain in ASCII (IDNA), as every mail server takes it.

    Raises `AppError` (VALIDATION), also for one that only SMTPUTF8 (RFC 6531) reaches. Nothing is sent or looked up.
    """
    try:
        checked = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise AppError.field("/email", f"This is not an e-mail address that mail can reach: {error}") from error
    return checked.ascii_email or checked.normalized


def folded(address: str) -> str:
    """What two addresses have in common when they are the same to a person, whichever way the domain is written."""
    local, at, domain = address.casefold().rpartition("@")
    if not domain.isascii():
        # What is nobody's domain is searched for as it is, and not found.
        with contextlib.suppress(idna.IDNAError):
            domain = idna.encode(domain, uts46=True).decode()
    return local + at + domain


def full_name(text: str) -> str:
    """The name without surrounding blanks; may be empty. Raises `AppError` (VALIDATION)."""
    name = text.strip()
    if len(name) > LONGEST_NAME:
        raise AppError.field("/full_name", f"A name has at most {LONGEST_NAME} characters.")
    if _CONTROL.search(name):
        raise AppError.field("/full_name", "A name must not hold control characters.")
    return name


def password(text: str, name: str, address: str) -> str:
    """The password itself. Raises `AppError` (VALIDATION) when it is too short, too long or no secret."""
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        raise AppError.field(
            "/password", f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters. Length is what counts."
        )
    reason = weakness(text, (name, *address.partition("@")[::2]))
    if reason is not None:
        raise AppError.field("/password", reason)
    return text


def registration(name: str, address: str, secret: str, person: str) -> NewUser:
    """Check a whole form; the password is not part of the answer. Raises `AppError` that names every wrong field."""
    violations: list[FieldViolation] = []

    def checked(check: Callable[[], str]) -> str:
        try:
            return check()
        except AppError as error:
            violations.extend(error.violations)
            return ""

    username_ = checked(lambda: username(name))
    email_ = checked(lambda: email(address))
    checked(lambda: password(secret, username_, email_))
    full_name_ = checked(lambda: full_name(person))
    if violations:
        message = " ".join(violation.detail for violation in violations)
        raise AppError(ErrorCode.VALIDATION, message, violations=violations)
    return NewUser(username_, email_, full_name_)
