"""Ways for a mail to leave: into a folder (the default), or by SMTP."""

from __future__ import annotations

import os
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.user_management.mail.message import Mail

_TIMEOUT_SECONDS = 15.0
_PORTS = {"smtp": 587, "smtps": 465}


class Transport(Protocol):
    """Delivers mails; blocks, so call it from a thread."""

    def send(self, mail: Mail) -> None:
        """Deliver one mail. Raises `OSError` (of which SMTP's errors are kinds) when it could not."""


class FolderTransport:
    """Writes each mail as `<time-ordered id>.eml` (RFC 5322) into a folder, for whoever runs the server to read."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Write the file whole, readable by its owner alone: it may hold a token."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{new_id()}.eml"
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(compose(mail, self._sender).as_bytes())
        draft.replace(path)


class SmtpTransport:
    """Hands mails to a server (RFC 5321): `smtp://user:password@host:587` with STARTTLS, or `smtps://…:465`.

    `?starttls=off` is for a relay on the same host or network; with a user name it is refused.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise AppError(
                ErrorCode.VALIDATION, "MAIL_URL has to be smtp://host or smtps://host (or empty, for the folder)."
            )
        self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._implicit_tls = parts.scheme == "smtps"
        self._starttls = parse_qs(parts.query).get("starttls", ["on"])[0] != "off"
        self._sender = sender
        if self._user and not self._implicit_tls and not self._starttls:
            raise AppError(ErrorCode.VALIDATION, "MAIL_URL would send its password in clear: leave starttls=off out.")

    def send(self, mail: Mail) -> None:
        """Deliver by one connection."""
        context = ssl.create_default_context()
        if self._implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=_TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        with server:
            if not self._implicit_tls and self._starttls:
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
            server.send_message(compose(mail, self._sender))


def compose(mail: Mail, sender: str) -> EmailMessage:
    """The mail as it travels. Header injection is impossible: the library refuses line breaks in headers."""
    message = EmailMessage()
    message["From"] = Address("Music Gen AI", addr_spec=sender)
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # Nobody's holiday answer (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    if mail.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        if mail.unsubscribe_url.startswith("https://"):
            # One click, without a page (RFC 8058 §3.1: by https alone).
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.body)
    return message


def transport_for(url: str, folder: Path, sender: str) -> Transport:
    """The transport that the settings name. Raises `AppError` (VALIDATION) for a URL that is none."""
    return SmtpTransport(url, sender) if url else FolderTransport(folder, sender)
