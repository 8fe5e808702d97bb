"""The language model over codec tokens, one step at a time over a fixed set of rows.

Every row is an independent stream at a position of its own; a step always computes all rows in the same shape, so a
row's numbers do not depend on what the others hold. Keys and values lie in caches of fixed size. Modules are named as
in transformers' MusicGen (`model.decoder.layers.0.self_attn.q_proj` …), so that its weights load by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from services.generation.musicgen.configuration import DecoderConfiguration


def sinusoidal_positions(count: int, size: int) -> Tensor:
    """Position embeddings `[count, size]`: cosines, then sines (Vaswani et al., 2017, in tensor2tensor's order)."""
    half = size // 2
    frequencies = torch.exp(torch.arange(half) * (-math.log(10_000.0) / (half - 1)))
    angles = torch.arange(count)[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


@dataclass(slots=True)
class DecoderCache:
    """What rows remember, for every layer: `self_*` `[L, R, heads, positions, head]`, `cross_*` `[L, R, heads, S,
    head]`.

    `cross_mask` `[R, S]` says which conditioning positions are real; a row without conditioning reads zeros.
    """

    self_keys: Tensor
    self_values: Tensor
    cross_keys: Tensor
    cross_values: Tensor
    cross_mask: Tensor

    @classmethod
    def empty(cls, configuration: DecoderConfiguration, rows: int, conditioning_length: int) -> DecoderCache:
        """Caches of `rows` rows, all zero."""
        layers, heads, head = configuration.layers, configuration.heads, configuration.head_size
        return cls(
            self_keys=torch.zeros(layers, rows, heads, configuration.max_positions, head),
            self_values=torch.zeros(layers, rows, heads, configuration.max_positions, head),
            cross_keys=torch.zeros(layers, rows, heads, conditioning_length, head),
            cross_values=torch.zeros(layers, rows, heads, conditioning_length, head),
            cross_mask=torch.ones(rows, conditioning_length, dtype=torch.bool),
        )


class Attention(nn.Module):
    """Multi-head attention of one query a row over keys and values that lie in a cache."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        size = configuration.hidden_size
        self._heads = configuration.heads
        self._scale = configuration.head_size**-0.5
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size, bias=False)
        self.out_proj = nn.Linear(size, size, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of `[N, S, d]`, each `[N, heads, S, head]`."""
        rows, length, _ = x.shape
        keys = self.k_proj(x).view(rows, length, self._heads, -1).transpose(1, 2)
        values = self.v_proj(x).view(rows, length, self._heads, -1).transpose(1, 2)
        return keys, values

    def attend(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Query `[R, d]` over `[R, heads, S, head]`; `mask` `[R, S]` marks what may be read, at least one a row."""
        rows = x.shape[0]
        query = (self.q_proj(x) * self._scale).view(rows, self._heads, 1, -1)
        scores = (query @ keys.transpose(-1, -2)).masked_fill(~mask[:, None, None, :], -torch.inf)
        out: Tensor = self.out_proj((scores.softmax(dim=-1) @ values).reshape(rows, -1))
        return out


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward, each after a norm and around a residual."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        size = configuration.hidden_size
        self.self_attn = Attention(configuration)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.encoder_attn = Attention(configuration)
        self.encoder_attn_layer_norm = nn.LayerNorm(size)
        self.fc1 = nn.Linear(size, configuration.feed_forward_size, bias=False)
        self.fc2 = nn.Linear(configuration.feed_forward_size, size, bias=False)
        self.final_layer_norm = nn.LayerNorm(size)

    def step(self, x: Tensor, cache: DecoderCache, layer: int, positions: Tensor, readable: Tensor) -> Tensor:
        """One position of every row, `[R, d]`; writes the row's keys and values at `positions` `[R]`."""
        normed = self.self_attn_layer_norm(x)
        keys, values = self.self_attn.project(normed[:, None])
        rows = torch.arange(x.shape[0])
        cache.self_keys[layer, rows, :, positions] = keys[:, :, 0]
        cache.self_values[layer, rows, :, positions] = values[:, :, 0]
        x = x + self.self_attn.attend(normed, cache.self_keys[layer], cache.self_values[layer], readable)
        normed = self.encoder_attn_layer_norm(x)
        x = x + self.encoder_attn.attend(normed, cache.cross_keys[layer], cache.cross_values[layer], cache.cross_mask)
        out: Tensor = x + self.fc2(nn.functional.gelu(self.fc1(self.final_layer_norm(x))))
        return out


class DecoderStack(nn.Module):
    """Embeddings, layers and the last norm."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        self.embed_tokens = nn.ModuleList(
            nn.Embedding(configuration.vocabulary + 1, configuration.hidden_size)
            for _ in range(configuration.codebooks)
        )
        self.layers = cast(
            "list[DecoderLayer]", nn.ModuleList(DecoderLayer(configuration) for _ in range(configuration.layers))
        )
        self.layer_norm = nn.LayerNorm(configuration.hidden_size)
        positions = sinusoidal_positions(configuration.max_positions, configuration.hidden_size)
        self.register_buffer("positions", positions, persistent=False)
        self.positions: Tensor


class DecoderModel(nn.Module):
    """The level that transformers' names have between the language model and the stack."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        self.decoder = DecoderStack(configuration)


class Decoder(nn.Module):
    """The whole language model: tokens of one step in, logits of the next out."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.model = DecoderModel(configuration)
        self.lm_heads = nn.ModuleList(
            nn.Linear(configuration.hidden_size, configuration.vocabulary, bias=False)
            for _ in range(configuration.codebooks)
        )

    @torch.inference_mode()
    def condition(self, cache: DecoderCache, row: int, states: Tensor | None, mask: Tensor | None) -> None:
        """Set what a row's cross-attention reads, once for its request: states `[S, d]`, mask `[S]`; None: nothing."""
        if states is None or mask is None:
            # The keys and values of zeroed states are zero (no biases), and so is what attention mixes of them.
            cache.cross_keys[:, row] = 0.0
            cache.cross_values[:, row] = 0.0
            cache.cross_mask[row] = True
            return
        for index, layer in enumerate(self.model.decoder.layers):
            keys, values = layer.encoder_attn.project(states[None])
            cache.cross_keys[index, row] = keys[0]
            cache.cross_values[index, row] = values[0]
        cache.cross_mask[row] = mask

    @torch.inference_mode()
    def step(self, tokens: Tensor, positions: Tensor, cache: DecoderCache) -> Tensor:
        """Tokens `[R, K]` at `positions` `[R]` to logits `[R, K, V]` of the step after; updates the cache."""
        stack = self.model.decoder
        x = stack.positions[positions]
        for codebook, embedding in enumerate(stack.embed_tokens):
            x = x + embedding(tokens[:, codebook])
        readable = torch.arange(cache.self_keys.shape[3])[None] <= positions[:, None]
        for index, layer in enumerate(stack.layers):
            x = layer.step(x, cache, index, positions, readable)
        x = stack.layer_norm(x)
        return torch.stack([head(x) for head in self.lm_heads], dim=1)
