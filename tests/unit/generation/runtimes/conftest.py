"""A small model with random weights at dimensions that every runtime takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from services.generation.musicgen.conditioning import Conditioner, SongCondition
from services.generation.musicgen.configuration import (
    ChromaConfiguration,
    CodecConfiguration,
    DecoderConfiguration,
    MusicGenConfiguration,
    TextConfiguration,
)
from services.generation.musicgen.decoder import DecoderCache
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.row_decoder import CrossRow, RowDecoder

TEXT = TextConfiguration(vocabulary=64, hidden_size=16, head_size=8, heads=2, feed_forward_size=32, layers=1)
CODEC = CodecConfiguration(
    sample_rate=32_000,
    channels=1,
    codebook_size=64,
    hidden_size=16,
    filters=4,
    ratios=(8, 5, 4, 4),
    lstm_layers=2,
)


def build(prefix: int = 0, channels: int = 1) -> MusicGen:
    """A model whose weights have a spread at which every layer matters."""
    decoder = DecoderConfiguration(
        codebooks=4 * channels,
        vocabulary=64,
        hidden_size=128,
        heads=2,
        feed_forward_size=256,
        layers=2,
        max_positions=120,
        prefix_positions=prefix,
        channels=channels,
    )
    chroma = ChromaConfiguration(frames=10) if prefix else None
    torch.manual_seed(3)
    model = MusicGen(MusicGenConfiguration(TEXT, decoder, CODEC, chroma)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "codebook" not in name:
                parameter.normal_(0.0, 1.0 if "embed" in name or "shared" in name else parameter.shape[1] ** -0.5)
            elif "codebook" in name:
                parameter.normal_(0.0, 1.0)
    return model


def condition(model: MusicGen, prompt: str, negative: str = "") -> SongCondition:
    """A prompt as the runners take it."""
    return Conditioner(model, HashTokenizer(TEXT.vocabulary)).conditions([prompt], negative)[0]


def give(decoder: RowDecoder, cache: DecoderCache, slot: int, song: SongCondition) -> None:
    """Condition a slot's two rows, in both decoders."""
    for row, memory in enumerate(song.memories):
        cache.set_cross(2 * slot + row, memory)
        cross = None if memory is None else CrossRow(memory.keys.detach().numpy(), memory.values.detach().numpy())
        decoder.set_cross(2 * slot + row, cross)


@pytest.fixture(autouse=True)
def _reference_on_one_thread() -> Iterator[None]:
    """These tensors are small: torch's threads would only wait for each other, and for cores that others use."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def model() -> MusicGen:
    """Text-conditioned, mono."""
    return build()


@pytest.fixture(scope="session")
def melody_model() -> MusicGen:
    """Prefix instead of cross-attention."""
    return build(prefix=40)
