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
    """`guidance_rows` rows for each slot, the first with all conditions, the last with none. The engine thread's own.

    A row that guidance does not lead from is not computed: a song with a guidance scale of 1 needs no unconditional
    one, so its steps cost half, and one whose β is 1 no row of the style alone.
    """

    def __init__(self, decoder: RowDecoder, guidance_rows: int = 2) -> None:
        self._decoder = decoder
        self._guidance_rows = guidance_rows
        self._conditions: dict[int, SongCondition] = {}

    def condition(self, slot: int, condition: Condition) -> None:
        """Let the slot be conditioned on this from now on."""
        song = cast("SongCondition", condition)
        self._conditions[slot] = song
        for row, memory in enumerate(song.memories):
            cross = None if memory is None else CrossRow(memory.keys.numpy(), memory.values.numpy())
            self._decoder.set_cross(self._guidance_rows * slot + row, cross)

    def fill_prefix(self, slot: int, first: int, count: int) -> None:
        """Run positions of the condition's prefix."""
        prefix = self._conditions[slot].prefix
        if prefix is None:
            raise RuntimeError("There is no prefix to fill.")
        self._fill(slot, prefix[:, first : first + count].numpy(), first)

    def fill(self, slot: int, position: int, tokens: Sequence[Tokens]) -> None:
        """Run inputs `[n, K]` at `position …`."""
        embedded = self._decoder.embed(np.array(tokens))
        first = self._conditions[slot].prefix_length + position
        self._fill(slot, np.stack([embedded] * self._guidance_rows), first)

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
        firsts = [self._guidance_rows * row.slot for row in rows]
        guided = [index for index, row in enumerate(rows) if row.sampling.guidance_scale != 1.0]
        styled = self._styled(rows)
        taking = [*range(len(rows)), *guided, *styled]
        decoder_rows = firsts + [firsts[one] + self._guidance_rows - 1 for one in guided]
        decoder_rows += [firsts[one] + 1 for one in styled]
        logits = self._decoder.run(decoder_rows, embedded[taking][:, None], [positions[one] for one in taking])[:, 0]
        conditional, without, style = np.split(logits, [len(rows), len(rows) + len(guided)])
        if styled:
            betas = np.array([rows[one].sampling.guidance_beta for one in styled], np.float32)[:, None, None]
            conditional[styled] = style + (conditional[styled] - style) * betas
        unconditional = conditional.copy()
        unconditional[guided] = without
        return conditional, unconditional

    def _styled(self, rows: Sequence[RowStep]) -> list[int]:
        """Which of these are led from the style alone to style and words."""
        if self._guidance_rows == 2:
            return []
        return [index for index, row in enumerate(rows) if row.sampling.guidance_beta != 1.0]

    def _fill(self, slot: int, inputs: NDArray[np.float32], first: int) -> None:
        """Inputs `[G, n, d]` at positions `first …` of a slot's rows."""
        begin = self._guidance_rows * slot
        self._decoder.run(range(begin, begin + self._guidance_rows), inputs, [first] * self._guidance_rows)

    def release(self, slot: int) -> None:
        """Let go of what the slot was conditioned on."""
        self._conditions.pop(slot, None)
        for row in range(self._guidance_rows * slot, self._guidance_rows * (slot + 1)):
            self._decoder.set_cross(row, None)
