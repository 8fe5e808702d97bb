"""Everything of the engine that touches tensors: conditioning, the caches of the slots, the decoder step and sampling.

A slot has two rows: with the prompt (2 · slot) and without or with the negative one (2 · slot + 1), for guidance. Each
step computes all rows of all slots in one fixed shape, so that a request's tokens are bitwise the same whatever else is
running.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from services.generation.engine.request import EngineRequest, SamplingParameters
from services.generation.musicgen.decoder import DecoderCache
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.sampler import sample
from services.generation.musicgen.text_conditioner import TextConditioner

_IDLE = SamplingParameters(seed=0, temperature=0.0)


class Runner:
    """Runs the requests that the scheduler names, each in its slot. Owned by the engine's thread."""

    def __init__(self, model: MusicGen, conditioner: TextConditioner, slots: int) -> None:
        self._model = model
        self._conditioner = conditioner
        self._slots = slots
        configuration = model.configuration
        self._pad = configuration.decoder.pad_token
        self._cache = DecoderCache.empty(configuration.decoder, 2 * slots, configuration.text.max_tokens)
        self._tokens = torch.full((slots, configuration.decoder.codebooks), self._pad)

    def admit(self, request: EngineRequest) -> None:
        """Prepare a slot for the request that was just given it."""
        slot = self._slot(request)
        decoder = self._model.decoder
        decoder.condition(self._cache, 2 * slot, *self._conditioner(request.prompt))
        if request.negative_prompt:
            decoder.condition(self._cache, 2 * slot + 1, *self._conditioner(request.negative_prompt))
        else:
            decoder.condition(self._cache, 2 * slot + 1, None, None)
        self._tokens[slot] = self._pad

    def step(self, requests: Sequence[EngineRequest]) -> list[tuple[int, ...]]:
        """Run one step; the tokens `[K]` of each request, in the given order."""
        positions = torch.zeros(self._slots, dtype=torch.long)
        parameters = [_IDLE] * self._slots
        for request in requests:
            slot = self._slot(request)
            positions[slot] = request.step
            parameters[slot] = request.sampling
        logits = self._model.decoder.step(
            self._tokens.repeat_interleave(2, dim=0), positions.repeat_interleave(2), self._cache
        )
        drawn = sample(logits[0::2], logits[1::2], parameters, positions.tolist())
        longest = self._model.pattern.longest
        answers = []
        for request in requests:
            slot = self._slot(request)
            live = torch.tensor(self._model.pattern.live(request.step, request.steps - longest))
            self._tokens[slot] = torch.where(live, drawn[slot], self._pad)
            answers.append(tuple(self._tokens[slot].tolist()))
        return answers

    @staticmethod
    def _slot(request: EngineRequest) -> int:
        if request.slot is None:
            raise RuntimeError(f"The request {request.id} has no slot.")
        return request.slot
