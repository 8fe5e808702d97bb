"""Forms with a file in them, however their bytes are cut and whatever the file holds."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.gateway.media.multipart import FileForm, boundary_of
from services.shared.errors import AppError, ErrorCode

BOUNDARY = b"----b0undary"
# Pieces that look like the seams of a form, so that files hold them often.
PIECES = st.sampled_from([b"\r\n", b"--", b"\r\n--", BOUNDARY[:-1], b"\r", b"\n", b"\x00", b"file", b"--\r\n"])
FILES = st.lists(st.one_of(PIECES, st.binary(max_size=40)), min_size=1, max_size=30).map(b"".join).filter(len)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n', exclude_categories=("Cc",)), max_size=40)


def form_of(data: bytes, name: str, title: str | None, *, title_first: bool) -> bytes:
    """A form as browsers send it."""
    file = b'Content-Disposition: form-data; name="file"; filename="%b"\r\nContent-Type: audio/wav\r\n\r\n%b'
    parts = [file % (name.encode(), data)]
    if title is not None:
        words = b'Content-Disposition: form-data; name="title"\r\n\r\n' + title.encode()
        parts.insert(0 if title_first else 1, words)
    return b"".join(b"--" + BOUNDARY + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + BOUNDARY + b"--\r\n"


async def cut(body: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    position = number = 0
    while position < len(body):
        size = sizes[number % len(sizes)]
        yield body[position : position + size]
        position += size
        number += 1


@given(FILES, NAMES, st.none() | NAMES, st.booleans(), st.lists(st.integers(1, 50), min_size=1, max_size=5))
async def test_file_arrives_unchanged(
    data: bytes, name: str, title: str | None, title_first: bool, sizes: list[int]
) -> None:
    assume(b"\r\n--" + BOUNDARY not in b"\r\n" + data)
    form = FileForm(BOUNDARY, cut(form_of(data, name, title, title_first=title_first), sizes))
    found = b"".join([part async for part in form.file()])
    assert found == data
    assert (form.size_bytes, form.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert form.fields == ({} if title is None else {"title": title})


@given(FILES, st.data())
async def test_form_that_breaks_off_is_refused(data: bytes, draw: st.DataObject) -> None:
    body = form_of(data, "a.wav", None, title_first=False)
    end = draw.draw(st.integers(0, len(body) - len(b"--\r\n") - 1))
    form = FileForm(BOUNDARY, cut(body[:end], [7]))
    with pytest.raises(AppError) as raised:
        [part async for part in form.file()]
    assert raised.value.code is ErrorCode.VALIDATION


@given(st.binary(max_size=300))
async def test_noise_is_no_form(noise: bytes) -> None:
    with pytest.raises(AppError):
        [part async for part in FileForm(BOUNDARY, cut(noise, [11])).file()]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        "audio/wav",
        "x" * 5_000,
    ],
)
def test_other_types_are_refused(content_type: str) -> None:
    with pytest.raises(AppError) as raised:
        boundary_of(content_type)
    assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA


def test_boundary_is_read_with_and_without_quotes() -> None:
    assert boundary_of("multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of('multipart/form-data; charset=utf-8; boundary="a b"') == b"a b"
