"""The codec in pieces on OpenVINO against the whole in torch."""

from __future__ import annotations

import threading

import pytest
import torch

from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.openvino_codec import OpenVinoCodec
from services.generation.runtimes.turns import Turns

FRAMES = 117


def codes(channels: int) -> torch.Tensor:
    return torch.randint(64, (4 * channels, FRAMES), generator=torch.Generator().manual_seed(9))


def streamed(codec: OpenVinoCodec, given: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    state, pieces, first = codec.initial_state(), [], 0
    for size in sizes:
        last = first + size >= given.shape[1]
        pieces.append(codec.stream(given[:, first : first + size], state, last))
        first += size
    return torch.cat(pieces, dim=1)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sizes", [[10, 20, 20, 20, 20, 20, 7], [20, 20, 20, 20, 20, 17], [3, 20, 5, 20, 20, 20, 29]])
def test_streamed_equals_whole_within_a_ten_thousandth(sizes: list[int], channels: int, model: MusicGen) -> None:
    given = codes(channels)
    whole = AudioCodec(model.audio_encoder, channels).decode(given)
    made = streamed(OpenVinoCodec(model.audio_encoder, channels, half=False, threads=1), given, sizes)
    assert made.shape == whole.shape
    worst = (made - whole).abs().max().item()
    print(f"\n{channels} channels, {sizes}: {worst:.1e} of {whole.abs().max():.2f}")
    assert worst <= 1e-4


def test_half_precision_errs_by_two_per_cent_at_most(model: MusicGen) -> None:
    whole = AudioCodec(model.audio_encoder, 1).decode(codes(1))
    made = streamed(OpenVinoCodec(model.audio_encoder, 1, half=True, threads=1), codes(1), [10, *[20] * 5, 7])
    error = (made - whole).square().mean().sqrt() / whole.square().mean().sqrt()
    print(f"\nbfloat16: root mean square error {error:.2%}")
    assert 0.0 < error <= 0.02


def test_streams_do_not_hear_each_other(model: MusicGen) -> None:
    codec = OpenVinoCodec(model.audio_encoder, 1, half=False, threads=1)
    given, other = codes(1), codes(1).flip(1)
    alone = streamed(codec, given, [20] * 5 + [17])
    one, two = codec.initial_state(), codec.initial_state()
    pieces = []
    for first in range(0, FRAMES, 20):
        last = first + 20 >= FRAMES
        pieces.append(codec.stream(given[:, first : first + 20], one, last))
        codec.stream(other[:, first : first + 20], two, last)
    assert torch.equal(torch.cat(pieces, dim=1), alone)


@pytest.mark.parametrize("chunk", [0, 2])
def test_chunks_take_turns_with_steps_at_the_edges_too(chunk: int, model: MusicGen) -> None:
    turns = Turns()
    codec = OpenVinoCodec(model.audio_encoder, 1, half=False, threads=1, turns=turns)
    state = codec.initial_state()
    for _ in range(chunk):
        codec.stream(codes(1)[:, :20], state, last=False)
    made: list[torch.Tensor] = []
    thread = threading.Thread(
        target=lambda: made.append(codec.stream(codes(1)[:, :20], state, last=False)), daemon=True
    )
    with turns:
        thread.start()
        while turns.waiting < 2:
            threading.Event().wait(0.001)
        assert not made
    thread.join(30)
    assert len(made) == 1
