"""The link that ends mails names one person, and is nobody's to make but ours."""

import base64
import uuid

import pytest

from services.user_management.mail.message import Mail
from services.user_management.mail.transport import compose
from services.user_management.notifications.unsubscribing import Unsubscribing

ANN = uuid.UUID("0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11")


def test_a_token_names_the_person_it_was_made_for() -> None:
    links = Unsubscribing("one key")
    assert links.person(links.token(ANN)) == ANN
    assert links.link("https://music.example/", ANN).startswith("https://music.example/api/v1/notifications/unsub")


@pytest.mark.parametrize(
    "token",
    ["", "x", "=", "\N{GRINNING FACE}", "A" * 64, "A" * 101, base64.urlsafe_b64encode(ANN.bytes + bytes(32)).decode()],
)
def test_what_was_not_signed_names_nobody(token: str) -> None:
    assert Unsubscribing("one key").person(token) is None


def test_another_key_or_another_person_makes_it_worthless() -> None:
    token = Unsubscribing("one key").token(ANN)
    assert Unsubscribing("another key").person(token) is None
    decoded = base64.urlsafe_b64decode(token)
    moved = base64.urlsafe_b64encode(uuid.UUID(int=ANN.int + 1).bytes + decoded[16:]).decode()
    assert Unsubscribing("one key").person(moved) is None


@pytest.mark.parametrize(("url", "one_click"), [("https://music.example/u", True), ("http://127.0.0.1/u", False)])
def test_one_click_is_offered_by_https_alone(url: str, one_click: bool) -> None:
    mail = compose(Mail("ann@example.org", "s", "b", url), "musicgen@localhost")
    assert mail["List-Unsubscribe"] == f"<{url}>"
    assert (mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click") is one_click


def test_other_mails_offer_nothing() -> None:
    mail = compose(Mail("ann@example.org", "s", "b"), "musicgen@localhost")
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None
