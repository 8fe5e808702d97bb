"""The decoder in torch for GPUs: fixed slots, static caches, one CUDA graph for each shape that occurs.

A step is a few hundred small kernels; launched one by one they cost more than they compute. Recorded once as a graph
they cost one launch. A graph needs fixed shapes and addresses, so inputs, caches and outputs are allocated once, and
shapes are rounded up: slots to a power of two, positions to a multiple of 256. Without CUDA the same code runs
eagerly, which is how it is tested.

A slot's rows stand next to each other, from the one with all conditions to the one without. How they attend to their
caches in a step is `decode_attention`'s matter; a row without conditioning has nothing to read, and keys and values of
zeros, whose attention is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.decoder import CrossMemory, Decoder, sinusoidal_positions, slot_rows
from services.generation.runtimes.decode_attention import Attend, DecodeAttention, MaskedAttention
from services.generation.runtimes.step_graph import recorded

POSITION_BUCKET = 256
_CROSS_BUCKET = 32


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer's weights; `qkv` is the three projections of self-attention in one."""

    qkv: Tensor
    self_out: Tensor
    self_norm: _Norm
    cross_query: Tensor | None
    cross_out: Tensor | None
    cross_norm: _Norm | None
    inner: Tensor
    outer: Tensor
    last_norm: _Norm


