"""No secret lies in the repository: every tracked file is searched for what keys and tokens look like."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from services.user_management.auth.rules import new_api_key, new_browser_secret, new_mail_token, new_refresh_token
from services.user_management.sharing.share import new_share_token
from services.user_management.webhooks.rules import new_secret

ROOT = Path(__file__).resolve().parents[2]
FORMS = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*\n?[A-Za-z0-9+/=]{16}"),
    "token of ours": re.compile(rb"\b(?:mg[abmrs]|whs)_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
    "client secret": re.compile(
        rb"\bGOCSPX-[A-Za-z0-9_-]{28}|(?i:client_secret)[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9_~.-]{24,}(?![A-Za-z0-9_~.(\[-])"
    ),
    "AWS key": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "Hugging Face token": re.compile(rb"\bhf_[A-Za-z0-9]{34}\b"),
    "signed token": re.compile(rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    "address with a password": re.compile(rb"\b[a-z]+://[a-z0-9]+:[A-Za-z0-9]{12,}@(?!localhost|127\.0\.0\.1|\$)"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name.decode() for name in listed.split(b"\0") if name]


def test_no_tracked_file_holds_a_secret() -> None:
    found, read = [], 0
    for path in tracked():
        if path == Path(__file__) or not path.is_file():
            continue
        content = path.read_bytes()
        read += 1
        found += [(str(path.relative_to(ROOT)), kind) for kind, form in FORMS.items() if form.search(content)]
    assert read > 500
    assert found == []


def test_no_file_that_holds_secrets_by_its_name_is_tracked() -> None:
    names = {path.name for path in tracked()}
    assert not {
        name for name in names if name.endswith((".pem", ".key", ".p12", ".env")) or name == "first_admin_password"
    }


def test_the_forms_find_what_they_are_meant_to() -> None:
    examples = {
        "private key": b"-----BEGIN PRIVATE KEY-----\n" + b"M" * 64,
        "token of ours": b"mga_" + b"x" * 43,
        "client secret": b"GOCSPX-" + b"a" * 28,
        "AWS key": b"AKIA" + b"A" * 16,
        "GitHub token": b"ghp_" + b"a" * 36,
        "Hugging Face token": b"hf_" + b"a" * 34,
        "signed token": b"eyJ" + b"a" * 12 + b".eyJ" + b"b" * 12 + b"." + b"c" * 24,
        "address with a password": b"postgres://me:" + b"a" * 16 + b"@db.example",
    }
    assert {kind for kind, form in FORMS.items() if form.search(examples[kind])} == FORMS.keys()


@pytest.mark.parametrize(
    "make", [new_refresh_token, new_browser_secret, new_api_key, new_mail_token, new_share_token, new_secret]
)
def test_what_the_platform_hands_out_is_found(make: Callable[[], str]) -> None:
    assert FORMS["token of ours"].search(f'"{make()}"'.encode())


@pytest.mark.parametrize(
    "line",
    [b"client_secret: " + b"a1" * 16, b'"client_secret": "' + b"8Q~x" * 10 + b'"', b"CLIENT_SECRET=" + b"b" * 40],
)
def test_a_client_secret_is_found_however_it_is_written(line: bytes) -> None:
    assert FORMS["client secret"].search(line)
