from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.media.conditional import http_date, is_unchanged, range_applies
from services.gateway.media.objects import content_disposition

MADE = datetime(1994, 11, 6, 8, 49, 37, 123, tzinfo=UTC)
# The example of RFC 9110 §5.6.7, in its three forms.
DATES = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]


def test_dates_are_written_as_http_wants_them() -> None:
    assert http_date(MADE) == DATES[0]


# RFC 9110 §8.8.3.2: weak comparison.
@pytest.mark.parametrize(
    ("header", "unchanged"),
    [
        ('"xyzzy"', True),
        ('W/"xyzzy"', True),
        ('"a", "xyzzy"', True),
        ('"a",W/"xyzzy" , "b"', True),
        ("*", True),
        ('"r2d2"', False),
        ("xyzzy", False),
        ("", False),
        ('"xyz"zy"', False),
        # Packed by our own hand.
        ('"xyzzy-gzip"', True),
        ('"xyzzy-gzip-gzip"', False),
    ],
)
def test_an_entity_tag_tells_whether_it_is_the_same(header: str, unchanged: bool) -> None:
    # The date would say otherwise; the tag counts.
    date = http_date(MADE - timedelta(days=1) if unchanged else MADE)
    assert is_unchanged(header, date, '"xyzzy"', MADE) is unchanged


@pytest.mark.parametrize("date", DATES)
def test_a_date_tells_whether_it_is_the_same(date: str) -> None:
    assert is_unchanged(None, date, '"x"', MADE)
    assert not is_unchanged(None, date, '"x"', MADE + timedelta(seconds=1))


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 99 Nov 1994 08:49:37 GMT"])
def test_without_a_date_everything_is_sent(date: str | None) -> None:
    assert not is_unchanged(None, date, '"x"', MADE)


@pytest.mark.parametrize(
    ("header", "applies"),
    [
        (None, True),
        ('"xyzzy"', True),
        ('W/"xyzzy"', False),
        ('"other"', False),
        (DATES[0], True),
        (http_date(MADE + timedelta(days=1)), False),
        ("nonsense", False),
    ],
)
def test_a_range_is_heeded_for_the_same_file_only(header: str | None, applies: bool) -> None:
    assert range_applies(header, '"xyzzy"', MADE) is applies


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Rain on tin", "inline; filename=\"Rain on tin.mp3\"; filename*=UTF-8''Rain%20on%20tin.mp3"),
        ('a"b\\c/d\r\ne', "inline; filename=\"a b c d e.mp3\"; filename*=UTF-8''a%20b%20c%20d%20e.mp3"),
        ("夜", "inline; filename=\"_.mp3\"; filename*=UTF-8''%E5%A4%9C.mp3"),
        ("../../etc/passwd", "inline; filename=\"etc passwd.mp3\"; filename*=UTF-8''etc%20passwd.mp3"),
        ("3pm.\u202eexe", "inline; filename=\"3pm. exe.mp3\"; filename*=UTF-8''3pm.%20exe.mp3"),
        ("a\x85b\u2028c", "inline; filename=\"a b c.mp3\"; filename*=UTF-8''a%20b%20c.mp3"),
        ("", "inline; filename=\"track.mp3\"; filename*=UTF-8''track.mp3"),
        ("x" * 500, f"inline; filename=\"{'x' * 100}.mp3\"; filename*=UTF-8''{'x' * 100}.mp3"),
    ],
)
def test_a_title_becomes_a_safe_file_name(title: str, expected: str) -> None:
    assert content_disposition(title, "mp3", attachment=False) == expected
