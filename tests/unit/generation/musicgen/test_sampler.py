"""Sampling: restriction, guidance and noise that has no state."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generation.engine.request import SamplingParameters
from services.generation.musicgen.sampler import guide, gumbel_noise, restrict, sample, uniform_noise

_M64 = (1 << 64) - 1


def reference_philox(key: int, counter: int) -> list[int]:
    """Philox4x64-10 as written in Salmon et al. 2011: four words of one counter."""
    c = [(counter >> (64 * i)) & _M64 for i in range(4)]
    k = [key & _M64, 0]
    for turn in range(10):
        if turn:
            k = [(k[0] + 0x9E3779B97F4A7C15) & _M64, (k[1] + 0xBB67AE8584CAA73B) & _M64]
        low, high = c[0] * 0xD2E7470EE14C6C93, c[2] * 0xCA5A826395121157
        c = [(high >> 64) ^ c[1] ^ k[0], high & _M64, (low >> 64) ^ c[3] ^ k[1], low & _M64]
    return c


def test_reference_is_the_papers_own_known_answer() -> None:
    assert reference_philox(0, 0) == [
        0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B,
    ]  # fmt: skip


@given(seed=st.integers(0, 2**63 - 1), step=st.integers(0, 10_000), codebook=st.integers(0, 7))
@settings(max_examples=25)
def test_noise_is_philox_at_seed_step_and_codebook(seed: int, step: int, codebook: int) -> None:
    counter = (step << 64) | (codebook << 128)
    words = reference_philox(seed, counter + 1) + reference_philox(seed, counter + 2)
    expected = [((word >> 11) + 0.5) * 2.0**-53 for word in words]
    assert uniform_noise(seed, step, codebook, 8).tolist() == expected


def test_noise_is_always_finite() -> None:
    assert np.isfinite(gumbel_noise(3, 5, 4, 2048)).all()


def row(*values: float) -> torch.Tensor:
    return torch.tensor([[list(values)]])


def kept(logits: torch.Tensor, top_k: int = 0, top_p: float = 0.0) -> list[int]:
    left = restrict(logits, torch.tensor([top_k]), torch.tensor([top_p]))
    return torch.isfinite(left[0, 0]).nonzero().flatten().tolist()


def test_top_k_keeps_the_likeliest() -> None:
    assert kept(row(1.0, 4.0, 2.0, 3.0), top_k=2) == [1, 3]


def test_top_k_beyond_the_vocabulary_and_zero_keep_everything() -> None:
    assert kept(row(1.0, 4.0, 2.0), top_k=250) == [0, 1, 2]
    assert kept(row(1.0, 4.0, 2.0)) == [0, 1, 2]


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    logits = torch.log(torch.tensor([[[0.1, 0.5, 0.15, 0.25]]]))
    assert kept(logits, top_p=0.5) == [1]
    assert kept(logits, top_p=0.6) == [1, 3]
    assert kept(logits, top_p=1.0) == [0, 1, 2, 3]


@given(top_p=st.floats(1e-9, 1.0), top_k=st.integers(0, 9), seed=st.integers(0, 100))
def test_something_is_always_kept(top_p: float, top_k: int, seed: int) -> None:
    logits = torch.randn(1, 1, 8, generator=torch.Generator().manual_seed(seed)) * 10
    assert logits[0, 0].argmax().item() in kept(logits, top_k, top_p)


def test_guidance_of_one_is_the_conditional_and_of_zero_the_other() -> None:
    conditional, unconditional = row(1.0, 2.0), row(-1.0, 5.0)
    assert torch.equal(guide(conditional, unconditional, torch.tensor([1.0])), conditional)
    assert torch.equal(guide(conditional, unconditional, torch.tensor([0.0])), unconditional)
    assert torch.equal(guide(conditional, unconditional, torch.tensor([3.0])), row(5.0, -4.0))


def test_temperature_zero_takes_the_likeliest() -> None:
    logits = row(0.1, 0.3, 0.2)
    tokens = sample(logits, torch.zeros_like(logits), [SamplingParameters(1, temperature=0.0)], [0])
    assert tokens.tolist() == [[1]]


def test_draws_follow_the_softmax() -> None:
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    logits = torch.log(torch.tensor(probabilities, dtype=torch.float32)).expand(1, 4, 4)
    counts = np.zeros(4)
    for step in range(2000):
        for token in sample(logits, logits, [SamplingParameters(9)], [step])[0].tolist():
            counts[token] += 1
    expected = probabilities * counts.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 16.27  # chi-squared, 3 degrees of freedom, p = 0.001


@pytest.mark.parametrize("other", [SamplingParameters(5), SamplingParameters(6, temperature=0.0, top_k=1)])
def test_row_is_drawn_independently_of_its_neighbours(other: SamplingParameters) -> None:
    logits = torch.randn(2, 4, 64, generator=torch.Generator().manual_seed(0))
    mine = SamplingParameters(3, top_k=20, top_p=0.9)
    alone = sample(logits[:1], torch.zeros(1, 4, 64), [mine], [17])
    beside = sample(logits, torch.zeros(2, 4, 64), [mine, other], [17, 3])
    assert torch.equal(alone[0], beside[0])
