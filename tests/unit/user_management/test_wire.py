import uuid
from datetime import UTC, datetime

import pytest

from services.shared.errors import AppError
from services.user_management import wire


@pytest.mark.parametrize("text", ["", "7", "not-an-id", "x" * 36, "01a1fdea-3ed7-76fa-b20f-cd595922d4bg"])
def test_what_is_no_id_names_nothing(text: str) -> None:
    assert wire.parse_id(text) is None


def test_cursor_comes_back_as_the_item_it_was_made_of() -> None:
    item = uuid.uuid4()
    assert wire.cursor_id(wire.cursor_of(item)) == item
    assert wire.cursor_id("") is None


@pytest.mark.parametrize("cursor", ["x", "????", "A" * 40, "ünïcode"])
def test_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(AppError) as refused:
        wire.cursor_id(cursor)
    assert refused.value.violations[0].pointer == "/cursor"


@pytest.mark.parametrize(("asked", "given"), [(0, 20), (1, 1), (100, 100)])
def test_page_has_a_default_size(asked: int, given: int) -> None:
    assert wire.page_limit(asked) == given


@pytest.mark.parametrize("asked", [-1, 101])
def test_page_size_has_limits(asked: int) -> None:
    with pytest.raises(AppError):
        wire.page_limit(asked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        '"a"',
        '{"a": NaN}',
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        '{"a": [{"b": "\\u0000"}]}',
        '{"a": "\\ud800"}',
        "{" + " " * 300_000 + "}",
    ],
)
def test_json_that_the_database_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(AppError) as refused:
        wire.json_object(text, "/request_json")
    assert refused.value.violations[0].pointer == "/request_json"


def test_json_object_keeps_large_integers() -> None:
    assert wire.json_object('{"seed": 9223372036854775807}', "/x") == {"seed": 2**63 - 1}
    assert wire.json_text({"seed": 2**63 - 1}) == '{"seed":9223372036854775807}'


def test_missing_json_is_none_and_back() -> None:
    assert wire.optional_json_object("", "/x") is None
    assert wire.json_text(None) == ""


def test_unstorable_characters_are_replaced_and_long_texts_cut() -> None:
    assert wire.storable("a\0b\ud800c", 4) == "a�b�"


def test_instant_becomes_a_timestamp() -> None:
    stamp = wire.timestamp(datetime(2026, 1, 1, tzinfo=UTC))
    assert stamp is not None
    assert stamp.ToJsonString() == "2026-01-01T00:00:00Z"
    assert wire.timestamp(None) is None
