"""The language model over codec tokens: one step of a fixed set of rows, or a chunk of one slot's positions.

A slot has a row for each part of guidance, next to each other: the first with all conditions, the last with none.
Slots are independent streams at positions of their own. A step computes the dense layers of all rows in one fixed shape
and each slot's attention over exactly what that slot has, so a row's numbers are bitwise the same whatever the others
hold. Modules are named as in transformers' MusicGen (`model.decoder.layers.0.self_attn.q_proj` …), so that its weights
load by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.gathering import least_rows


def sinusoidal_positions(count: int, size: int) -> Tensor:
    """Position embeddings `[count, size]`: cosines, then sines (Vaswani et al., 2017, in tensor2tensor's order)."""
    half = size // 2
    frequencies = torch.exp(torch.arange(half) * (-math.log(10_000.0) / (half - 1)))
    angles = torch.arange(count)[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def slot_rows(slot: int, guidance_rows: int) -> slice:
    """The rows of a slot, where each has `guidance_rows`."""
    return slice(guidance_rows * slot, guidance_rows * (slot + 1))


@dataclass(frozen=True, slots=True)
class CrossMemory:
    """What cross-attention reads, for every layer: keys and values `[L, heads, S, head]`, real positions only."""

    keys: Tensor
    values: Tensor


@dataclass(slots=True)
class DecoderCache:
    """What rows remember: `keys` and `values` `[L, R, heads, positions, head]`, and the cross memory of rows.

    A row without cross memory reads zeros: what attention gives for MusicGen's null condition, exactly.
    """

    keys: Tensor
    values: Tensor
    cross: dict[int, CrossMemory] = field(default_factory=dict)

    @classmethod
    def empty(cls, configuration: DecoderConfiguration, rows: int) -> DecoderCache:
        """Caches of `rows` rows, all zero."""
        shape = (
            configuration.layers,
            rows,
            configuration.heads,
            configuration.cache_positions,
            configuration.head_size,
        )
        return cls(torch.zeros(shape), torch.zeros(shape))

    def set_cross(self, row: int, memory: CrossMemory | None) -> None:
        """What a row's cross-attention reads from now on; None: nothing."""
        if memory is None:
            self.cross.pop(row, None)
        else:
            self.cross[row] = memory


class Attention(nn.Module):
    """The projections of multi-head attention; who attends to what is the layer's to say."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size, bias=False)
        self.out_proj = nn.Linear(size, size, bias=False)

    def queries(self, x: Tensor) -> Tensor:
        """`[N, n, d]` to `[N, heads, n, head]`."""
        return self._split(self.q_proj(x))

    def memory(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of `[N, S, d]`, each `[N, heads, S, head]`."""
        return self._split(self.k_proj(x)), self._split(self.v_proj(x))

    def merge(self, mixed: Tensor) -> Tensor:
        """`[N, heads, n, head]` back to `[N, n, d]`, through the output projection."""
        rows, _, count, _ = mixed.shape
        out: Tensor = self.out_proj(mixed.transpose(1, 2).reshape(rows, count, -1))
        return out

    def _split(self, x: Tensor) -> Tensor:
        rows, count, _ = x.shape
        return x.view(rows, count, self._heads, -1).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention (not after a prefix), feed-forward, each after a norm, around a residual."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        size, heads = configuration.hidden_size, configuration.heads
        self._has_cross = configuration.cross_attention
        self._rows = configuration.guidance_rows
        self.self_attn = Attention(size, heads)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        if self._has_cross:
            self.encoder_attn = Attention(size, heads)
            self.encoder_attn_layer_norm = nn.LayerNorm(size)
        self.fc1 = nn.Linear(size, configuration.feed_forward_size, bias=False)
        self.fc2 = nn.Linear(configuration.feed_forward_size, size, bias=False)
        self.final_layer_norm = nn.LayerNorm(size)

    def step(self, x: Tensor, cache: DecoderCache, layer: int, positions: Mapping[int, int]) -> Tensor:
        """One position of every row, `[R, 1, d]`; only the slots of `positions` write and attend."""
        normed = self.self_attn_layer_norm(x)
        queries = self.self_attn.queries(normed)
        keys, values = self.self_attn.memory(normed)
        mixed = torch.zeros_like(queries)
        for slot, position in positions.items():
            rows = slot_rows(slot, self._rows)
            cache.keys[layer, rows, :, position] = keys[rows, :, 0]
            cache.values[layer, rows, :, position] = values[rows, :, 0]
            seen = slice(0, position + 1)
            mixed[rows] = functional.scaled_dot_product_attention(
                queries[rows], cache.keys[layer, rows, :, seen], cache.values[layer, rows, :, seen]
            )
        x = x + self.self_attn.merge(mixed)
        return self._rest(x, cache, layer, [self._rows * slot + row for slot in positions for row in range(self._rows)])

    def fill(self, x: Tensor, cache: DecoderCache, layer: int, slot: int, first: int) -> Tensor:
        """Positions `first …` of the rows of a slot, `[G, n, d]`."""
        rows, after = slot_rows(slot, self._rows), first + x.shape[1]
        normed = self.self_attn_layer_norm(x)
        keys, values = self.self_attn.memory(normed)
        cache.keys[layer, rows, :, first:after] = keys
        cache.values[layer, rows, :, first:after] = values
        seen = torch.arange(after) <= torch.arange(first, after)[:, None]
        mixed = functional.scaled_dot_product_attention(
            self.self_attn.queries(normed),
            cache.keys[layer, rows, :, :after],
            cache.values[layer, rows, :, :after],
            attn_mask=seen,
        )
        x = x + self.self_attn.merge(mixed)
        return self._rest(x, cache, layer, range(rows.start, rows.stop), first_row=rows.start)

    def _rest(self, x: Tensor, cache: DecoderCache, layer: int, rows: Sequence[int], first_row: int = 0) -> Tensor:
        if self._has_cross:
            queries = self.encoder_attn.queries(self.encoder_attn_layer_norm(x))
            mixed = torch.zeros_like(queries)
            for row in rows:
                memory = cache.cross.get(row)
                if memory is not None:
                    place = slice(row - first_row, row - first_row + 1)
                    mixed[place] = functional.scaled_dot_product_attention(
                        queries[place], memory.keys[layer][None], memory.values[layer][None]
                    )
            x = x + self.encoder_attn.merge(mixed)
        out: Tensor = x + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(x))))
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
        positions = sinusoidal_positions(configuration.cache_positions, configuration.hidden_size)
        self.register_buffer("positions", positions, persistent=False)
        self.positions: Tensor


