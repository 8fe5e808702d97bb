"""Everything of the engine that touches tensors, on torch: the caches of the slots, the decoder's steps and sampling.

The reference that runs everywhere. Each step computes all rows of all slots in one fixed shape, so that a request's
tokens are bitwise the same whatever else is running.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from services.generation.engine.engine import RowStep
from services.generation.engine.request import Condition
from services.generation.engine.timeline import Tokens
from services.generation.musicgen.conditioning import SongCondition
from services.generation.musicgen.decoder import Decoder, DecoderCache, slot_rows
from services.generation.musicgen.sampler import sample, with_words


class TorchRunner:
    """The `StepRunner` over the torch decoder. Owned by the engine's thread."""

    def __init__(self, decoder: Decoder, slots: int) -> None:
        self._decoder = decoder
        self._slots = slots
        self._pad = decoder.configuration.pad_token
        self._guidance_rows = decoder.configuration.guidance_rows
        self._cache = DecoderCache.empty(decoder.configuration, self._guidance_rows * slots)
        self._conditions: dict[int, SongCondition] = {}

    def condition(self, slot: int, condition: Condition) -> None:
        """Let the slot be conditioned on this from now on."""
        song = cast("SongCondition", condition)
        self._conditions[slot] = song
        for row, memory in enumerate(song.memories):
            self._cache.set_cross(self._guidance_rows * slot + row, memory)

    def fill_prefix(self, slot: int, first: int, count: int) -> None:
        """Run positions of the condition's prefix."""
        prefix = self._conditions[slot].prefix
        if prefix is None:
            raise RuntimeError("There is no prefix to fill.")
        self._decoder.fill(prefix[:, first : first + count], slot, first, self._cache)

    def fill(self, slot: int, position: int, tokens: Sequence[Tokens]) -> None:
        """Run inputs `[n, K]` at `position …`."""
        embedded = self._decoder.embed(torch.tensor(tokens))
        first = self._conditions[slot].prefix_length + position
        self._decoder.fill(embedded.expand(self._guidance_rows, -1, -1), slot, first, self._cache)

    def step(self, rows: Sequence[RowStep]) -> list[Tokens]:
        """Run one position of every row and draw."""
        conditional, unconditional = self.predictions(rows)
        sampling = [row.sampling for row in rows]
        drawn = sample(conditional, unconditional, sampling, [row.noise_step for row in rows])
        return [tuple(tokens) for tokens in drawn.tolist()]

    def predictions(self, rows: Sequence[RowStep]) -> tuple[Tensor, Tensor]:
        """Run one position of every row; conditional and unconditional logits of those that take part, `[B, K, V]`."""
        logits = self.logits(rows)
        by_slot = logits.view(self._slots, self._guidance_rows, *logits.shape[1:])[[row.slot for row in rows]]
        return with_words(by_slot, [row.sampling.guidance_beta for row in rows]), by_slot[:, -1]

    def logits(self, rows: Sequence[RowStep]) -> Tensor:
        """Run one position of every row; the logits `[G · slots, K, V]` of all of them."""
        codebooks = self._decoder.configuration.codebooks
        tokens = torch.full((self._guidance_rows * self._slots, codebooks), self._pad)
        positions: dict[int, int] = {}
        for row in rows:
            tokens[slot_rows(row.slot, self._guidance_rows)] = torch.tensor(row.tokens)
            positions[row.slot] = self._conditions[row.slot].prefix_length + row.position
        return self._decoder.step(tokens, positions, self._cache)

    def release(self, slot: int) -> None:
        """Let go of what the slot was conditioned on."""
        self._conditions.pop(slot, None)
        rows = slot_rows(slot, self._guidance_rows)
        for row in range(rows.start, rows.stop):
            self._cache.set_cross(row, None)
