import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.media.ranges import ByteRange, parse_range
from services.shared.errors import AppError, ErrorCode

CONTENT = bytes(range(10))


# RFC 9110 §14.1.2 gives the first five for 10,000 bytes; here for 10.
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-4", CONTENT[0:5]),
        ("bytes=5-9", CONTENT[5:10]),
        ("bytes=-5", CONTENT[-5:]),
        ("bytes=5-", CONTENT[5:]),
        ("bytes=0-0", CONTENT[:1]),
        ("bytes=9-9", CONTENT[9:]),
        ("bytes=0-999999999999999999999999", CONTENT),
        ("bytes=-999", CONTENT),
        ("BYTES = 2 - 3 ", CONTENT[2:4]),
    ],
)
def test_a_range_names_its_bytes(header: str, expected: bytes) -> None:
    found = parse_range(header, len(CONTENT))
    assert found is not None
    assert CONTENT[found.start : found.end] == expected
    assert found.length == len(expected)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-1,4-5",
        "seconds=0-1",
        "bytes=٣-٤",
        "0-4",
    ],
)
def test_what_is_no_single_range_of_bytes_asks_for_the_whole(header: str | None) -> None:
    assert parse_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=99-100", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_beyond_the_end_is_told_the_size(header: str, size: int) -> None:
    with pytest.raises(AppError) as caught:
        parse_range(header, size)
    assert caught.value.code is ErrorCode.RANGE_NOT_SATISFIABLE
    assert caught.value.context["content_range"] == f"bytes */{size}"


@given(size=st.integers(1, 2**40), first=st.integers(0, 2**41), last=st.integers(0, 2**41))
def test_a_found_range_lies_within_the_file(size: int, first: int, last: int) -> None:
    try:
        found = parse_range(f"bytes={first}-{last}", size)
    except AppError:
        assert first >= size
        assert first <= last
        return
    if found is None:
        assert last < first
        return
    assert found == ByteRange(first, min(last + 1, size))
    assert 0 <= found.start < found.end <= size


@given(header=st.text(), size=st.integers(0, 2**40))
def test_no_header_breaks_the_parser(header: str, size: int) -> None:
    for text in (header, f"bytes={header}"):
        try:
            found = parse_range(text, size)
        except AppError:
            continue
        assert found is None or 0 <= found.start < found.end <= size


def test_content_range_counts_from_nought() -> None:
    assert ByteRange(0, 500).content_range(1234) == "bytes 0-499/1234"
