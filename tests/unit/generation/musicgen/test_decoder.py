"""The language model's cached step against a plain recomputation of the whole sequence."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from services.generation.models import debug
from services.generation.musicgen.conditioning import Conditioner
from services.generation.musicgen.decoder import Decoder, DecoderCache, sinusoidal_positions
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer, relative_buckets

TOKENIZER = HashTokenizer(debug.CONFIGURATION.text.vocabulary)


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


def test_slots_at_different_positions_equal_the_whole_sequence_each(model: MusicGen) -> None:
    decoder = model.decoder
    conditioner = Conditioner(model, TOKENIZER)
    cache = DecoderCache.empty(decoder.configuration, 4)
    memories = [conditioner.text(prompt) for prompt in ("slow strings", "a very fast drum solo with brass")]
    for slot, states in enumerate(memories):
        cache.set_cross(2 * slot, decoder.cross_memory(states))
    tokens = torch.randint(128, (2, 12, 4), generator=torch.Generator().manual_seed(4))
    late = 5
    answers: list[list[Tensor]] = [[], [], [], []]
    for turn in range(12 + late):
        positions = {slot: turn - late * slot for slot in range(2) if 0 <= turn - late * slot < 12}
        now = torch.zeros(4, 4, dtype=torch.long)
        for slot, position in positions.items():
            now[2 * slot : 2 * slot + 2] = tokens[slot, position]
        logits = decoder.step(now, positions, cache)
        for slot in positions:
            answers[2 * slot].append(logits[2 * slot])
            answers[2 * slot + 1].append(logits[2 * slot + 1])
    for slot in range(2):
        expected = plain_logits(decoder, tokens[slot], memories[slot])
        assert torch.allclose(torch.stack(answers[2 * slot]), expected, atol=1e-4)
        without = plain_logits(decoder, tokens[slot], torch.zeros(1, 64))
        assert torch.allclose(torch.stack(answers[2 * slot + 1]), without, atol=1e-4)


def test_positions_that_were_filled_in_chunks_equal_those_that_were_stepped(model: MusicGen) -> None:
    decoder = model.decoder
    states = Conditioner(model, TOKENIZER).text("slow strings")
    tokens = torch.randint(128, (21, 4), generator=torch.Generator().manual_seed(4))
    cache = DecoderCache.empty(decoder.configuration, 4)
    cache.set_cross(2, decoder.cross_memory(states))
    for first, after in ((0, 1), (1, 8), (8, 20)):
        decoder.fill(decoder.embed(tokens[first:after]).expand(2, -1, -1), 1, first, cache)
    logits = decoder.step(tokens[20].expand(4, -1), {1: 20}, cache)
    assert torch.allclose(logits[2], plain_logits(decoder, tokens, states)[-1], atol=1e-4)


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


def test_tokenizer_ends_with_the_end_token() -> None:
    ids = HashTokenizer(64).encode("one two three four five six seven 🎹")
    assert len(ids) == 9
    assert ids[-1] == 1
    assert all(2 <= token < 64 for token in ids[:-1])


def test_relative_buckets_tell_direction_and_saturate() -> None:
    buckets = relative_buckets(300, 32, 128)
    assert buckets[10, 10].item() == 0
    assert buckets[10, 9].item() == 1
    assert buckets[10, 11].item() == 17
    assert buckets[299, 0].item() == 15
    assert buckets[0, 299].item() == 31


def test_prompt_of_any_length_is_taken_and_a_too_long_one_keeps_its_end_token(model: MusicGen) -> None:
    conditioner = Conditioner(model, TOKENIZER)
    longest = model.configuration.text.max_tokens
    assert len(conditioner.text("two words")) == 3
    assert len(conditioner.text("word " * 1000)) == longest
    exact = conditioner.text("word " * (longest - 1))
    assert torch.equal(conditioner.text("word " * 1000), exact)
