"""Signing in and out, passwords, second factors, keys, and the account itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import httpx

from musicgen_client.calls.call import Call, given, once, path_to, read_nothing, reader_of, unless_edited
from musicgen_client.errors import VerificationPendingError
from musicgen_client.models import (
    ApiKey,
    Export,
    FactorEnrolment,
    NewApiKey,
    Page,
    RecoveryCodes,
    Session,
    SignInProvider,
    TokenPair,
    Usage,
    User,
)
from musicgen_client.tokens import Tokens, TokenStore

READ_TOKENS: Final = reader_of(TokenPair)


def _read_registration(response: httpx.Response) -> TokenPair:
    if response.status_code == httpx.codes.ACCEPTED:
        raise VerificationPendingError
    return READ_TOKENS(response)


def _sign_in(store: TokenStore, pair: TokenPair) -> None:
    store.save(Tokens.from_pair(pair))


def _sign_out(store: TokenStore, _answer: None) -> None:
    store.clear()


def register(username: str, email: str, password: str, full_name: str | None = None) -> Call[TokenPair]:
    """Create an account and sign in; the tokens are kept.

    Raises `VerificationPendingError` where the address has to be verified first.
    """
    body = given(username=username, email=email, password=password, full_name=full_name)
    return Call("POST", path_to("auth", "register"), _read_registration, body=body, signed=False, effect=_sign_in)


def login(identifier: str, password: str, totp: str | None = None) -> Call[TokenPair]:
    """Sign in by username or e-mail address; the tokens are kept."""
    body = given(identifier=identifier, password=password, totp=totp)
    return Call("POST", path_to("auth", "login"), READ_TOKENS, body=body, signed=False, effect=_sign_in)


def refresh(refresh_token: str) -> Call[TokenPair]:
    """Exchange a refresh token by hand; the clients do it by themselves."""
    return Call(
        "POST",
        path_to("auth", "refresh"),
        READ_TOKENS,
        body={"refresh_token": refresh_token},
        signed=False,
        effect=_sign_in,
    )


def logout() -> Call[None]:
    """End this session at the server and forget the tokens."""
    return Call("POST", path_to("auth", "logout"), read_nothing, effect=_sign_out)


def sign_in_providers() -> Call[Page[SignInProvider]]:
    """The sites that browsers may sign in with."""
    return Call("GET", path_to("auth", "oidc"), reader_of(Page[SignInProvider]), signed=False)


def sessions() -> Call[Page[Session]]:
    """The devices that are signed in."""
    return Call("GET", path_to("auth", "sessions"), reader_of(Page[Session]))


def revoke_session(session_id: str) -> Call[None]:
    """Sign one device out."""
    return Call("DELETE", path_to("auth", "sessions", session_id), read_nothing)


def verify_email(token: str) -> Call[None]:
    """Prove an e-mail address by the token of the mail that was sent to it."""
    return Call("POST", path_to("auth", "email", "verify"), read_nothing, body={"token": token}, signed=False)


def resend_verification(email: str) -> Call[None]:
    """Have the mail sent again that verifies an address."""
    return Call("POST", path_to("auth", "email", "resend"), read_nothing, body={"email": email}, signed=False)


def change_email(password: str, email: str) -> Call[None]:
    """Ask for another address; it is yours once the link of the mail that goes there was opened."""
    return Call("POST", path_to("auth", "email", "change"), read_nothing, body={"password": password, "email": email})


def forgot_password(email: str) -> Call[None]:
    """Have a mail sent with which the owner of the address can choose a new password."""
    return Call("POST", path_to("auth", "password", "forgot"), read_nothing, body={"email": email}, signed=False)


def reset_password(token: str, password: str) -> Call[None]:
    """Choose a new password by the token of a mail. Ends every session and API key."""
    body = {"token": token, "password": password}
    return Call("POST", path_to("auth", "password", "reset"), read_nothing, body=body, signed=False)


def change_password(present_password: str, password: str) -> Call[None]:
    """Choose a new password by the present one. Ends every other session."""
    body = {"present_password": present_password, "password": password}
    return Call("POST", path_to("auth", "password", "change"), read_nothing, body=body)


def enroll_totp(password: str) -> Call[FactorEnrolment]:
    """Set a second factor up; it counts once `confirm_totp` has seen a code of it."""
    return Call("POST", path_to("auth", "totp", "enroll"), reader_of(FactorEnrolment), body={"password": password})


def confirm_totp(code: str) -> Call[RecoveryCodes]:
    """Turn the second factor on by the app's present code."""
    return Call("POST", path_to("auth", "totp", "confirm"), reader_of(RecoveryCodes), body={"code": code})


def disable_totp(password: str, code: str) -> Call[None]:
    """Turn the second factor off, by password and code."""
    body = {"password": password, "code": code}
    return Call("POST", path_to("auth", "totp", "disable"), read_nothing, body=body)


def api_keys() -> Call[Page[ApiKey]]:
    """Your keys for programs, newest first."""
    return Call("GET", path_to("api-keys"), reader_of(Page[ApiKey]))


def create_api_key(name: str, scopes: Sequence[str], expires_in_days: int | None = None) -> Call[NewApiKey]:
    """Make a key. Scopes: read, generate, write, admin. Without `expires_in_days` it does not expire."""
    body = given(name=name, scopes=list(scopes), expires_in_days=expires_in_days)
    return Call("POST", path_to("api-keys"), reader_of(NewApiKey), body=body)


def revoke_api_key(key_id: str) -> Call[None]:
    """End a key, at once."""
    return Call("DELETE", path_to("api-keys", key_id), read_nothing)


def update_me(
    full_name: str | None = None,
    *,
    display_name: str | None = None,
    bio: str | None = None,
    links: Sequence[str] | None = None,
    if_match: str | None = None,
) -> Call[User]:
    """Change your name, which nobody else sees, or what others see of you.

    With `if_match` only while the `etag` of `me` still holds.
    """
    body: dict[str, Any] = given(full_name=full_name, display_name=display_name, bio=bio)
    if links is not None:
        body["links"] = list(links)
    return Call("PATCH", path_to("users", "me"), reader_of(User), body=body, headers=unless_edited(if_match))


def delete_me(password: str) -> Call[User]:
    """Delete the account, at `deletion_due_at` of the answer; signing in before then keeps it."""
    return Call("DELETE", path_to("users", "me"), reader_of(User), body={"password": password})


def me() -> Call[User]:
    """The account that is signed in."""
    return Call("GET", path_to("users", "me"), reader_of(User))


def usage() -> Call[Usage]:
    """How many seconds of audio were made, are held, and may still be asked for."""
    return Call("GET", path_to("users", "me", "usage"), reader_of(Usage))


def start_export() -> Call[Export]:
    """Have an archive made of everything that is yours; the one on its way, or of the last hour, if there is one."""
    return Call("POST", path_to("users", "me", "export"), reader_of(Export), headers=once(None))


def export() -> Call[Export]:
    """How far that archive is."""
    return Call("GET", path_to("users", "me", "export"), reader_of(Export))


def export_path() -> str:
    """Where the archive is fetched."""
    return path_to("users", "me", "export", "file")
