"""How messages are signed and when they are sent again."""

import hashlib
import hmac
from datetime import timedelta

import pytest
from musicgen_client import WebhookSignatureError, verify_webhook

from services.shared.errors import AppError
from services.user_management.webhooks.rules import (
    MOST_ATTEMPTS,
    checked_events,
    new_secret,
    pause_after,
    signature,
)

BODY = '{"id": "1", "type": "job.succeeded", "title": "ö"}'.encode()


def test_the_signature_is_hmac_sha256_of_time_and_body() -> None:
    mac = hmac.new(b"whs_x", b"1700000000." + BODY, hashlib.sha256).hexdigest()
    assert signature("whs_x", 1_700_000_000, BODY) == f"t=1700000000,v1={mac}"


def test_what_the_server_signs_the_client_verifies() -> None:
    secret = new_secret()
    header = signature(secret, 1_700_000_000, BODY)
    assert verify_webhook(BODY, header, secret, now=1_700_000_010)["type"] == "job.succeeded"
    assert verify_webhook(BODY, header, ["whs_old", secret], now=1_700_000_010)["id"] == "1"


@pytest.mark.parametrize(
    ("body", "change", "now"),
    [
        (BODY + b" ", lambda header: header, 1_700_000_000),
        (BODY, lambda header: header.replace("t=1700000000", "t=1700000001"), 1_700_000_000),
        (BODY, lambda header: header[:-1] + ("0" if header[-1] != "0" else "1"), 1_700_000_000),
        (BODY, lambda header: header, 1_700_000_301),
        (BODY, lambda header: header, 1_699_999_699),
        (BODY, lambda header: "", 1_700_000_000),
        (BODY, lambda header: "t=,v1=", 1_700_000_000),
        (BODY, lambda header: "t=٣,v1=00", 1_700_000_000),
        (BODY, lambda header: header.partition(",")[0], 1_700_000_000),
        (BODY, lambda header: header.partition(",")[2], 1_700_000_000),
        (BODY, lambda header: f"t=5,{header}", 1_700_000_000),
        (BODY, lambda header: header.replace("v1", "v0"), 1_700_000_000),
        (BODY, lambda header: "t=1700000000,v1=ä", 1_700_000_000),
    ],
)
def test_a_message_that_was_changed_or_is_old_is_refused(body: bytes, change: object, now: int) -> None:
    header = change(signature("whs_x", 1_700_000_000, BODY))  # type: ignore[operator]
    with pytest.raises(WebhookSignatureError):
        verify_webhook(body, header, "whs_x", now=now)


def test_another_secret_does_not_verify() -> None:
    with pytest.raises(WebhookSignatureError):
        verify_webhook(BODY, signature("whs_x", 1_700_000_000, BODY), "whs_y", now=1_700_000_000)


def test_pauses_grow_to_six_hours_and_are_half_drawn() -> None:
    longest = [pause_after(attempt, lambda: 1.0) for attempt in range(1, MOST_ATTEMPTS)]
    shortest = [pause_after(attempt, lambda: 0.0) for attempt in range(1, MOST_ATTEMPTS)]
    assert longest[0] == timedelta(seconds=20)
    assert longest == sorted(longest)
    assert longest[-1] == pause_after(10_000, lambda: 1.0) == timedelta(hours=6)
    assert [pause * 2 for pause in shortest] == longest
    assert timedelta(hours=10) < sum(longest, timedelta()) < timedelta(hours=24)


def test_events_are_known_and_named_once() -> None:
    assert checked_events(["job.failed", "job.queued", "job.failed"]) == ["job.queued", "job.failed"]
    for wrong in ([], ["job.paused"], ["webhook.test"], ["job.failed", ""]):
        with pytest.raises(AppError):
            checked_events(wrong)
