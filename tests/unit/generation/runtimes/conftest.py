"""A small model with random weights at dimensions that every runtime takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from services.generation.musicgen.conditioning import Conditioner, SongCondition
from services.generation.musicgen.configuration import (
    ChromaConfiguration,
    CodecConfiguration,
    DecoderConfiguration,
    MertConfiguration,
    MusicGenConfiguration,
    StyleConfiguration,
    TextConfiguration,
)
from services.generation.musicgen.decoder import DecoderCache
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.decode_attention import DecodeAttention
from services.generation.runtimes.row_decoder import CrossRow, RowDecoder
from services.generation.runtimes.slot_decoder import SlotDecoder

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
STYLE = StyleConfiguration(
    MertConfiguration(16, 2, 1, 32, widths=(8, 8), kernels=(20, 16), strides=(20, 16), position_kernel=8),
    hidden_size=16,
    heads=2,
    layers=1,
    feed_forward_size=32,
    codebook_size=32,
)


def build(
    prefix: int = 0,
    channels: int = 1,
    *,
    styled: bool = False,
    hidden_size: int = 128,
    heads: int = 2,
    feed_forward_size: int = 256,
    layers: int = 2,
) -> MusicGen:
    """A model whose weights have a spread at which every layer matters."""
    decoder = DecoderConfiguration(
        codebooks=4 * channels,
        vocabulary=64,
        hidden_size=hidden_size,
        heads=heads,
        feed_forward_size=feed_forward_size,
        layers=layers,
        max_positions=120,
        prefix_positions=prefix,
        channels=channels,
        guidance_rows=3 if styled else 2,
    )
    chroma = ChromaConfiguration(frames=10) if prefix and not styled else None
    torch.manual_seed(3)
    model = MusicGen(MusicGenConfiguration(TEXT, decoder, CODEC, chroma, STYLE if styled else None)).eval()
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


def in_the_manner(model: MusicGen, prompt: str, seed: int, negative: str = "") -> SongCondition:
    """A prompt with a style, drawn by a seed."""
    style = torch.randn(5, model.configuration.decoder.hidden_size, generator=torch.Generator().manual_seed(seed))
    return Conditioner(model, HashTokenizer(TEXT.vocabulary)).conditions([prompt], negative, style=style)[0]


def give(decoder: RowDecoder, cache: DecoderCache, slot: int, song: SongCondition) -> None:
    """Condition a slot's two rows, in both decoders."""
    for row, memory in enumerate(song.memories):
        cache.set_cross(2 * slot + row, memory)
        cross = None if memory is None else CrossRow(memory.keys.detach().numpy(), memory.values.detach().numpy())
        decoder.set_cross(2 * slot + row, cross)


def conditioned(model: MusicGen, decoder: RowDecoder) -> DecoderCache:
    """Two songs in the first four of six rows; the torch decoder's cache."""
    cache = DecoderCache.empty(model.configuration.decoder, 6)
    give(decoder, cache, 0, condition(model, "slow piano"))
    give(decoder, cache, 1, condition(model, "loud guitar over fast drums", "voices"))
    return cache


def worst_of_ragged_rows(model: MusicGen, decoder: RowDecoder, name: object) -> float:
    """Songs that join and leave for seventy steps: how far logits ever are from the torch decoder's; printed."""
    cache = conditioned(model, decoder)
    generator = torch.Generator().manual_seed(5)
    worst = 0.0
    for step in range(70):
        places = {slot: step - joined for slot, joined in ((0, 0), (1, 13), (2, 40)) if step >= joined}
        if step == 40:
            give(decoder, cache, 2, condition(model, "strings"))
        if step >= 55:
            places.pop(1)
        tokens = torch.randint(65, (3, 4), generator=generator).repeat_interleave(2, dim=0)
        expected = model.decoder.step(tokens, places, cache)
        rows = [row for slot in places for row in (2 * slot, 2 * slot + 1)]
        embedded = decoder.embed(tokens[rows].numpy())[:, None]
        logits = decoder.run(rows, embedded, [places[row // 2] for row in rows])[:, 0]
        worst = max(worst, float(np.abs(logits - expected[rows].numpy()).max()))
    print(f"\n{name}: worst error {worst:.2e} of logits up to {expected.abs().max():.1f}")
    return worst


def worst_of_ragged_slots(model: MusicGen, attention: DecodeAttention) -> float:
    """How far logits of slots at places of their own ever are from those with torch's attention; slot 1 is idle.

    The songs have prompts of different lengths, of which one outgrows the room for them; one begins, one ends.
    """
    device = torch.device("cpu")
    decoders = [SlotDecoder(model.decoder, 3, device, torch.float32) for _ in range(2)]
    decoders[1].attention = attention
    songs = {0: condition(model, "slow piano"), 2: condition(model, "loud guitar " * 20, "voices")}
    generator = torch.Generator().manual_seed(5)
    last = model.configuration.decoder.cache_positions - 1
    embedded = torch.randn(2, last - 2, model.configuration.decoder.hidden_size, generator=generator)
    off = []
    for decoder in decoders:
        for slot, song in songs.items():
            for row, memory in enumerate(song.memories):
                decoder.set_cross(2 * slot + row, memory)
        decoder.fill(embedded, 2, 0)
    for step in range(3):
        tokens = torch.randint(65, (3, 4), generator=generator)
        usual, other = (decoder.step(tokens, [step, None, last - 2 + step]) for decoder in decoders)
        off += [(other[slot] - usual[slot]).abs().max() for slot in songs]
    # Of tensors: what is not a number stays the worst.
    worst = torch.stack(off).max().item()
    print(f"\n{attention.name}: worst error {worst:.1e} of logits up to {usual.abs().max():.1f}")
    return worst


@pytest.fixture(scope="session")
def model() -> MusicGen:
    """Text-conditioned, mono."""
    return build()


@pytest.fixture(scope="session")
def melody_model() -> MusicGen:
    """Prefix instead of cross-attention."""
    return build(prefix=40)


@pytest.fixture(scope="session")
def style_model() -> MusicGen:
    """Prefix instead of cross-attention, and three rows a song."""
    return build(prefix=40, styled=True)
