"""From logits to tokens: guidance, temperature, top-k, top-p, and noise that is a pure function of its place.

The noise of a token is read from Philox (Salmon et al., 2011) at (seed, step, codebook), so there is no generator state
to save or to share: a request draws the same tokens whatever else runs beside it, and after a resume.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.generation.engine.request import SamplingParameters

_MASK64 = (1 << 64) - 1


def uniform_noise(seed: int, step: int, codebook: int, count: int) -> NDArray[np.float64]:
    """`count` numbers strictly between 0 and 1: the same on every machine for the same arguments."""
    philox = np.random.Philox(key=seed & _MASK64, counter=[0, step, codebook, 0])
    # The raw words are part of numpy's compatibility promise; the distributions of `Generator` are not.
    return (np.asarray(philox.random_raw(count) >> np.uint64(11), np.float64) + 0.5) * 2.0**-53


def gumbel_noise(seed: int, step: int, codebooks: int, vocabulary: int) -> NDArray[np.float32]:
    """Standard Gumbel noise `[K, V]` of one step: the argmax of logits + noise is a draw from their softmax."""
    rows = [uniform_noise(seed, step, codebook, vocabulary) for codebook in range(codebooks)]
    return (-np.log(-np.log(np.stack(rows)))).astype(np.float32)


def guide(conditional: Tensor, unconditional: Tensor, scale: Tensor) -> Tensor:
    """Classifier-free guidance (Ho & Salimans, 2022) over logits `[B, K, V]` with a scale for each row, `[B]`."""
    return unconditional + (conditional - unconditional) * scale[:, None, None]


def with_words(rows: Tensor, betas: Sequence[float]) -> Tensor:
    """What a song's conditional rows say together, `[B, K, V]`, of logits `[B, G, K, V]` whose last row is without.

    Of two rows it is the first. Of three (style and words, style, nothing) it goes from the style to style and words,
    by each song's β: double guidance (Rouard et al., 2024), of which `guide` is the second half.
    """
    full = rows[:, 0]
    if rows.shape[1] == 2 or all(beta == 1.0 for beta in betas):
        return full
    style = rows[:, 1]
    beta = torch.tensor(betas, device=rows.device, dtype=rows.dtype)[:, None, None]
    # A row that is led nowhere stays what it is, to the bit.
    return torch.where(beta == 1.0, full, style + (full - style) * beta)


def restrict(logits: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Keep the `top_k` likeliest tokens of a row, and of those the fewest that reach `top_p`; the rest is −inf.

    `[B, K, V]`, parameters `[B]`; 0 (and 1 for `top_p`) is off. At least one token is always kept.
    """
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    vocabulary = logits.shape[-1]
    rank = torch.arange(vocabulary)
    k = torch.where(top_k <= 0, vocabulary, top_k)[:, None, None]
    p = torch.where((top_p <= 0.0) | (top_p >= 1.0), 2.0, top_p)[:, None, None]
    ordered = ordered.masked_fill(rank >= k, -torch.inf)
    probabilities = ordered.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    ordered = ordered.masked_fill((before >= p) & (rank > 0), -torch.inf)
    return torch.empty_like(logits).scatter_(-1, order, ordered)


def sample(
    conditional: Tensor, unconditional: Tensor, parameters: Sequence[SamplingParameters], steps: Sequence[int]
) -> Tensor:
    """Draw one token for each row and codebook, `[B, K]`, from logits `[B, K, V]`.

    Row i is drawn with `parameters[i]` at step `steps[i]` of its request, independently of the other rows.
    """
    _, codebooks, vocabulary = conditional.shape
    temperature = torch.tensor([1.0 if row.greedy else row.temperature for row in parameters])
    logits = guide(conditional, unconditional, torch.tensor([row.guidance_scale for row in parameters]))
    logits = logits / temperature[:, None, None]
    logits = restrict(
        logits, torch.tensor([row.top_k for row in parameters]), torch.tensor([row.top_p for row in parameters])
    )
    noise = np.zeros((len(parameters), codebooks, vocabulary), np.float32)
    for index, (row, step) in enumerate(zip(parameters, steps, strict=True)):
        if not row.greedy:
            noise[index] = gumbel_noise(row.seed, step, codebooks, vocabulary)
    return (logits + torch.from_numpy(noise)).argmax(dim=-1)
