"""A song's frames as bytes, so that another worker goes on from them: 16-bit little-endian tokens after a header.

The header binds the record to a model and its revision: tokens of another one mean nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

_MAGIC = b"MGT1"
_HEADER = struct.Struct("<4sIH")


class TokenRecord:
    """Reads and writes the record of songs of `model` at `revision`.

    `codebooks` tokens a frame, each below `vocabulary`.
    """

    def __init__(self, model: str, revision: str, codebooks: int, vocabulary: int = 2**16) -> None:
        self._codebooks = codebooks
        self._vocabulary = vocabulary
        self.header = _HEADER.pack(_MAGIC, zlib.crc32(f"{model}\n{revision}".encode()), codebooks)

    def pack(self, frames: Sequence[Sequence[int]]) -> bytes:
        """Frames `[n, K]` as bytes. OverflowError for tokens beyond 16 bits."""
        return np.asarray(frames, dtype="<u2").reshape(-1, self._codebooks).tobytes()

    def unpack(self, data: bytes) -> list[tuple[int, ...]] | None:
        """The whole frames of a record; None when it belongs to another model.

        A broken last one is left out, and so is all that follows a token that the model does not have: looked up in a
        batch, it would end everybody's song.
        """
        if data[: len(self.header)] != self.header:
            return None
        body = data[len(self.header) :]
        size = 2 * self._codebooks
        tokens = np.frombuffer(body[: len(body) // size * size], dtype="<u2").reshape(-1, self._codebooks)
        strange = np.flatnonzero((tokens >= self._vocabulary).any(axis=1))
        sound = tokens[: strange[0]] if len(strange) else tokens
        return [tuple(frame) for frame in sound.tolist()]
