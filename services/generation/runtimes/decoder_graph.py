"""The decoder as an OpenVINO graph, written down operation by operation.

Why not converted from torch: a graph of our own needs no tracing, no compression tool (its weights are constants in the
form that the CPU plugin reads as compressed: integers, converted and scaled), and no rewriting of a stateful graph; it
is built in under a second. Attention over the past is `RowAttention`, where the kernel takes it, and otherwise the
plugin's paged one: an extension of OpenVINO without promises to the next version, so the versions are pinned and
`tests/unit/generation/runtimes` holds both to the torch decoder.

Rows are sequences; all rows of one call have the same number n of new positions. Inputs, all dynamic: `inputs` `[R ·
n, d]`, for paged attention `past_lens` `[R]`, `subsequence_begins` `[R + 1]`, `block_indices` and
`block_indices_begins` `[R + 1]` (blocks of 32 positions), `max_context_len`, `key_cache.i` and `value_cache.i`
(shapes and types: as the compiled model says), and for models with cross-attention `cross_split` `[2]` (how many
positions belong to conditioned rows, which come first, and how many to the others, to which attention gives nothing
but zeros and which skip it), `cross_mask` `[Rc, 1, 1, S]` (added to the scores), `cross_key.i` `[Rc, heads, head, S]`
(scaled by 1 / √head) and `cross_value.i` `[Rc, heads, S, head]`. Output: `logits` `[R · n, K · V]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from numpy.typing import NDArray
from openvino import Node, Output, PartialShape, Type
from openvino.op import Constant, Parameter, _PagedAttentionExtension

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.decoder_weights import DecoderWeights
from services.generation.runtimes.quantization import Int4Weight, Int8Weight, Weight
from services.generation.runtimes.row_attention import RowAttention
from services.generation.runtimes.row_caches import RowCaches

BLOCK_POSITIONS = 32
# A node or one of its outputs; OpenVINO has no type information.
Value: TypeAlias = Any
_EPSILON = 1e-5
_PAGING = (
    ("past_lens", [-1]),
    ("subsequence_begins", [-1]),
    ("block_indices", [-1]),
    ("block_indices_begins", [-1]),
    ("max_context_len", list[int]()),
)


class DecoderGraph:
    """Builds the graph of one decoder. `build` once, then let it go."""

    def __init__(
        self, configuration: DecoderConfiguration, weights: DecoderWeights, caches: RowCaches | None = None
    ) -> None:
        self._configuration = configuration
        self._weights = weights
        self._caches = caches
        self._parameters: list[Parameter] = []

    def build(self) -> ov.Model:
        """The graph."""
        configuration = self._configuration
        x: Value = self._parameter("inputs", [-1, configuration.hidden_size], np.float32)
        paging = [] if self._caches else [self._parameter(name, shape, np.int32) for name, shape in _PAGING]
        if configuration.cross_attention:
            split = self._parameter("cross_split", [2], np.int64)
            mask = self._parameter("cross_mask", [-1, 1, 1, -1], np.float32)
        for layer in range(configuration.layers):
            x = ops.add(x, self._self_attention(x, layer, paging))
            if configuration.cross_attention:
                x = self._cross_attention(x, layer, split, mask)
            x = ops.add(x, self._feed_forward(x, layer))
        logits = self._dense(self._norm(x, "layer_norm"), "heads")
        result = ops.result(logits)
        result.output(0).get_tensor().set_names({"logits"})
        return ov.Model([result], self._parameters, "decoder")

    def _self_attention(self, x: Value, layer: int, paging: Sequence[Node]) -> Node:
        place = f"layers.{layer}.self_attn"
        fused = self._dense(self._norm(x, f"{place}_layer_norm"), f"{place}.qkv")
        if self._caches is None:
            attended = self._paged_attention(fused, layer, paging)
        else:
            attended = RowAttention([fused.output(0)], layer, self._caches).output(0)
        return self._dense(attended, f"{place}.out_proj")

    def _paged_attention(self, fused: Node, layer: int, paging: Sequence[Node]) -> Output:
        queries, keys, values = ops.split(fused, ops.constant(1), 3).outputs()
        caches = [self._parameter(f"{kind}_cache.{layer}", None, None) for kind in ("key", "value")]
        past_lens, begins, indices, index_begins, longest = paging
        scale = ops.constant(np.float32(self._configuration.head_size**-0.5))
        no_integers, no_numbers = _empty(np.int32), _empty(np.float32)
        zero = ops.constant(np.int32(0))
        attention = _PagedAttentionExtension(
            [
                node if isinstance(node, Output) else node.output(0)
                for node in (
                    *(queries, keys, values, *caches, past_lens, begins, indices, index_begins),
                    # Scale, sliding window (none), ALiBi slopes (none), longest context.
                    *(scale, zero, no_numbers, longest),
                    # Score aggregation, cache rotation (indices, deltas, table): none.
                    *(no_integers, no_integers, no_integers, no_numbers),
                    # Sparse prefill (threshold, block, stride): none. Attention sinks: none.
                    *(no_numbers, ops.constant(np.int32(64)), ops.constant(np.int32(8)), no_numbers),
                    # Adaptive eviction (start, sizes, diversity sets and their begins): none.
                    *(zero, no_integers, no_integers, no_integers),
                    # Token types, biases between queries and their begins: none.
                    *(no_integers, _empty(np.uint8), no_integers),
                )
            ]
        )
        for name, value in (("head_size", self._configuration.head_size), ("heads", self._configuration.heads)):
            for kind in ("k", "v"):
                attention.set_rt_info(value, f"{kind}_{name}" if name == "head_size" else f"num_{kind}_{name}")
        return attention.output(0)

    def _cross_attention(self, x: Value, layer: int, split: Node, mask: Node) -> Node:
        configuration = self._configuration
        place = f"layers.{layer}.encoder_attn"
        heads, head = configuration.heads, configuration.head_size
        keys = self._parameter(f"cross_key.{layer}", [-1, heads, head, -1], np.float32)
        values = self._parameter(f"cross_value.{layer}", [-1, heads, -1, head], np.float32)
        conditioned, others = ops.variadic_split(x, ops.constant(0), split).outputs()
        queries = self._dense(self._norm(conditioned, f"{place}_layer_norm"), f"{place}.q_proj")
        # [Rc · n, d] → [Rc, heads, n, head] and back; the keys say how many rows there are.
        rows = ops.gather(ops.shape_of(keys), _integers(0), ops.constant(0))
        by_row = ops.concat([rows, _integers(-1, heads, head)], 0)
        swap = _integers(0, 2, 1, 3)
        by_head = ops.transpose(ops.reshape(queries, by_row, False), swap)
        weights = ops.softmax(ops.add(ops.matmul(by_head, keys, False, False), mask), -1)
        mixed = ops.transpose(ops.matmul(weights, values, False, False), swap)
        merged = ops.reshape(mixed, _integers(-1, configuration.hidden_size), False)
        return ops.concat([ops.add(conditioned, self._dense(merged, f"{place}.out_proj")), others], 0)

    def _feed_forward(self, x: Value, layer: int) -> Node:
        normed = self._norm(x, f"layers.{layer}.final_layer_norm")
        inner = ops.gelu(self._dense(normed, f"layers.{layer}.fc1"), "erf")
        return self._dense(inner, f"layers.{layer}.fc2")

    def _norm(self, x: Value, name: str) -> Node:
        plain = self._weights.plain
        normalised = ops.mvn(x, _integers(1), True, _EPSILON, "inside_sqrt")
        scaled = ops.multiply(normalised, ops.constant(plain[f"{name}.weight"][None]))
        return ops.add(scaled, ops.constant(plain[f"{name}.bias"][None]))

    def _dense(self, x: Value, place: str) -> Node:
        return ops.matmul(x, compressed(self._weights.dense[place]), False, True)

    def _parameter(self, name: str, shape: Sequence[int] | None, kind: type[np.generic] | None) -> Parameter:
        if shape is None or kind is None:
            # The plugin fills in what its cache looks like.
            parameter = ops.parameter(PartialShape.dynamic(4), Type.dynamic)
        else:
            parameter = ops.parameter(list(shape), kind)
        parameter.set_friendly_name(name)
        parameter.output(0).get_tensor().set_names({name})
        self._parameters.append(parameter)
        return parameter


def compressed(weight: Weight) -> Node:
    """A weight `[out, in]` as constants that stay compressed in memory and are expanded inside the product."""
    if isinstance(weight, Int8Weight):
        return ops.multiply(ops.convert(ops.constant(weight.values), "f32"), ops.constant(weight.scales))
    if isinstance(weight, Int4Weight):
        outputs, groups, _ = weight.scales.shape
        # Memory of its own: a tensor over an array does not keep the array alive, and the plugin reads it late.
        packed = ov.Tensor(Type.i4, ov.Shape([outputs, groups, weight.inputs // groups]))
        packed.data[:] = weight.packed.view(np.int8)
        values = ops.convert(Constant(packed), "f16")
        scaled = ops.multiply(values, ops.constant(weight.scales))
        return ops.convert(ops.reshape(scaled, _integers(outputs, weight.inputs), False), "f32")
    return ops.constant(weight)


def _integers(*values: int) -> Node:
    return ops.constant(np.array(values, np.int64))


def _empty(kind: type[np.generic]) -> Node:
    nothing: NDArray[np.generic] = np.zeros(0, kind)
    return ops.constant(nothing)
