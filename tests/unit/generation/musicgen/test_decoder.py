"""The language model's cached step against a plain recomputation of the whole sequence."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from services.generation.models import debug
from services.generation.musicgen.configuration import TextConfiguration
from services.generation.musicgen.decoder import Decoder, DecoderCache, sinusoidal_positions
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer, relative_buckets


@pytest.fixture(scope="module")
def model() -> MusicGen:
    return debug.build()


def heads_of(x: Tensor, heads: int) -> Tensor:
    return x.view(x.shape[0], heads, -1).transpose(0, 1)


def plain_attention(module: object, x: Tensor, memory: Tensor, heads: int, causal: bool) -> Tensor:
    """torch's own attention over `[T, d]`."""
    q, k, v = module.q_proj(x), module.k_proj(memory), module.v_proj(memory)  # type: ignore[attr-defined]
    mixed = functional.scaled_dot_product_attention(
        heads_of(q, heads)[None], heads_of(k, heads)[None], heads_of(v, heads)[None], is_causal=causal
    )[0]
    return module.out_proj(mixed.transpose(0, 1).reshape(x.shape))  # type: ignore[attr-defined, no-any-return]


@torch.inference_mode()
def plain_logits(decoder: Decoder, tokens: Tensor, memory: Tensor) -> Tensor:
    """Logits `[T, K, V]` of a whole sequence `[T, K]`, with the layers' weights and no cache."""
    configuration, stack = decoder.configuration, decoder.model.decoder
    x = sum(embed(tokens[:, k]) for k, embed in enumerate(stack.embed_tokens)) + stack.positions[: len(tokens)]
    for layer in stack.layers:
        normed = layer.self_attn_layer_norm(x)
        x = x + plain_attention(layer.self_attn, normed, normed, configuration.heads, causal=True)
        normed = layer.encoder_attn_layer_norm(x)
        x = x + plain_attention(layer.encoder_attn, normed, memory, configuration.heads, causal=False)
        x = x + layer.fc2(functional.gelu(layer.fc1(layer.final_layer_norm(x))))
    x = stack.layer_norm(x)
    return torch.stack([head(x) for head in decoder.lm_heads], dim=1)


def test_rows_at_different_positions_equal_the_whole_sequence_each(model: MusicGen) -> None:
    decoder = model.decoder
    conditioner = model.conditioner(HashTokenizer(model.configuration.text))
    cache = DecoderCache.empty(model.configuration.decoder, 2, model.configuration.text.max_tokens)
    memories = []
    for index, prompt in enumerate(["slow strings", "a very fast drum solo with brass"]):
        states, mask = conditioner(prompt)
        decoder.condition(cache, index, states, mask)
        memories.append(states[mask])
    tokens = torch.randint(128, (2, 12, 4), generator=torch.Generator().manual_seed(4))
    late = 5
    answers: list[list[Tensor]] = [[], []]
    for turn in range(12 + late):
        first, second = min(turn, 11), min(max(turn - late, 0), 11)
        now = torch.stack([tokens[0, first], tokens[1, second]])
        logits = decoder.step(now, torch.tensor([first, second]), cache)
        if turn < 12:
            answers[0].append(logits[0])
        if turn >= late:
            answers[1].append(logits[1])
    for index in range(2):
        expected = plain_logits(decoder, tokens[index], memories[index])
        assert torch.allclose(torch.stack(answers[index]), expected, atol=1e-4)


def test_row_without_conditioning_reads_zeros(model: MusicGen) -> None:
    decoder = model.decoder
    cache = DecoderCache.empty(model.configuration.decoder, 1, 4)
    decoder.condition(cache, 0, torch.ones(4, 64), torch.ones(4, dtype=torch.bool))
    decoder.condition(cache, 0, None, None)
    tokens = torch.zeros(1, 4, dtype=torch.long)
    logits = decoder.step(tokens, torch.zeros(1, dtype=torch.long), cache)
    assert torch.allclose(logits, plain_logits(decoder, tokens, torch.zeros(4, 64)), atol=1e-5)


def test_positions_are_cosines_then_sines() -> None:
    table = sinusoidal_positions(10, 8)
    assert table[0].tolist() == [1.0] * 4 + [0.0] * 4
    assert table[3, 0].item() == pytest.approx(math.cos(3), abs=1e-6)
    assert table[3, 7].item() == pytest.approx(math.sin(3 / 10_000), abs=1e-6)


def test_weights_are_the_same_at_every_build(model: MusicGen) -> None:
    again = debug.build().state_dict()
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())


def test_names_are_those_of_the_transformers_layout(model: MusicGen) -> None:
    names = set(model.state_dict())
    assert {
        "text_encoder.shared.weight",
        "text_encoder.encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        "text_encoder.encoder.block.0.layer.1.DenseReluDense.wi.weight",
        "enc_to_dec_proj.weight",
        "decoder.model.decoder.embed_tokens.3.weight",
        "decoder.model.decoder.layers.1.self_attn.q_proj.weight",
        "decoder.model.decoder.layers.1.encoder_attn_layer_norm.weight",
        "decoder.model.decoder.layers.0.fc1.weight",
        "decoder.lm_heads.0.weight",
        "audio_encoder.quantizer.layers.0.codebook.embed",
        "audio_encoder.decoder.layers.0.conv.weight",
        "audio_encoder.decoder.layers.1.lstm.weight_ih_l0",
        "audio_encoder.decoder.layers.3.conv.weight",
        "audio_encoder.decoder.layers.4.block.1.conv.weight",
        "audio_encoder.decoder.layers.15.conv.weight",
    } <= names


def test_tokenizer_is_bounded_and_ends_with_the_end_token() -> None:
    configuration = TextConfiguration(64, 8, 4, 2, 16, 1, max_tokens=6)
    ids = HashTokenizer(configuration).encode("one two three four five six seven 🎹")
    assert len(ids) == 6
    assert ids[-1] == 1
    assert all(2 <= token < 64 for token in ids[:-1])


def test_relative_buckets_tell_direction_and_saturate() -> None:
    buckets = relative_buckets(300, 32, 128)
    assert buckets[10, 10].item() == 0
    assert buckets[10, 9].item() == 1
    assert buckets[10, 11].item() == 17
    assert buckets[299, 0].item() == 15
    assert buckets[0, 299].item() == 31


def test_conditioning_of_padding_is_zero(model: MusicGen) -> None:
    states, mask = model.conditioner(HashTokenizer(model.configuration.text))("two words")
    assert mask.sum().item() == 3
    assert states[~mask].abs().max().item() == 0.0
