"""The Wiener filter sums to the mix and makes rough estimates better."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.separation.spectral_stream import analyse
from services.processing.separation.wiener import WienerFilter

RATE = 44_100


def _spectrum(sound: np.ndarray) -> torch.Tensor:
    return analyse(torch.from_numpy(sound.astype(np.float32)), torch.hann_window(2_048), 512)


def _sdr(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    return float(10 * torch.log10((truth.abs() ** 2).sum() / ((estimate - truth).abs() ** 2).sum()))


def test_rough_estimates_of_two_panned_sources_get_better_by_three_decibels() -> None:
    noise = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 220 * t) * (np.sin(2 * np.pi * 2 * t) > 0) * np.array([[0.5], [0.15]])
    hiss = noise.standard_normal((2, len(t))) * np.array([[0.05], [0.1]])
    a, b = _spectrum(tone), _spectrum(hiss)
    rough = torch.stack((0.8 * a + 0.2 * b, 0.3 * a + 0.7 * b))
    refined = WienerFilter().refine(rough, a + b)
    assert _sdr(refined[0], a) > _sdr(rough[0], a) + 3
    assert _sdr(refined[1], b) > _sdr(rough[1], b) + 3


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(0, 2**31), st.sampled_from([1e-6, 1.0, 100.0]))
def test_refined_stems_always_sum_to_the_mix(sources: int, seed: int, level: float) -> None:
    torch.manual_seed(seed)
    filter_ = WienerFilter()
    for _ in range(2):
        mix = torch.randn(2, 9, 7, dtype=torch.complex64) * level
        refined = filter_.refine(torch.randn(sources, 2, 9, 7, dtype=torch.complex64) * level, mix)
        torch.testing.assert_close(refined.sum(dim=0), mix, atol=2e-6 * level, rtol=1e-4)


def test_silence_stays_silence() -> None:
    nothing = torch.zeros(3, 2, 9, 7, dtype=torch.complex64)
    assert not WienerFilter().refine(nothing, nothing[0]).abs().any()