class DecoderModel(nn.Module):
    """The level that transformers' names have between the language model and the stack."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        self.decoder = DecoderStack(configuration)


class Decoder(nn.Module):
    """The whole language model: tokens of one step in, logits of the next out. Positions count from the prefix on."""

    def __init__(self, configuration: DecoderConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.model = DecoderModel(configuration)
        self.lm_heads = nn.ModuleList(
            nn.Linear(configuration.hidden_size, configuration.vocabulary, bias=False)
            for _ in range(configuration.codebooks)
        )

    @torch.inference_mode()
    def cross_memory(self, states: Tensor) -> CrossMemory:
        """Keys and values of every layer for conditioning states `[S, d]`; once for a request."""
        return self.cross_memories([states])[0]

    @torch.inference_mode()
    def cross_memories(self, many: Sequence[Tensor]) -> list[CrossMemory]:
        """The same for several requests' states, in one pass over the weights."""
        missing = least_rows() - sum(map(len, many))
        rows = [*many, many[0].new_zeros(missing, many[0].shape[1])] if missing > 0 else list(many)
        lengths = [len(states) for states in rows]
        together = torch.cat(rows)[None]
        pairs = [layer.encoder_attn.memory(together) for layer in self.model.decoder.layers]
        keys, values = (torch.split(torch.cat(parts), lengths, dim=2) for parts in zip(*pairs, strict=True))
        # Copies, so that nobody's memory holds everybody's.
        return [CrossMemory(k.contiguous(), v.contiguous()) for k, v in zip(keys, values, strict=True)][: len(many)]

    @torch.inference_mode()
    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens `[…, K]` to inputs `[…, d]`, positions not yet added."""
        embedded = [table(tokens[..., index]) for index, table in enumerate(self.model.decoder.embed_tokens)]
        return torch.stack(embedded).sum(dim=0)

    @torch.inference_mode()
    def step(self, tokens: Tensor, positions: Mapping[int, int], cache: DecoderCache) -> Tensor:
        """Tokens `[R, K]` of all rows to logits `[R, K, V]`; `positions` says where each slot is that takes part.

        The rows of other slots hold nothing of meaning.
        """
        stack = self.model.decoder
        places = torch.zeros(len(tokens), dtype=torch.long)
        for slot, position in positions.items():
            places[slot_rows(slot, self.configuration.guidance_rows)] = position
        x = (self.embed(tokens) + stack.positions[places])[:, None]
        for index, layer in enumerate(stack.layers):
            x = layer.step(x, cache, index, positions)
        x = stack.layer_norm(x[:, 0])
        return torch.stack([head(x) for head in self.lm_heads], dim=1)

    @torch.inference_mode()
    def fill(self, embedded: Tensor, slot: int, first: int, cache: DecoderCache) -> Tensor:
        """Inputs `[G, n, d]` at positions `first …` of a slot's rows into its cache; the last norm's output."""
        stack = self.model.decoder
        x = embedded + stack.positions[first : first + embedded.shape[1]]
        for index, layer in enumerate(stack.layers):
            x = layer.fill(x, cache, index, slot, first)
        out: Tensor = stack.layer_norm(x)
        return out
