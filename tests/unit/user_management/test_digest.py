"""What a digest says of things whose names strangers chose."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from services.shared.ids import new_id
from services.user_management.notifications.digest import digest_mail
from services.user_management.notifications.notification import Kind, Notification

LIKE = Notification(
    id=UUID(new_id()),
    kind=Kind.LIKE.value,
    actor_id=UUID(new_id()),
    actor_username="ben",
    actor_display_name="",
    track_id=UUID(new_id()),
    track_title="Rain",
    comment_id=None,
    excerpt=None,
    playlist_id=None,
    playlist_title=None,
    created_at=datetime.now(UTC),
)


def line_of(notification: Notification) -> str:
    mail = digest_mail("ann@example.org", "https://music.example", [notification], 1, "https://music.example/x")
    return next(line for line in mail.body.splitlines() if line.startswith("- "))


def test_a_title_turns_none_of_the_mails_own_words() -> None:
    assert line_of(LIKE) == "- ben likes \N{LEFT DOUBLE QUOTATION MARK}Rain\N{RIGHT DOUBLE QUOTATION MARK}"
    assert line_of(replace(LIKE, track_title="\u202eRa\u2067in")) == line_of(LIKE)


def test_what_is_about_nothing_names_nothing() -> None:
    assert line_of(replace(LIKE, kind=Kind.FOLLOW.value, track_id=None, track_title=None)) == "- ben follows you"
