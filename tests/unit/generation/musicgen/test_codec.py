"""The codec's incremental decoding is exact."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from services.generation.musicgen.codec import Codec
from services.generation.musicgen.codec_layers import Convolution, Upsampling, reflect
from services.generation.musicgen.configuration import CodecConfiguration

CODEC = Codec(
    CodecConfiguration(
        sample_rate=32_000, channels=2, codebook_size=16, hidden_size=8, filters=4, ratios=(4, 3), residual_layers=2
    ),
    codebooks=3,
)
for seed, parameter in enumerate(CODEC.parameters()):
    parameter.requires_grad_(False).normal_(std=0.2, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(1, 60), cuts=st.lists(st.integers(0, 60), max_size=12), seed=st.integers(0, 9))
def test_streamed_equals_whole_however_it_is_cut(frames: int, cuts: list[int], seed: int) -> None:
    codes = torch.randint(16, (3, frames), generator=torch.Generator().manual_seed(seed))
    state = CODEC.initial_state()
    edges = [0, *sorted(min(cut, frames) for cut in cuts), frames]
    pieces = [CODEC.stream(codes[:, a:b], state, last=False) for a, b in itertools.pairwise(edges)]
    pieces.append(CODEC.stream(codes[:, :0], state, last=True))
    streamed = torch.cat(pieces, dim=-1)
    whole = CODEC.decode(codes)
    assert streamed.shape == whole.shape == (2, frames * 12)
    assert (streamed - whole).abs().max() <= 1e-4


def test_streams_do_not_share_state() -> None:
    codes = torch.randint(16, (3, 30), generator=torch.Generator().manual_seed(1))
    mine, other = CODEC.initial_state(), CODEC.initial_state()
    pieces = []
    for start in range(0, 30, 10):
        pieces.append(CODEC.stream(codes[:, start : start + 10], mine, last=start == 20))
        CODEC.stream(codes.flip(1)[:, start : start + 10], other, last=False)
    assert (torch.cat(pieces, dim=-1) - CODEC.decode(codes)).abs().max() <= 1e-4


def test_only_a_few_frames_are_held_back() -> None:
    audio = CODEC.stream(torch.zeros(3, 20, dtype=torch.long), CODEC.initial_state(), last=False)
    assert audio.shape[-1] >= 14 * 12


def test_empty_stream_is_empty() -> None:
    audio = CODEC.stream(torch.zeros(3, 0, dtype=torch.long), CODEC.initial_state(), last=True)
    assert audio.shape == (2, 0)


def test_frame_is_the_sum_of_its_codes_vectors() -> None:
    codes = torch.tensor([[3], [1], [15]])
    expected = sum(layer.codebook.embed[code] for layer, code in zip(CODEC.quantizer.layers, (3, 1, 15), strict=True))
    assert torch.allclose(CODEC.quantizer(codes)[0, :, 0], expected)  # type: ignore[arg-type]


def test_edges_are_reflected_without_repeating_the_edge() -> None:
    assert reflect(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]), 2, 1).tolist() == [[[3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0]]]


def test_what_is_shorter_than_its_reflection_is_extended_by_zeros() -> None:
    assert reflect(torch.tensor([[[1.0, 2.0]]]), 3, 3).shape[-1] == 8


@pytest.mark.parametrize("dilation", [1, 4])
def test_convolution_keeps_the_length(dilation: int) -> None:
    layer = Convolution(2, 3, 7, dilation)
    x = torch.randn(1, 2, 50)
    span = 6 * dilation
    padded = functional.pad(x, (span - span // 2, span // 2), mode="reflect")
    assert torch.allclose(layer(x), layer.conv(padded))
    assert layer(x).shape[-1] == 50


def test_upsampling_multiplies_the_length() -> None:
    assert Upsampling(2, 3, 5)(torch.randn(1, 2, 9)).shape[-1] == 45
