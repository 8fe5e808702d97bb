"""The decoder on OpenVINO: rows of ragged lengths through one graph, keys and values in caches of blocks.

A row is one sequence (a song's conditional or unconditional one) with a fixed set of blocks, so that no allocation can
fail while songs run; memory that was never written is never touched. Rows share nothing but the product of the dense
layers: which rows run together changes rounding (another shape, another kernel), never what a row reads. Float32,
float16 and int8 caches are `RowCaches`, read by a kernel of our own; the others are the plugin's, for its paged
attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.decoder import sinusoidal_positions
from services.generation.runtimes.compiled_graph import CompiledGraph
from services.generation.runtimes.decoder_graph import BLOCK_POSITIONS, DecoderGraph
from services.generation.runtimes.decoder_weights import DecoderWeights
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_caches import RowCaches, kernel_fits
from services.generation.runtimes.turns import Turns

# Masked scores; finite, because a row of −∞ alone would be no number after the softmax.
_MASKED = np.float32(-1e30)
# Every MusicGen has heads of 64.
_HEAD_OF_FAST_UINT8 = 64


@dataclass(frozen=True, slots=True)
class CrossRow:
    """What one row's cross-attention reads: keys and values `[L, heads, S, head]` float32."""

    keys: NDArray[np.float32]
    values: NDArray[np.float32]


@dataclass(slots=True)
class _CrossInputs:
    """The cross-attention inputs as they were last set: for which rows, and from what."""

    rows: tuple[int, ...] = ()
    memories: tuple[CrossRow, ...] = ()


