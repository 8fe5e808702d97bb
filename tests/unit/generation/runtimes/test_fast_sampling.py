"""Both fast samplers against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generation.engine.request import SamplingParameters
from services.generation.musicgen.sampler import gumbel_noise, sample
from services.generation.runtimes.fast_sampling import draw
from services.generation.runtimes.slot_runner import draw_on_device

VOCABULARY = 40
PARAMETERS = st.builds(
    SamplingParameters,
    seed=st.integers(0, 2**40),
    guidance_scale=st.sampled_from([1.0, 3.0, 7.5]),
    temperature=st.sampled_from([0.0, 1e-46, 1e-9, 1e-5, 0.7, 1.0, 1.3]),
    top_k=st.sampled_from([0, 1, 7, VOCABULARY, 250]),
    top_p=st.sampled_from([0.0, 0.0, 0.6, 1.0]),
)


@settings(max_examples=60)
@given(st.lists(PARAMETERS, min_size=1, max_size=4), st.integers(0, 2**20), st.booleans())
def test_fast_samplers_draw_the_references_tokens(rows: list[SamplingParameters], step: int, with_ties: bool) -> None:
    generator = np.random.default_rng(step)
    conditional, unconditional = generator.standard_normal((2, len(rows), 4, VOCABULARY), dtype=np.float32) * 3
    if with_ties:
        conditional, unconditional = np.round(conditional), np.round(unconditional)
    steps = [step + index for index in range(len(rows))]
    expected = sample(torch.from_numpy(conditional), torch.from_numpy(unconditional), rows, steps).tolist()
    assert [list(tokens) for tokens in draw(conditional, unconditional, rows, steps)] == expected
    noise = np.stack(
        [
            gumbel_noise(row.seed, place, 4, VOCABULARY) * (not row.greedy)
            for row, place in zip(rows, steps, strict=True)
        ]
    ).astype(np.float32)
    logits = torch.from_numpy(np.stack([conditional, unconditional], axis=1))
    assert draw_on_device(logits, rows, torch.from_numpy(noise)).tolist() == expected


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("top_p", [0.0, 0.6])
def test_logits_that_are_no_numbers_cost_their_own_row_and_no_other(spoilt: float, top_p: float) -> None:
    conditional, unconditional = np.random.default_rng(1).standard_normal((2, 3, 4, VOCABULARY), dtype=np.float32)
    rows = [SamplingParameters(seed, top_k=7, top_p=top_p) for seed in range(3)]
    clean = draw(conditional, unconditional, rows, [5, 6, 7])
    conditional[1], unconditional[1] = spoilt, spoilt
    with np.errstate(invalid="ignore"):
        drawn = draw(conditional, unconditional, rows, [5, 6, 7])
    assert [drawn[0], drawn[2]] == [clean[0], clean[2]]
    assert all(0 <= token < VOCABULARY for token in drawn[1])
