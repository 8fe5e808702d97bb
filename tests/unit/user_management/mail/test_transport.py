"""Mails into a folder, and by SMTP to a server of the test's own."""

import smtplib
import socketserver
import stat
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from services.shared.errors import AppError
from services.user_management.mail.courier import MOST_ATTEMPTS, pause_after
from services.user_management.mail.message import Mail, reset_password
from services.user_management.mail.transport import FolderTransport, SmtpTransport, compose, transport_for

MAIL = Mail("ann@example.org", "Grüße", "Öffne\n\nhttps://music.example/x/#token=abc\n")


class SmtpServer(socketserver.ThreadingTCPServer):
    """As much of RFC 5321 as one mail needs."""

    daemon_threads = True

    def __init__(self, refuse: str = "") -> None:
        self.refuse = refuse
        self.received: list[bytes] = []
        self.said: list[str] = []
        super().__init__(("127.0.0.1", 0), _Session)


class _Session(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline().decode().strip():
            self.server.said.append(line)
            verb = line.split()[0].upper()
            if verb == self.server.refuse:
                self.wfile.write(b"550 no\r\n")
            elif verb == "DATA":
                self.wfile.write(b"354 go\r\n")
                content = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    content += part
                self.server.received.append(content)
                self.wfile.write(b"250 ok\r\n")
            elif verb == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    with SmtpServer(getattr(request, "param", "")) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def url_of(server: SmtpServer, query: str = "?starttls=off") -> str:
    return f"smtp://127.0.0.1:{server.server_address[1]}{query}"


def test_mail_lies_in_the_folder_for_its_owner_alone(tmp_path: Path) -> None:
    FolderTransport(tmp_path / "outbox", "musicgen@example.org").send(MAIL)
    (path,) = (tmp_path / "outbox").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (mail["To"], mail["Subject"], mail.get_content()) == (MAIL.recipient, MAIL.subject, MAIL.body)
    assert mail["From"].addresses[0].addr_spec == "musicgen@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_mail_reaches_the_server(server: SmtpServer) -> None:
    SmtpTransport(url_of(server), "musicgen@example.org").send(MAIL)
    mail = message_from_bytes(server.received[0], policy=policy.default)
    assert (mail["To"], mail["Subject"]) == (MAIL.recipient, MAIL.subject)
    assert "https://music.example/x/#token=abc" in mail.get_content()
    assert any(line.lower().startswith("rcpt to:<ann@example.org>") for line in server.said)


def test_server_without_tls_gets_no_mail_unless_it_was_allowed(server: SmtpServer) -> None:
    with pytest.raises(smtplib.SMTPNotSupportedError):
        SmtpTransport(url_of(server, ""), "musicgen@example.org").send(MAIL)
    assert server.received == []


@pytest.mark.parametrize("server", ["RCPT", "MAIL", "DATA"], indirect=True)
def test_refusals_are_errors_that_are_tried_again(server: SmtpServer) -> None:
    with pytest.raises(smtplib.SMTPException):
        SmtpTransport(url_of(server), "musicgen@example.org").send(MAIL)


def test_absent_server_is_an_error_that_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ConnectionRefusedError):
        SmtpTransport("smtp://127.0.0.1:1?starttls=off", "musicgen@example.org").send(MAIL)
    tmp_path.joinpath("outbox").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        FolderTransport(tmp_path / "outbox", "musicgen@example.org").send(MAIL)


@pytest.mark.parametrize("url", ["http://x", "smtp://", "mail.example", "smtp://user:pw@host?starttls=off"])
def test_settings_that_cannot_be_meant_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(AppError):
        transport_for(url, tmp_path, "musicgen@example.org")


def test_headers_cannot_be_smuggled_in() -> None:
    for mail in (
        Mail("ann@example.org\r\nBcc: eve@example.org", "x", "y"),
        Mail("a@example.org", "x\r\nBcc: e@x", "y"),
    ):
        with pytest.raises(ValueError, match=r".+"):
            compose(mail, "musicgen@example.org")


def test_tokens_stand_in_the_fragment_that_no_server_is_sent() -> None:
    body = reset_password("ann@example.org", "https://music.example/", "mgm_abc").body
    assert "https://music.example/reset-password/#token=mgm_abc" in body


def test_pauses_grow_to_an_hour_and_last_about_a_day() -> None:
    pauses = [pause_after(attempt).total_seconds() for attempt in range(1, MOST_ATTEMPTS)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (30, 3600)
    assert 20 * 3600 < sum(pauses) < 30 * 3600
