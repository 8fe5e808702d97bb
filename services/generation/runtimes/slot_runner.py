"""The engine's `StepRunner` over `SlotDecoder`: noise is made on the processor while the GPU computes the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from services.generation.engine.engine import RowStep
from services.generation.engine.request import Condition, SamplingParameters
from services.generation.engine.timeline import Tokens
from services.generation.musicgen.conditioning import SongCondition
from services.generation.musicgen.decoder import slot_rows
from services.generation.musicgen.sampler import gumbel_noise, with_words
from services.generation.runtimes.slot_decoder import SlotDecoder


class SlotRunner:
    """A slot has the rows of one song's guidance. Owned by the engine's thread."""

    def __init__(self, decoder: SlotDecoder, device: torch.device) -> None:
        self._decoder = decoder
        self._device = device
        self._conditions: dict[int, SongCondition] = {}

    def condition(self, slot: int, condition: Condition) -> None:
        """Let the slot be conditioned on this from now on."""
        song = cast("SongCondition", condition)
        self._conditions[slot] = song
        for row, memory in enumerate(song.memories):
            self._decoder.set_cross(self._decoder.configuration.guidance_rows * slot + row, memory)

    def fill_prefix(self, slot: int, first: int, count: int) -> None:
        """Run positions of the condition's prefix."""
        prefix = self._conditions[slot].prefix
        if prefix is None:
            raise RuntimeError("There is no prefix to fill.")
        self._decoder.fill(prefix[:, first : first + count], slot, first)

    def fill(self, slot: int, position: int, tokens: Sequence[Tokens]) -> None:
        """Run inputs `[n, K]` at `position …`."""
        embedded = self._decoder.embed(torch.tensor(tokens))
        first = self._conditions[slot].prefix_length + position
        self._decoder.fill(embedded.expand(self._decoder.configuration.guidance_rows, -1, -1), slot, first)

    def step(self, rows: Sequence[RowStep]) -> list[Tokens]:
        """Run one position of every row and draw."""
        logits = self.logits(rows)
        configuration = self._decoder.configuration
        # The device works through the step meanwhile.
        noise = np.zeros((len(rows), configuration.codebooks, configuration.vocabulary), np.float32)
        for index, row in enumerate(rows):
            if not row.sampling.greedy:
                noise[index] = gumbel_noise(
                    row.sampling.seed, row.noise_step, configuration.codebooks, configuration.vocabulary
                )
        drawn = draw_on_device(logits, [row.sampling for row in rows], torch.from_numpy(noise).to(self._device))
        return [tuple(tokens) for tokens in drawn.tolist()]

    @torch.inference_mode()
    def logits(self, rows: Sequence[RowStep]) -> Tensor:
        """Run one position of every row; logits `[B, G, K, V]` on the device, with all conditions first."""
        configuration = self._decoder.configuration
        used = max(row.slot for row in rows) + 1
        tokens = torch.zeros(used, configuration.codebooks, dtype=torch.long)
        places: list[int | None] = [None] * used
        for row in rows:
            tokens[row.slot] = torch.tensor(row.tokens)
            places[row.slot] = self._conditions[row.slot].prefix_length + row.position
        return self._decoder.step(tokens, places)[[row.slot for row in rows]]

    def release(self, slot: int) -> None:
        """Let go of what the slot was conditioned on."""
        self._conditions.pop(slot, None)
        rows = slot_rows(slot, self._decoder.configuration.guidance_rows)
        for row in range(rows.start, rows.stop):
            self._decoder.set_cross(row, None)


@torch.inference_mode()
def draw_on_device(logits: Tensor, parameters: Sequence[SamplingParameters], noise: Tensor) -> Tensor:
    """Guidance, temperature, top-k, top-p and noise as in `musicgen.sampler.sample`, on the device; tokens `[B, K]`."""

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=logits.device)[:, None, None]

    conditional = with_words(logits, [row.guidance_beta for row in parameters])
    unconditional = logits[:, -1]
    guided = unconditional + (conditional - unconditional) * column([row.guidance_scale for row in parameters])
    guided = guided / column([1.0 if row.greedy else row.temperature for row in parameters])
    vocabulary = guided.shape[-1]
    ordered, order = guided.sort(dim=-1, descending=True, stable=True)
    rank = torch.arange(vocabulary, device=guided.device)
    keep = column([float(row.top_k if row.top_k > 0 else vocabulary) for row in parameters])
    ordered = ordered.masked_fill(rank >= keep, -torch.inf)
    if any(0.0 < row.top_p < 1.0 for row in parameters):
        share = column([row.top_p if 0.0 < row.top_p < 1.0 else 2.0 for row in parameters])
        probabilities = ordered.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        ordered = ordered.masked_fill((before >= share) & (rank > 0), -torch.inf)
    chosen = (ordered + noise.gather(-1, order)).argmax(dim=-1, keepdim=True)
    return order.gather(-1, chosen)[..., 0]
