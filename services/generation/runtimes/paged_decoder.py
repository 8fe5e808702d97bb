"""The decoder on OpenVINO: rows of ragged lengths through one graph, keys and values in caches of blocks.

A row is one sequence (a song's conditional or unconditional one) with a fixed set of blocks, so that no allocation can
fail while songs run; memory that was never written is never touched. Rows share nothing but the product of the dense
layers: which rows run together changes rounding (another shape, another kernel), never what a row reads. Float32,
float16 and int8 caches are `RowCaches`, read by a kernel of our own; the others are the plugin's, for its paged
attention.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.compiled_graph import CompiledGraph
from services.generation.runtimes.decoder_graph import BLOCK_POSITIONS, DecoderGraph
from services.generation.runtimes.decoder_weights import DecoderWeights
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_caches import RowCaches, kernel_fits
from services.generation.runtimes.row_decoder import CrossInputs, CrossRow, RecentCross, RowDecoder
from services.generation.runtimes.turns import Turns

# Masked scores; finite, because a row of −∞ alone would be no number after the softmax.
_MASKED = np.float32(-1e30)
# Every MusicGen has heads of 64.
_HEAD_OF_FAST_UINT8 = 64


class PagedDecoder(RowDecoder):
    """`rows` sequences through one graph on `threads` threads."""

    def __init__(
        self,
        configuration: DecoderConfiguration,
        weights: DecoderWeights,
        precision: Precision,
        rows: int,
        threads: int = 0,
        turns: Turns | None = None,
    ) -> None:
        super().__init__(configuration, weights, turns)
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
        self._recent_cross = RecentCross(configuration)
        self._brought: CrossInputs | None = None
        zeros = np.zeros((configuration.layers, configuration.heads, 1, configuration.head_size), np.float32)
        self._nothing = CrossRow(zeros, zeros)

    def _compute(
        self,
        rows: Sequence[int],
        x: NDArray[np.float32],
        past: NDArray[np.int32],
        length: int,
        reading: Sequence[CrossRow],
    ) -> NDArray[np.float32]:
        if self._configuration.cross_attention:
            # The graph cannot do without any: reading zeros gives zeros, as reading nothing does.
            memories = reading or [self._nothing]
            self._bring_cross(memories)
            split = [len(memories) * length, (len(rows) - len(memories)) * length]
            self._graph.set("cross_split", np.array(split, np.int64))
        self._graph.set("inputs", x)
        if self._caches is None:
            self._page(rows, past, length)
        else:
            self._caches.begin(rows, past, length)
        with self._turns:
            self._graph.run()
        return self._graph.output(0)

    def close(self) -> None:
        """Let the caches and the compiled model go. Idempotent; nothing runs afterwards."""
        self._graph.close()
        if self._caches is not None:
            self._caches.close()
        self._cross.clear()
        self._recent_cross.clear()
        self._brought = None

    def _page(self, rows: Sequence[int], past: NDArray[np.int32], length: int) -> None:
        blocks = -(-(past + length) // BLOCK_POSITIONS)
        indices = [row * self._row_blocks + np.arange(used) for row, used in zip(rows, blocks, strict=True)]
        self._graph.set("past_lens", past)
        self._graph.set("subsequence_begins", np.arange(len(rows) + 1, dtype=np.int32) * np.int32(length))
        self._graph.set("block_indices", np.concatenate(indices).astype(np.int32))
        self._graph.set("block_indices_begins", np.concatenate([[0], np.cumsum(blocks)]).astype(np.int32))
        self._graph.set("max_context_len", np.array(past.max() + length, np.int32))

    def _bring_cross(self, memories: Sequence[CrossRow]) -> None:
        """Set the cross-attention inputs, unless they are what they were in the last run."""
        cross = self._recent_cross.of(memories)
        if cross is self._brought:
            return
        beyond = np.arange(cross.keys.shape[4]) >= cross.lengths[:, None]
        self._graph.set("cross_mask", np.where(beyond, _MASKED, np.float32(0.0))[:, None, None])
        for layer in range(self._configuration.layers):
            self._graph.set(f"cross_key.{layer}", cross.keys[layer])
            self._graph.set(f"cross_value.{layer}", cross.values[layer])
        self._brought = cross


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
