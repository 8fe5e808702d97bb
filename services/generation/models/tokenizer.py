"""T5's tokenizer from a model's folder: `tokenizer.json`, or the SentencePiece model `spiece.model`.

SentencePiece's file is a protocol buffer (sentencepiece_model.proto): field 1 repeats the pieces (1: text, 2: score, 3:
kind), field 3 says how text is normalised (2: a compiled table of characters). It is read here by its wire format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Library
from tokenizers.models import Unigram

from services.generation.models.refusal import refuse

_END = "</s>"
_LONGEST_FILE = 64 * 2**20
_UNKNOWN_KIND = 2


class FileTokenizer:
    """Text to ids by a trained vocabulary; the end token is always last."""

    def __init__(self, library: Library, end: int) -> None:
        library.no_padding()
        library.no_truncation()
        self._library = library
        self._end = end

    def encode(self, text: str) -> list[int]:
        """Ids of the tokens, the end token last."""
        ids: list[int] = self._library.encode(text, add_special_tokens=False).ids
        return [*ids, self._end]


def read_tokenizer(folders: Iterable[Path], vocabulary: int) -> FileTokenizer:
    """The tokenizer of the first folder that holds one.

    Raises MODEL_NOT_INSTALLED without one, or when it is broken or larger than the text encoder's `vocabulary`.
    """
    folders = tuple(folders)
    for folder in folders:
        for name, read in (("tokenizer.json", _read_json), ("spiece.model", _read_pieces)):
            path = folder / name
            if path.is_file():
                if path.stat().st_size > _LONGEST_FILE:
                    raise refuse(path, "it is too long for a tokenizer.")
                return _checked(path, read(path), vocabulary)
    raise refuse(folders[0], "there is no tokenizer (tokenizer.json or spiece.model) in it or with its text encoder.")


def _checked(path: Path, library: Library, vocabulary: int) -> FileTokenizer:
    end = library.token_to_id(_END)
    if end is None:
        raise refuse(path, f"its vocabulary has no end token {_END}.")
    ids = library.get_vocab().values()
    # T5 pads its table of embeddings beyond the vocabulary, never below it.
    if max(ids) >= vocabulary:
        raise refuse(path, f"it knows {max(ids) + 1:,} tokens, more than the text encoder ({vocabulary:,}).")
    return FileTokenizer(library, end)


def _read_json(path: Path) -> Library:
    try:
        return Library.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:
        # The library raises bare exceptions for whatever is wrong.
        raise refuse(path, f"it is not a tokenizer ({error}).") from error


def _read_pieces(path: Path) -> Library:
    pieces: list[tuple[str, float]] = []
    unknown, table = 0, b""
    try:
        for field, value in _fields(path.read_bytes()):
            if field == 1 and isinstance(value, bytes):
                text, score, kind = _piece(value)
                if kind == _UNKNOWN_KIND:
                    unknown = len(pieces)
                pieces.append((text, score))
            elif field == 3 and isinstance(value, bytes):
                found = dict(_fields(value)).get(2, b"")
                table = found if isinstance(found, bytes) else b""
        if unknown >= len(pieces):
            raise ValueError("there are no pieces in it")  # noqa: TRY301 — one way out for all that is wrong
        library = Library(Unigram(pieces, unknown, byte_fallback=False))
    except (ValueError, KeyError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise refuse(path, f"it is not a SentencePiece model ({error}).") from error
    spaces = normalizers.Replace(Regex(" {2,}"), " ")
    steps = [normalizers.Precompiled(table), spaces] if table else [spaces]
    library.normalizer = normalizers.Sequence([*steps, normalizers.Strip(left=False, right=True)])
    library.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return library


def _piece(data: bytes) -> tuple[str, float, int]:
    parts = dict(_fields(data))
    text, score, kind = parts[1], parts.get(2, 0.0), parts.get(3, 1)
    if isinstance(text, bytes) and isinstance(score, float) and isinstance(kind, int):
        return text.decode(), score, kind
    raise ValueError("a piece without text")


def _fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a message of the protocol buffers' wire format: number and value."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield number, value
        elif kind == 2:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise ValueError("it was cut off")
            yield number, data[position : position + length]
            position += length
        elif kind == 5:
            yield number, float(struct.unpack_from("<f", data, position)[0])
            position += 4
        elif kind == 1:
            yield number, float(struct.unpack_from("<d", data, position)[0])
            position += 8
        else:
            raise ValueError(f"wire type {kind}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number without end")
