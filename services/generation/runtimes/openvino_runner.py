"""The engine's `StepRunner` on a processor: only the rows that take part are computed, each at its own length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from services.generation.engine.engine import RowStep
from services.generation.engine.request import Condition
from services.generation.engine.timeline import Tokens
from services.generation.musicgen.conditioning import SongCondition
from services.generation.runtimes.fast_sampling import draw
from services.generation.runtimes.row_decoder import CrossRow, RowDecoder


class OpenVinoRunner:
    """Two rows for each slot: 2 · slot is conditional, 2 · slot + 1 is not. Owned by the engine's thread.

    A song with a guidance scale of 1 needs no unconditional row, so it gets none: its steps cost half.
    """

    def __init__(self, decoder: RowDecoder) -> None:
        self._decoder = decoder
        self._conditions: dict[int, SongCondition] = {}

    def condition(self, slot: int, condition: Condition) -> None:
        """Let the slot be conditioned on this from now on."""
        song = cast("SongCondition", condition)
        self._conditions[slot] = song
        for row, memory in enumerate(song.memories):
            cross = None if memory is None else CrossRow(memory.keys.numpy(), memory.values.numpy())
            self._decoder.set_cross(2 * slot + row, cross)

    def fill_prefix(self, slot: int, first: int, count: int) -> None:
        """Run positions of the condition's prefix."""
        prefix = self._conditions[slot].prefix
        if prefix is None:
            raise RuntimeError("There is no prefix to fill.")
        chunk = prefix[:, first : first + count].numpy()
        self._decoder.run([2 * slot, 2 * slot + 1], chunk, [first, first])

    def fill(self, slot: int, position: int, tokens: Sequence[Tokens]) -> None:
        """Run inputs `[n, K]` at `position …`."""
        embedded = self._decoder.embed(np.array(tokens))
        first = self._conditions[slot].prefix_length + position
        self._decoder.run([2 * slot, 2 * slot + 1], np.stack([embedded, embedded]), [first, first])

    def step(self, rows: Sequence[RowStep]) -> list[Tokens]:
        """Run one position of every row and draw."""
        conditional, unconditional = self.logits(rows)
        return draw(conditional, unconditional, [row.sampling for row in rows], [row.noise_step for row in rows])

    def logits(self, rows: Sequence[RowStep]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run one position of every row; conditional and unconditional logits, each `[B, K, V]`.

        A song without guidance has its conditional ones in both.
        """
        embedded = self._decoder.embed(np.array([row.tokens for row in rows]))
        positions = [self._conditions[row.slot].prefix_length + row.position for row in rows]
        guided = [index for index, row in enumerate(rows) if row.sampling.guidance_scale != 1.0]
        decoder_rows = [2 * row.slot for row in rows] + [2 * rows[index].slot + 1 for index in guided]
        inputs = np.concatenate([embedded, embedded[guided]])[:, None]
        places = positions + [positions[index] for index in guided]
        logits = self._decoder.run(decoder_rows, inputs, places)[:, 0]
        conditional = logits[: len(rows)]
        unconditional = conditional.copy()
        unconditional[guided] = logits[len(rows) :]
        return conditional, unconditional

    def release(self, slot: int) -> None:
        """Let go of what the slot was conditioned on."""
        self._conditions.pop(slot, None)
        for row in (2 * slot, 2 * slot + 1):
            self._decoder.set_cross(row, None)
