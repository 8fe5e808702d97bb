"""The decoder on a processor, over rows of ragged lengths: what all ways of computing it share.

A row is one sequence (a song's conditional or unconditional one) with a place of its own in the caches. Rows with
cross-attention are run first: the others have no part in it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.decoder import sinusoidal_positions
from services.generation.runtimes.decoder_weights import DecoderWeights
from services.generation.runtimes.turns import Turns


@dataclass(frozen=True, slots=True)
class CrossRow:
    """What one row's cross-attention reads: keys and values `[L, heads, S, head]` float32."""

    keys: NDArray[np.float32]
    values: NDArray[np.float32]


class RowDecoder(ABC):
    """Sequences of at most `cache_positions` positions each. Not thread-safe: the engine's thread owns it.

    `turns` are shared with whatever else computes on the same cores.
    """

    def __init__(self, configuration: DecoderConfiguration, weights: DecoderWeights, turns: Turns | None) -> None:
        self._configuration = configuration
        self._turns = turns or Turns()
        self._embeddings = [weights.plain[f"embed_tokens.{index}.weight"] for index in range(configuration.codebooks)]
        self._positions = sinusoidal_positions(configuration.cache_positions, configuration.hidden_size).numpy()
        self._cross: dict[int, CrossRow] = {}

    def set_cross(self, row: int, memory: CrossRow | None) -> None:
        """What a row's cross-attention reads from now on; None: nothing, which costs nothing."""
        if memory is None:
            self._cross.pop(row, None)
        else:
            self._cross[row] = memory

    def embed(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Tokens `[…, K]` to inputs `[…, d]`, positions not yet added."""
        embedded: NDArray[np.float32] = self._embeddings[0][tokens[..., 0]]
        for index in range(1, len(self._embeddings)):
            embedded = embedded + self._embeddings[index][tokens[..., index]]
        return embedded

    def run(self, rows: Sequence[int], embedded: NDArray[np.float32], positions: Sequence[int]) -> NDArray[np.float32]:
        """Inputs `[R, n, d]` of some rows, the first of each at its position; logits `[R, n, K, V]`.

        What those rows hold before their positions is read, what they hold at them and after is overwritten.
        """
        configuration = self._configuration
        count, length, size = embedded.shape
        past = np.asarray(positions, np.int32)
        if len(rows) != count or len(past) != count or not count or not length:
            raise ValueError("Every row has inputs and a position.")
        if past.min() < 0 or past.max() + length > configuration.cache_positions:
            raise ValueError(f"Positions lie between 0 and {configuration.cache_positions}.")
        places = past[:, None] + np.arange(length)
        x = embedded + self._positions[places]
        order = list(range(count))
        reading: list[CrossRow] = []
        if configuration.cross_attention:
            order.sort(key=lambda index: rows[index] not in self._cross)
            reading = [self._cross[rows[index]] for index in order if rows[index] in self._cross]
        logits = self._compute(
            [rows[index] for index in order], x[order].reshape(count * length, size), past[order], length, reading
        ).reshape(count, length, configuration.codebooks, configuration.vocabulary)
        return logits if order == sorted(order) else logits[np.argsort(order)]

    @abstractmethod
    def _compute(
        self,
        rows: Sequence[int],
        x: NDArray[np.float32],
        past: NDArray[np.int32],
        length: int,
        reading: Sequence[CrossRow],
    ) -> NDArray[np.float32]:
        """Inputs `[R · n, d]` to logits `[R · n, K · V]`; the first rows read cross-attention, of `reading`."""

    @abstractmethod
    def close(self) -> None:
        """Let caches and weights go. Idempotent; nothing runs afterwards."""


@dataclass(frozen=True, slots=True)
class ReadableCross:
    """One row's cross-attention as the kernels read it: `keys` `[L, heads, head, S]`, scaled by 1 / √head, and `values`
    `[L, heads, S, head]`, both in one piece."""

    keys: NDArray[np.float32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, memory: CrossRow) -> ReadableCross:
        """Lay a row's memory out."""
        layers, heads, length, head = memory.keys.shape
        keys = np.empty((layers, heads, head, length), np.float32)
        np.multiply(memory.keys.swapaxes(2, 3), np.float32(head**-0.5), out=keys)
        return cls(keys, np.ascontiguousarray(memory.values, np.float32))


@dataclass(frozen=True, slots=True)
class CrossInputs:
    """Cross-attention of some rows as arrays, filled up with zeros to the longest: `keys` `[L, Rc, heads, head, S]`,
    scaled by 1 / √head, `values` `[L, Rc, heads, S, head]`, `lengths` `[Rc]`; made of `memories`.
    """

    keys: NDArray[np.float32]
    values: NDArray[np.float32]
    lengths: NDArray[np.int64]
    memories: tuple[CrossRow, ...]

    @classmethod
    def of(cls, configuration: DecoderConfiguration, memories: Sequence[CrossRow]) -> CrossInputs:
        """The arrays of these memories, in this order; of none, there is nothing in them."""
        layers, heads, head = configuration.layers, configuration.heads, configuration.head_size
        lengths = np.array([memory.keys.shape[2] for memory in memories], np.int64)
        longest = int(lengths.max(initial=0))
        keys = np.zeros((layers, len(memories), heads, head, longest), np.float32)
        values = np.zeros((layers, len(memories), heads, longest, head), np.float32)
        scale = np.float32(head**-0.5)
        for index, memory in enumerate(memories):
            length = memory.keys.shape[2]
            np.multiply(memory.keys.swapaxes(2, 3), scale, out=keys[:, index, :, :, :length])
            values[:, index, :, :length] = memory.values
        return cls(keys, values, lengths, tuple(memories))

    def are(self, memories: Sequence[CrossRow]) -> bool:
        """Whether they were made of these very memories."""
        return len(memories) == len(self.memories) and all(a is b for a, b in zip(self.memories, memories, strict=True))


class RecentCross:
    """The cross-attention arrays of a decoder's last two sets of rows.

    While somebody catches up, runs of that row alone and of all that draw take turns: making the arrays of either anew
    each time, tens of megabytes, would hold everybody up.
    """

    _MOST = 2

    def __init__(self, configuration: DecoderConfiguration) -> None:
        self._configuration = configuration
        self._recent: list[CrossInputs] = []

    def of(self, memories: Sequence[CrossRow]) -> CrossInputs:
        """The arrays of these memories, in this order."""
        found = next((known for known in self._recent if known.are(memories)), None)
        if found is None:
            found = CrossInputs.of(self._configuration, memories)
        self._recent = [found, *(known for known in self._recent if known is not found)][: self._MOST]
        return found

    def clear(self) -> None:
        """Let them go."""
        self._recent.clear()