class PagedDecoder:
    """`rows` sequences of at most `cache_positions` positions each. Not thread-safe: the engine's thread owns it.

    `turns` are shared with whatever else computes on the same cores.
    """

    def __init__(
        self,
        configuration: DecoderConfiguration,
        weights: DecoderWeights,
        precision: Precision,
        rows: int,
        threads: int = 0,
        turns: Turns | None = None,
    ) -> None:
        self._configuration = configuration
        self._turns = turns or Turns()
        self._embeddings = [weights.plain[f"embed_tokens.{index}.weight"] for index in range(configuration.codebooks)]
        self._positions = sinusoidal_positions(configuration.cache_positions, configuration.hidden_size).numpy()
        self._row_blocks = -(-configuration.cache_positions // BLOCK_POSITIONS)
        self._caches: RowCaches | None = None
        if precision.cache is CachePrecision.INT8 and not kernel_fits(configuration, precision):
            raise ValueError("An int8 cache is for heads of whole sixteens, beside weights that are not bfloat16.")
        if kernel_fits(configuration, precision):
            self._caches = RowCaches(configuration, rows, precision.cache, threads)
        self._graph = CompiledGraph(
            DecoderGraph(configuration, weights, self._caches).build(), _properties(configuration, precision, threads)
        )
        if self._caches is None:
            _allocate_caches(self._graph, rows * self._row_blocks)
        self._cross: dict[int, CrossRow] = {}
        self._cross_inputs = _CrossInputs()
        zeros = np.zeros((configuration.layers, configuration.heads, 1, configuration.head_size), np.float32)
        self._nothing = CrossRow(zeros, zeros)

    def set_cross(self, row: int, memory: CrossRow | None) -> None:
        """What a row's cross-attention reads from now on; None: nothing, which costs nothing."""
        if memory is None:
            self._cross.pop(row, None)
        else:
            self._cross[row] = memory

    def embed(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Tokens `[…, K]` to inputs `[…, d]`, positions not yet added."""
        embedded: NDArray[np.float32] = self._embeddings[0][tokens[..., 0]]
        for index in range(1, len(self._embeddings)):
            embedded = embedded + self._embeddings[index][tokens[..., index]]
        return embedded

    def run(self, rows: Sequence[int], embedded: NDArray[np.float32], positions: Sequence[int]) -> NDArray[np.float32]:
        """Inputs `[R, n, d]` of some rows, the first of each at its position; logits `[R, n, K, V]`.

        What those rows hold before their positions is read, what they hold at them and after is overwritten.
        """
        configuration = self._configuration
        count, length, size = embedded.shape
        past = np.asarray(positions, np.int32)
        if len(rows) != count or len(past) != count or not count or not length:
            raise ValueError("Every row has inputs and a position.")
        if past.min() < 0 or past.max() + length > configuration.cache_positions:
            raise ValueError(f"Positions lie between 0 and {configuration.cache_positions}.")
        places = past[:, None] + np.arange(length)
        x = embedded + self._positions[places]
        # Conditioned rows come first: the others have no part in cross-attention.
        conditioned = [index for index, row in enumerate(rows) if row in self._cross]
        order = conditioned + [index for index, row in enumerate(rows) if row not in self._cross]
        if not configuration.cross_attention:
            order = list(range(count))
        else:
            # The graph cannot do without any: reading zeros gives zeros, as reading nothing does.
            reading = max(1, len(conditioned))
            self._bring_cross(tuple(rows[index] for index in order[:reading]))
            self._graph.set("cross_split", np.array([reading * length, (count - reading) * length], np.int64))
        self._graph.set("inputs", x[order].reshape(count * length, size))
        if self._caches is None:
            self._page([rows[index] for index in order], past[order], length)
        else:
            self._caches.begin([rows[index] for index in order], past[order], length)
        with self._turns:
            self._graph.run()
        logits = self._graph.output(0).reshape(count, length, configuration.codebooks, configuration.vocabulary)
        return logits if order == sorted(order) else logits[np.argsort(order)]

    def close(self) -> None:
        """Let the caches and the compiled model go. Idempotent; nothing runs afterwards."""
        self._graph.close()
        if self._caches is not None:
            self._caches.close()
        self._cross.clear()
        self._cross_inputs = _CrossInputs()

    def _page(self, rows: Sequence[int], past: NDArray[np.int32], length: int) -> None:
        blocks = -(-(past + length) // BLOCK_POSITIONS)
        indices = [row * self._row_blocks + np.arange(used) for row, used in zip(rows, blocks, strict=True)]
        self._graph.set("past_lens", past)
        self._graph.set("subsequence_begins", np.arange(len(rows) + 1, dtype=np.int32) * np.int32(length))
        self._graph.set("block_indices", np.concatenate(indices).astype(np.int32))
        self._graph.set("block_indices_begins", np.concatenate([[0], np.cumsum(blocks)]).astype(np.int32))
        self._graph.set("max_context_len", np.array(past.max() + length, np.int32))

    def _bring_cross(self, rows: tuple[int, ...]) -> None:
        """Set the cross-attention inputs, unless they are what they were in the last run."""
        memories = tuple(self._cross.get(row, self._nothing) for row in rows)
        last = self._cross_inputs
        if last.rows == rows and all(a is b for a, b in zip(last.memories, memories, strict=True)):
            return
        configuration = self._configuration
        longest = max(memory.keys.shape[2] for memory in memories)
        heads, head = configuration.heads, configuration.head_size
        mask = np.full((len(rows), 1, 1, longest), _MASKED, np.float32)
        for index, memory in enumerate(memories):
            mask[index, :, :, : memory.keys.shape[2]] = 0.0
        self._graph.set("cross_mask", mask)
        scale = np.float32(head**-0.5)
        for layer in range(configuration.layers):
            keys = np.zeros((len(rows), heads, head, longest), np.float32)
            values = np.zeros((len(rows), heads, longest, head), np.float32)
            for index, memory in enumerate(memories):
                length = memory.keys.shape[2]
                np.multiply(memory.keys[layer].swapaxes(1, 2), scale, out=keys[index, :, :, :length])
                values[index, :, :length] = memory.values[layer]
            self._graph.set(f"cross_key.{layer}", keys)
            self._graph.set(f"cross_value.{layer}", values)
        self._cross_inputs = _CrossInputs(rows, memories)


def _properties(configuration: DecoderConfiguration, precision: Precision, threads: int) -> dict[str, object]:
    """The CPU plugin's settings. Dynamic quantisation of activations (by 128) makes int4 and int8 fast."""
    half = precision.weights is WeightPrecision.BFLOAT16
    caches = {
        CachePrecision.FLOAT32: "f32",
        CachePrecision.FLOAT16: "f16",
        CachePrecision.BFLOAT16: "bf16",
        CachePrecision.UINT8: "u8",
        # Ours, and not the plugin's business.
        CachePrecision.INT8: "f16",
    }
    compressed = precision.weights in (WeightPrecision.INT8, WeightPrecision.INT4)
    properties: dict[str, object] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        "KV_CACHE_PRECISION": caches[precision.cache],
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "128" if compressed else "0",
        # Other processes share the cores: a pinned thread would wait for its own one while another is free.
        "ENABLE_CPU_PINNING": False,
    }
    if precision.cache is CachePrecision.UINT8 and configuration.head_size == _HEAD_OF_FAST_UINT8:
        # By position instead of by channel: the kernel is a third faster, and a block is never quantised twice.
        properties |= {"KEY_CACHE_GROUP_SIZE": "64", "VALUE_CACHE_GROUP_SIZE": "64"}
    if threads:
        properties["INFERENCE_NUM_THREADS"] = threads
    return properties


def _allocate_caches(graph: CompiledGraph, blocks: int) -> None:
    """Give the graph caches in the shapes that the plugin chose for its precision.

    Zeros, whose pages cost nothing until they are written; a tensor of OpenVINO's own would hold what was there before.
    """
    for name, port in graph.inputs.items():
        if name.startswith(("key_cache.", "value_cache.")):
            kind, shape = port.get_element_type(), port.get_partial_shape()
            sizes = [blocks, *(shape[axis].get_length() for axis in range(1, 4))]
            graph.share(name, np.zeros(sizes, {1: np.uint8, 2: np.uint16, 4: np.float32}[kind.size]), kind)
