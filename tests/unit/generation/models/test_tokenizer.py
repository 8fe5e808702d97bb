"""T5's tokenizer from either of its files."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from services.generation.models.tokenizer import read_tokenizer
from services.shared.errors import AppError


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def field(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def sentencepiece_model(pieces: list[tuple[str, float]], unknown: int) -> bytes:
    """A ModelProto of sentencepiece_model.proto: pieces, a trainer spec to be skipped, no character table."""
    kinds = {unknown: 2, 0: 3, 1: 3}
    body = b"".join(
        field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kinds.get(index, 1)))
        for index, (text, score) in enumerate(pieces)
    )
    return body + field(2, b"\x18\x05\x29" + struct.pack("<d", 1.5)) + field(3, field(1, b"identity"))


@pytest.fixture(scope="module")
def pieces(folder: Callable[[str], Path]) -> list[tuple[str, float]]:
    model = json.loads((folder("mono") / "tokenizer.json").read_text())["model"]
    return [(text, score) for text, score in model["vocab"]]


@given(text=st.text("abcdefghijklmnop ,-é", max_size=40))
def test_pieces_file_and_json_encode_alike(
    text: str, folder: Callable[[str], Path], pieces: list[tuple[str, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.getbasetemp() / "pieces"
    if not place.exists():
        place.mkdir()
        (place / "spiece.model").write_bytes(sentencepiece_model(pieces, 2))
    words = " ".join(text.split())
    assert read_tokenizer([place], 160).encode(words) == read_tokenizer([folder("mono")], 160).encode(words)


def test_ids_are_the_librarys_own_with_the_end_token(folder: Callable[[str], Path]) -> None:
    library = Tokenizer.from_file(str(folder("mono") / "tokenizer.json"))
    tokenizer = read_tokenizer([folder("mono")], 160)
    for text in ("warm soft piano", "", "drums, guitar  in the rain ", "🎹"):
        assert tokenizer.encode(text) == library.encode(text).ids


def test_second_folder_is_asked_when_the_first_has_none(folder: Callable[[str], Path], tmp_path: Path) -> None:
    assert read_tokenizer([tmp_path, folder("mono")], 160).encode("piano")[-1] == 1
    with pytest.raises(AppError, match="no tokenizer"):
        read_tokenizer([tmp_path], 160)


def test_vocabulary_beyond_the_text_encoder_is_refused(folder: Callable[[str], Path]) -> None:
    with pytest.raises(AppError, match="more than the text encoder"):
        read_tokenizer([folder("mono")], 5)


@pytest.mark.parametrize(
    "content", [b"", b"\x0a\xff\xff\xff\xff\x0f", b"\xff" * 12, b"\x0a\x02\x18\x01", b"\x07", b"PK\x03\x04"]
)
def test_broken_pieces_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(content)
    with pytest.raises(AppError, match=r"spiece\.model"):
        read_tokenizer([tmp_path], 160)


def test_broken_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(AppError, match="not a tokenizer"):
        read_tokenizer([tmp_path], 160)


def test_vocabulary_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(sentencepiece_model([("<pad>", 0.0), ("a", -1.0), ("<unk>", 0.0)], 2))
    with pytest.raises(AppError, match="no end token"):
        read_tokenizer([tmp_path], 160)
