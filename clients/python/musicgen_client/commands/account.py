"""`musicgen register`, `login`, `logout`, `whoami`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Json, Url, connect

app = typer.Typer()

PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]


def _asked(value: str | None, question: str, argument: str) -> str:
    if value:
        return value
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{argument} is missing")
    return str(typer.prompt(question, err=True))


def _password(from_stdin: bool, *, confirm: bool) -> str:
    """The password: from stdin, MUSICGEN_PASSWORD, or asked for without showing it. Never from the command line."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    from_environment = os.environ.get("MUSICGEN_PASSWORD")
    if from_environment:
        return from_environment
    if not sys.stdin.isatty():
        raise typer.BadParameter("no password: give it by MUSICGEN_PASSWORD or --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))


@app.command()
def register(
    username: Annotated[str | None, typer.Argument(help="3 to 30 of a-z 0-9 _ -.")] = None,
    email: Annotated[str | None, typer.Option("--email", help="Your e-mail address.")] = None,
    full_name: Annotated[str | None, typer.Option("--full-name", help="How people may call you.")] = None,
    password_stdin: PasswordStdin = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Create an account and sign in."""
    username = _asked(username, "Username", "USERNAME")
    email = _asked(email, "E-mail address", "--email")
    password = _password(password_stdin, confirm=True)
    with connect(url) as client:
        user = client.register(username, email, password, full_name).user
    if json:
        output.document({"user": user})
    else:
        output.line(f"Welcome, {user.username}. You are signed in at {url}.")


@app.command()
def login(
    identifier: Annotated[str | None, typer.Argument(help="Username or e-mail address.")] = None,
    totp: Annotated[str | None, typer.Option("--totp", help="The code of your second factor.")] = None,
    password_stdin: PasswordStdin = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Sign in; the tokens are kept in a file that only you can read."""
    identifier = _asked(identifier, "Username or e-mail address", "IDENTIFIER")
    password = _password(password_stdin, confirm=False)
    with connect(url) as client:
        user = client.login(identifier, password, totp).user
    if json:
        output.document({"user": user})
    else:
        output.line(f"Signed in at {url} as {user.username}.")


@app.command()
def logout(url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Sign out, here and at the server."""
    from musicgen_client.errors import ApiError, UnreachableError
    from musicgen_client.tokens import FileTokenStore

    store = FileTokenStore(url)
    told = True
    if store.load() is not None:
        with connect(url) as client:
            try:
                client.logout()
            except (ApiError, UnreachableError):
                told = False  # the session ends by itself; what matters is that this machine forgets it
        store.clear()
    if json:
        output.document({"signed_out": True, "server_told": told})
    else:
        output.line(f"Signed out of {url}." if told else f"Signed out here; {url} could not be told.")


@app.command()
def whoami(url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Show who is signed in, and how much may still be made."""
    with connect(url) as client:
        user, usage = client.me(), client.usage()
    if json:
        output.document({"user": user, "usage": usage})
        return
    address = f" <{user.email}>" if user.email else ""
    output.line(f"{user.username}{address}, {user.role} at {url}")
    output.line(
        f"made {output.clock(usage.used_seconds)}, held for jobs {output.clock(usage.reserved_seconds)}, "
        f"left {output.clock(usage.balance_seconds)} (minutes of audio)"
    )