class SlotDecoder:
    """`slots` songs of at most `cache_positions` positions. Not thread-safe: the engine's thread owns it.

    `attention` is how the rows of a step attend; it may be set until the first step.
    """

    def __init__(self, decoder: Decoder, slots: int, device: torch.device, dtype: torch.dtype) -> None:
        configuration = decoder.configuration
        self.configuration: DecoderConfiguration = configuration
        self.slots = slots
        self._device = device
        self._dtype = dtype
        # Whole chunks of positions, which are filled, are left to it in any case.
        self._masked = MaskedAttention(dtype)
        self.attention: DecodeAttention = self._masked
        state = {name: parameter.detach() for name, parameter in decoder.named_parameters()}
        self._layers = [self._layer(state, index) for index in range(configuration.layers)]
        prefix = "model.decoder."
        self._tables = torch.stack(
            [self._take(state[f"{prefix}embed_tokens.{index}.weight"]) for index in range(configuration.codebooks)]
        )
        self._last_norm = self._norm(state, f"{prefix}layer_norm")
        self._heads = self._take(
            torch.cat([state[f"lm_heads.{index}.weight"] for index in range(configuration.codebooks)])
        )
        # A whole number of buckets, so that every rounded length lies inside, and a last place that no song reads:
        # there the rows write that take part in a shape alone.
        positions = -(-(configuration.cache_positions + 1) // POSITION_BUCKET) * POSITION_BUCKET
        self._spare = positions - 1
        self._positions = self._take(sinusoidal_positions(positions, configuration.hidden_size))
        rows, heads, head = self._rows(slots), configuration.heads, configuration.head_size
        shape = (configuration.layers, rows, heads, positions, head)
        self._keys = torch.zeros(shape, device=device, dtype=dtype)
        self._values = torch.zeros(shape, device=device, dtype=dtype)
        self._memories: dict[int, CrossMemory] = {}
        self._allocate_cross(_CROSS_BUCKET)
        self._tokens = torch.zeros(rows, configuration.codebooks, dtype=torch.long, device=device)
        self._places = torch.zeros(rows, dtype=torch.long, device=device)
        self._graphs: dict[tuple[int, int], tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def set_cross(self, row: int, memory: CrossMemory | None) -> None:
        """What a row's cross-attention reads from now on; None: nothing."""
        if not self.configuration.cross_attention:
            return
        if memory is None:
            self._memories.pop(row, None)
            self._cross_keys[:, row] = 0.0
            self._cross_values[:, row] = 0.0
            self._cross_lengths[row] = 0
            return
        self._memories[row] = memory
        length = memory.keys.shape[2]
        if length > self._cross_keys.shape[3]:
            self._allocate_cross(-(-length // _CROSS_BUCKET) * _CROSS_BUCKET)
            for other, kept in self._memories.items():
                self._write_cross(other, kept)
            return
        self._write_cross(row, memory)

    @torch.inference_mode()
    def step(self, tokens: Tensor, places: Sequence[int | None]) -> Tensor:
        """Tokens `[S, K]` of the first S slots at their places to logits `[S, G, K, V]`, on the device.

        A slot whose place is None takes part in the shape alone; its logits mean nothing. The answer holds until the
        next step.
        """
        taking = [place for place in places if place is not None]
        if not taking or not 0 <= min(taking) <= max(taking) < self.configuration.cache_positions:
            raise ValueError(f"Places lie between 0 and {self.configuration.cache_positions}.")
        songs = min(self.slots, 1 << (len(places) - 1).bit_length())
        longest = (max(taking) // POSITION_BUCKET + 1) * POSITION_BUCKET
        used, guidance_rows = self._rows(len(places)), self.configuration.guidance_rows
        spared = torch.tensor([self._spare if place is None else place for place in places])
        self._tokens[:used] = tokens.to(self._device).repeat_interleave(guidance_rows, dim=0)
        self._places.fill_(self._spare)
        self._places[:used] = spared.to(self._device).repeat_interleave(guidance_rows)
        on_cuda = self._device.type == "cuda"
        logits = self._replay(songs, longest) if on_cuda else self._forward(self._rows(songs), longest)
        configuration = self.configuration
        shaped = logits.view(-1, guidance_rows, configuration.codebooks, configuration.vocabulary)
        return shaped[: len(places)].float()

    @torch.inference_mode()
    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens `[n, K]` to inputs `[n, d]` on the device, positions not yet added."""
        codebooks = torch.arange(self.configuration.codebooks, device=self._device)
        return self._tables[codebooks, tokens.to(self._device)].sum(dim=-2)

    @torch.inference_mode()
    def fill(self, embedded: Tensor, slot: int, first: int) -> None:
        """Inputs `[G, n, d]` at positions `first …` of a slot's rows into its cache."""
        count = embedded.shape[1]
        rows, after = slot_rows(slot, self.configuration.guidance_rows), first + count
        x = embedded.to(self._device, self._dtype) + self._positions[first:after]
        seen = torch.arange(after, device=self._device) <= torch.arange(first, after, device=self._device)[:, None]
        cross = self._cross(rows, self._masked)
        for index, layer in enumerate(self._layers):
            queries, keys, values = self._project(x, layer)
            self._keys[index, rows, :, first:after] = keys
            self._values[index, rows, :, first:after] = values
            mixed = functional.scaled_dot_product_attention(
                queries, self._keys[index, rows, :, :after], self._values[index, rows, :, :after], attn_mask=seen
            )
            x = self._rest(x + functional.linear(_merge(mixed), layer.self_out), layer, index, rows, cross)

    def attention_of_a_step(self, attention: DecodeAttention) -> Callable[[], Tensor]:
        """What a step of all slots leaves to an attention, songs at places spread over the cache, with usual prompts.

        To be recorded and timed: it only reads, and its answer means nothing.
        """
        configuration, rows = self.configuration, self._rows(self.slots)
        whole = 2 * self.slots
        middles = [max(1, (2 * slot + 1) * configuration.cache_positions // whole) for slot in range(self.slots)]
        longest = -(-middles[-1] // POSITION_BUCKET) * POSITION_BUCKET
        lengths = torch.tensor(middles, dtype=torch.int32)
        lengths = lengths.repeat_interleave(configuration.guidance_rows).to(self._device)
        # The last row has none.
        prompt = [_CROSS_BUCKET // 2] * (configuration.guidance_rows - 1) + [0]
        prompts = torch.tensor(prompt, dtype=torch.int32).repeat(self.slots).to(self._device)
        queries = torch.ones(rows, configuration.heads, 1, configuration.head_size).to(self._device, self._dtype)

        @torch.inference_mode()
        def work() -> Tensor:
            attend, cross = attention(lengths, longest), attention(prompts, _CROSS_BUCKET)
            mixed = queries
            for index, layer in enumerate(self._layers):
                mixed = attend(queries, self._keys[index], self._values[index])
                if layer.cross_query is not None:
                    mixed = cross(queries, self._cross_keys[index], self._cross_values[index])
            return mixed

        return work

    def close(self) -> None:
        """Free the graphs and the caches. Idempotent; nothing runs afterwards."""
        self._graphs.clear()
        self._memories.clear()
        self._layers.clear()
        nothing = torch.empty(0)
        self._keys = self._values = self._cross_keys = self._cross_values = self._cross_lengths = nothing
        self._tables = self._heads = self._positions = self._tokens = self._places = nothing
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _rows(self, slots: int) -> int:
        """The rows of so many slots."""
        return self.configuration.guidance_rows * slots

    def _replay(self, songs: int, longest: int) -> Tensor:
        """The graph of a shape, recorded when it is first met."""
        if (songs, longest) not in self._graphs:
            self._graphs[songs, longest] = recorded(lambda: self._forward(self._rows(songs), longest), self._device)
        graph, logits = self._graphs[songs, longest]
        graph.replay()
        return logits

    def _forward(self, rows: int, longest: int) -> Tensor:
        """One position of the first rows, over the first `longest` positions; logits `[rows, K · V]`."""
        places = self._places[:rows]
        x = (self.embed(self._tokens[:rows]) + self._positions[places])[:, None]
        every = torch.arange(rows, device=self._device)
        # Who takes part in the shape alone has nothing to read.
        attend = self.attention(torch.where(places == self._spare, 0, places + 1).int(), longest)
        cross = self._cross(slice(0, rows), self.attention)
        for index, layer in enumerate(self._layers):
            queries, keys, values = self._project(x, layer)
            self._keys[index].index_put_((every[:, None], self._all_heads, places[:, None]), keys[:, :, 0])
            self._values[index].index_put_((every[:, None], self._all_heads, places[:, None]), values[:, :, 0])
            mixed = attend(queries, self._keys[index, :rows], self._values[index, :rows])
            x = self._rest(x + functional.linear(_merge(mixed), layer.self_out), layer, index, slice(0, rows), cross)
        return functional.linear(self._normed(x[:, 0], self._last_norm), self._heads)

    def _project(self, x: Tensor, layer: _Layer) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of self-attention, each `[R, heads, n, head]`."""
        fused = functional.linear(self._normed(x, layer.self_norm), layer.qkv)
        parts = fused.view(*fused.shape[:2], 3, self.configuration.heads, self.configuration.head_size)
        queries, keys, values = (part.transpose(1, 2) for part in parts.unbind(2))
        return queries, keys, values

    def _cross(self, rows: slice, attention: DecodeAttention) -> Attend:
        """How so many rows read their conditioning."""
        return attention(self._cross_lengths[rows], self._cross_keys.shape[3])

    def _rest(self, x: Tensor, layer: _Layer, index: int, rows: slice, cross: Attend) -> Tensor:
        """Cross-attention and feed-forward of `[R, n, d]`."""
        if layer.cross_query is not None and layer.cross_out is not None and layer.cross_norm is not None:
            queries = functional.linear(self._normed(x, layer.cross_norm), layer.cross_query)
            by_head = queries.view(*queries.shape[:2], self.configuration.heads, -1).transpose(1, 2)
            mixed = cross(by_head, self._cross_keys[index, rows], self._cross_values[index, rows])
            x = x + functional.linear(_merge(mixed), layer.cross_out)
        inner = functional.gelu(functional.linear(self._normed(x, layer.last_norm), layer.inner))
        return x + functional.linear(inner, layer.outer)

    def _normed(self, x: Tensor, norm: _Norm) -> Tensor:
        return functional.layer_norm(x, (self.configuration.hidden_size,), norm.weight, norm.bias)

    def _allocate_cross(self, length: int) -> None:
        configuration = self.configuration
        rows = self._rows(self.slots)
        shape = (configuration.layers, rows, configuration.heads, length, configuration.head_size)
        # All of them or none: memory may run out between them, and the songs that run go on with the old ones.
        keys, values = (torch.zeros(shape, device=self._device, dtype=self._dtype) for _ in range(2))
        lengths = torch.zeros(rows, device=self._device, dtype=torch.int32)
        self._cross_keys, self._cross_values, self._cross_lengths = keys, values, lengths
        self._all_heads = torch.arange(configuration.heads, device=self._device)[None]
        # Graphs hold the old addresses.
        self._graphs = {}

    def _write_cross(self, row: int, memory: CrossMemory) -> None:
        length = memory.keys.shape[2]
        self._cross_keys[:, row] = 0.0
        self._cross_values[:, row] = 0.0
        self._cross_keys[:, row, :, :length] = memory.keys.to(self._device, self._dtype)
        self._cross_values[:, row, :, :length] = memory.values.to(self._device, self._dtype)
        self._cross_lengths[row] = length

    def _layer(self, state: dict[str, Tensor], index: int) -> _Layer:
        place = f"model.decoder.layers.{index}."
        cross = self.configuration.cross_attention
        return _Layer(
            qkv=self._take(torch.cat([state[f"{place}self_attn.{part}_proj.weight"] for part in ("q", "k", "v")])),
            self_out=self._take(state[f"{place}self_attn.out_proj.weight"]),
            self_norm=self._norm(state, f"{place}self_attn_layer_norm"),
            cross_query=self._take(state[f"{place}encoder_attn.q_proj.weight"]) if cross else None,
            cross_out=self._take(state[f"{place}encoder_attn.out_proj.weight"]) if cross else None,
            cross_norm=self._norm(state, f"{place}encoder_attn_layer_norm") if cross else None,
            inner=self._take(state[f"{place}fc1.weight"]),
            outer=self._take(state[f"{place}fc2.weight"]),
            last_norm=self._norm(state, f"{place}final_layer_norm"),
        )

    def _norm(self, state: dict[str, Tensor], name: str) -> _Norm:
        return _Norm(self._take(state[f"{name}.weight"]), self._take(state[f"{name}.bias"]))

    def _take(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, self._dtype, copy=True)


def _merge(mixed: Tensor) -> Tensor:
    """`[R, heads, n, head]` to `[R, n, d]`."""
    return mixed.transpose(1, 2).flatten(2)
