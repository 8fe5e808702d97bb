"""The sampler's common case without sorting: the same tokens as `musicgen.sampler.sample`, several times faster.

A step of eight songs draws 32 tokens from 2,048 candidates each. Sorting them costs more than a third of a millisecond
a song; finding the k-th largest does not, and noise is only needed for the k that are left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from services.generation.engine.request import SamplingParameters
from services.generation.engine.timeline import Tokens
from services.generation.musicgen.sampler import sample, uniform_noise


def draw(
    conditional: NDArray[np.float32],
    unconditional: NDArray[np.float32],
    parameters: Sequence[SamplingParameters],
    steps: Sequence[int],
) -> list[Tokens]:
    """One token for each row and codebook from logits `[B, K, V]`; row i with `parameters[i]` at its song's step."""
    if any(0.0 < row.top_p < 1.0 for row in parameters):
        drawn = sample(torch.from_numpy(conditional), torch.from_numpy(unconditional), parameters, steps)
        return [tuple(tokens) for tokens in drawn.tolist()]
    return [
        _row(conditional[index], unconditional[index], row, step)
        for index, (row, step) in enumerate(zip(parameters, steps, strict=True))
    ]


def _row(
    conditional: NDArray[np.float32], unconditional: NDArray[np.float32], row: SamplingParameters, step: int
) -> Tokens:
    logits = unconditional + (conditional - unconditional) * np.float32(row.guidance_scale)
    if row.greedy:
        return tuple(logits.argmax(axis=-1).tolist())
    logits = logits / np.float32(row.temperature)
    vocabulary = logits.shape[-1]
    keep = vocabulary if row.top_k <= 0 else min(row.top_k, vocabulary)
    thresholds = np.partition(logits, vocabulary - keep, axis=-1)[:, vocabulary - keep]
    tokens = []
    for codebook, (scores, threshold) in enumerate(zip(logits, thresholds, strict=True)):
        if np.isnan(threshold):
            # A model that computes no numbers spoils its own song; the batch is everybody's.
            tokens.append(int(scores.argmax()))
            continue
        kept = np.flatnonzero(scores >= threshold)
        if len(kept) > keep:
            # Equal scores at the edge: the first ones stay, as in a stable sort.
            equal = kept[scores[kept] == threshold]
            kept = np.setdiff1d(kept, equal[len(equal) - (len(kept) - keep) :], assume_unique=True)
        uniform = uniform_noise(row.seed, step, codebook, vocabulary)[kept]
        noise = (-np.log(-np.log(uniform))).astype(np.float32)
        tokens.append(int(kept[(scores[kept] + noise).argmax()]))
    return tuple(tokens)
