"""Dense layers over weights of 8 or 4 bits, compiled: each weight is read once, and multiplied as the byte that it is.

A step of one song is two rows, so a layer takes as long as its weights take to arrive, if nothing else is done to them.
So weights are never made floats: `vpdpbusd` multiplies 64 bytes with 64 others and adds each four of them to one of 16
sums. One side of it has no sign: weights lie there with their zero at 128 (int8) or 8 (int4), and what that adds is
taken off before the sum begins, a number for each group of inputs. The other side are the inputs as int8, with a scale
for every `GROUP` of them.

Outputs lie in panels of `PANEL`, and a panel in the order in which it is read: `[panel, inputs / 4, PANEL, 4]` bytes
of int8, or `[panel, inputs / 8, PANEL, 4]` of int4, whose lower halves are four inputs and whose upper halves the four
after them. `panels_of` packs them so. Scales are float32: int8 `[panel, PANEL]`, int4 `[panel, inputs / GROUP, PANEL]`.

Nothing here checks bounds: `StepDecoder` does.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from services.generation.runtimes.attention_kernel import pointer_to
from services.generation.runtimes.byte_attention_kernel import factor_to, largest_size, rounded
from services.generation.runtimes.quantization import INT4_GROUP, Int4Weight, Int8Weight

PANEL = 64
"""Outputs that are summed beside each other."""

GROUP = INT4_GROUP
"""Inputs that share a scale."""

MOST_ROWS = 4
"""Rows of one pass over a panel: so many sums fit into the processor's registers."""

_LANES = 16
_TILES = PANEL // _LANES
_INDEX, _WHOLE, _BYTE, _FLOAT = ir.IntType(64), ir.IntType(32), ir.IntType(8), ir.FloatType()
_SUMS, _BYTES = ir.VectorType(_WHOLE, _LANES), ir.VectorType(_BYTE, 4 * _LANES)
_FLOATS = ir.VectorType(_FLOAT, _LANES)
_INSTRUCTION = "llvm.x86.avx512.vpdpbusd.512"
_HALVES = 4
# Where the zero of a weight lies.
_ZERO = {8: 128, _HALVES: 8}
_MOST_BYTE = np.float32(127.0)


def multiplies_bytes() -> bool:
    """Whether this processor has the instruction."""
    known = platform.machine().lower() in {"x86_64", "amd64"} and sys.platform == "linux"
    return known and bool(binding.get_host_cpu_features().get("avx512vnni", False))


@dataclass(frozen=True, slots=True)
class Panels:
    """A weight as the kernel reads it: `bytes` uint8 and `scales` float32, both flat; `bits` are 8 or 4."""

    bytes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    bits: int
    outputs: int
    inputs: int


def fits(outputs: int, inputs: int) -> bool:
    """Whether a weight `[out, in]` is made of whole panels and whole groups."""
    return outputs % PANEL == 0 and inputs % GROUP == 0


def panels_of(weight: Int8Weight | Int4Weight) -> Panels:
    """Pack a weight. ValueError when it does not fit."""
    if isinstance(weight, Int8Weight):
        outputs, inputs = weight.values.shape
        whole, bits = weight.values.view(np.uint8) ^ np.uint8(0x80), 8
        scales = weight.scales.reshape(-1)
    else:
        outputs, inputs, bits = weight.scales.shape[0], weight.inputs, 4
        whole = np.stack([weight.packed & 0x0F, weight.packed >> 4], axis=1).reshape(outputs, inputs) ^ np.uint8(0x08)
        by_panel = weight.scales.reshape(-1, PANEL, inputs // GROUP) if outputs % PANEL == 0 else weight.scales
        scales = by_panel.swapaxes(1, 2).astype(np.float32)
    if not fits(outputs, inputs):
        raise ValueError(f"A weight of {outputs} × {inputs} is not made of whole panels.")
    # [panel, out, quad, 4] → [panel, quad, out, 4]
    packed: NDArray[np.uint8] = whole.reshape(outputs // PANEL, PANEL, inputs // 4, 4).swapaxes(1, 2)
    if bits == _HALVES:
        packed = packed[:, 0::2] | (packed[:, 1::2] << np.uint8(4))
    return Panels(_flat(packed), _flat(scales), bits, outputs, inputs)


def packed_sizes(weight: Int8Weight | Int4Weight) -> tuple[int, int]:
    """How many `bytes` and `scales` `panels_of` makes of a weight."""
    kept = weight.values if isinstance(weight, Int8Weight) else weight.packed
    return kept.size, weight.scales.size


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array).reshape(-1)


def _multiplying(rows: int, bits: int) -> Any:
    """The intrinsic that adds a panel's products with so many rows of inputs to `[rows, PANEL]` sums."""

    @intrinsic
    def multiply_panel(
        _: Any,
        out: Any,
        weights: Any,
        start: Any,
        scales: Any,
        scale_start: Any,
        inputs: Any,
        first: Any,
        size: Any,
        input_scales: Any,
        totals: Any,
    ) -> Any:
        """Of `size` inputs; `inputs` [R, size] int8 and `input_scales`, `totals` [R, size / GROUP] from row `first`."""
        signature = types.void(
            out, weights, types.int64, scales, types.int64, inputs, types.int64, types.int64, input_scales, totals
        )

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            out, weights, start, scales, scale_start, inputs, first, size, input_scales, totals = arguments
            kinds = signature.args
            kind = ir.FunctionType(_SUMS, [_SUMS, _BYTES, _BYTES])
            dot = cgutils.get_or_insert_function(builder.module, kind, _INSTRUCTION)  # type: ignore[no-untyped-call]
            groups = builder.sdiv(size, _INDEX(GROUP))
            target = builder.bitcast(pointer_to(context, builder, kinds[0], out, _INDEX(0)), _FLOATS.as_pointer())
            weight = pointer_to(context, builder, kinds[1], weights, start)
            scale = pointer_to(context, builder, kinds[3], scales, scale_start)
            given = pointer_to(context, builder, kinds[5], inputs, builder.mul(first, size))
            of_groups = builder.mul(first, groups)
            given_scale = pointer_to(context, builder, kinds[8], input_scales, of_groups)
            total = pointer_to(context, builder, kinds[9], totals, of_groups)
            steps = GROUP // 4 * bits // 8
            group_bytes = PANEL * GROUP * bits // 8

            def every(value: Any, of: Any) -> Any:
                nothing = ir.Constant(of, ir.Undefined)
                one = builder.insert_element(nothing, value, _WHOLE(0))
                return builder.shuffle_vector(
                    one, nothing, ir.Constant(ir.VectorType(_WHOLE, of.count), [0] * of.count)
                )

            entry = builder.block
            group_loop, step_loop, group_end, done = (
                builder.append_basic_block(name) for name in ("groups", "steps", "scaled", "done")
            )
            builder.cbranch(builder.icmp_signed(">", groups, _INDEX(0)), group_loop, done)
            builder.position_at_end(group_loop)
            group = builder.phi(_INDEX)
            group.add_incoming(_INDEX(0), entry)
            panel = builder.gep(weight, [builder.mul(group, _INDEX(group_bytes))])
            begins = []
            for row in range(rows):
                place = builder.add(builder.mul(_INDEX(row), groups), group)
                offset = builder.mul(builder.load(builder.gep(total, [place]), align=4), _WHOLE(-_ZERO[bits]))
                begins.append(every(offset, _SUMS))
            asked = [
                builder.gep(given, [builder.add(builder.mul(_INDEX(row), size), builder.mul(group, _INDEX(GROUP)))])
                for row in range(rows)
            ]
            builder.branch(step_loop)
            builder.position_at_end(step_loop)
            step = builder.phi(_INDEX)
            step.add_incoming(_INDEX(0), group_loop)
            sums = [[builder.phi(_SUMS) for _ in range(_TILES)] for _ in range(rows)]
            added = [list(row) for row in sums]
            here = builder.gep(panel, [builder.mul(step, _INDEX(4 * PANEL))])
            quads = 8 // bits

            def four_inputs(row: int, quad: int) -> Any:
                place = builder.add(builder.mul(step, _INDEX(4 * quads)), _INDEX(4 * quad))
                pointer = builder.bitcast(builder.gep(asked[row], [place]), _WHOLE.as_pointer())
                return builder.bitcast(every(builder.load(pointer, align=1), _SUMS), _BYTES)

            broadcast = [[four_inputs(row, quad) for quad in range(quads)] for row in range(rows)]
            for tile in range(_TILES):
                pointer = builder.bitcast(builder.gep(here, [_INDEX(4 * _LANES * tile)]), _BYTES.as_pointer())
                stored = builder.load(pointer, align=1)
                parts = [stored]
                if bits == _HALVES:
                    mask = ir.Constant(_SUMS, [0x0F0F0F0F] * _LANES)
                    wide = builder.bitcast(stored, _SUMS)
                    upper = builder.lshr(wide, ir.Constant(_SUMS, [4] * _LANES))
                    parts = [builder.bitcast(builder.and_(one, mask), _BYTES) for one in (wide, upper)]
                for quad, part in enumerate(parts):
                    for row in range(rows):
                        added[row][tile] = builder.call(dot, [added[row][tile], part, broadcast[row][quad]])
            following = builder.add(step, _INDEX(1))
            step.add_incoming(following, step_loop)
            for row in range(rows):
                for tile in range(_TILES):
                    sums[row][tile].add_incoming(begins[row], group_loop)
                    sums[row][tile].add_incoming(added[row][tile], step_loop)
            builder.cbranch(builder.icmp_signed("<", following, _INDEX(steps)), step_loop, group_end)
            builder.position_at_end(group_end)
            for row in range(rows):
                place = builder.add(builder.mul(_INDEX(row), groups), group)
                factor = every(builder.load(builder.gep(given_scale, [place]), align=4), _FLOATS)
                for tile in range(_TILES):
                    by = factor
                    if bits == _HALVES:
                        lane = builder.add(builder.mul(group, _INDEX(PANEL)), _INDEX(_LANES * tile))
                        pointer = builder.bitcast(builder.gep(scale, [lane]), _FLOATS.as_pointer())
                        by = builder.fmul(factor, builder.load(pointer, align=4))
                    place_out = builder.gep(target, [_INDEX(row * _TILES + tile)])
                    product = builder.fmul(builder.sitofp(added[row][tile], _FLOATS), by, flags=("contract",))
                    summed = builder.fadd(builder.load(place_out, align=4), product, flags=("contract",))
                    builder.store(summed, place_out, align=4)
            next_group = builder.add(group, _INDEX(1))
            group.add_incoming(next_group, group_end)
            builder.cbranch(builder.icmp_signed("<", next_group, groups), group_loop, done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, generate

    return multiply_panel


_bytes_one, _bytes_two, _bytes_four = (_multiplying(rows, 8) for rows in (1, 2, MOST_ROWS))
_halves_one, _halves_two, _halves_four = (_multiplying(rows, 4) for rows in (1, 2, MOST_ROWS))


@njit(nogil=True, cache=True, error_model="numpy")
def quantise(numbers: Any, row: int, given: Any, given_scales: Any, totals: Any) -> None:
    """Make `numbers` the row of `given` int8, with a scale for each group and what its whole numbers add up to."""
    size = len(numbers)
    groups = size // GROUP
    for group in range(groups):
        part = numbers[group * GROUP : (group + 1) * GROUP]
        most = largest_size(part)
        factor = factor_to(most, _MOST_BYTE)
        start, total = row * size + group * GROUP, np.int32(0)
        for index in range(GROUP):
            whole = rounded(part[index] * factor, given)
            given[start + index] = whole
            total += np.int32(whole)
        given_scales[row * groups + group] = most / _MOST_BYTE
        totals[row * groups + group] = total


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def multiply(
    weights: Any, scales: Any, place: Any, panel: int, given: Any, given_scales: Any, totals: Any, rows: int, sums: Any
) -> None:
    """The outputs of one panel for `rows` rows of quantised inputs, into `sums` `[rows · PANEL]`.

    `place` says where a weight's bytes and scales begin in those of all weights, how many inputs it has, and its bits.
    """
    start, scale_start, inputs, bits = place[0], place[1], place[2], place[3]
    bytes_start = start + panel * PANEL * inputs * bits // 8
    groups = inputs // GROUP
    panel_scales = scale_start + panel * PANEL * (groups if bits == _HALVES else 1)
    sums[: rows * PANEL] = np.float32(0.0)
    row = 0
    while row < rows:
        left, out = rows - row, sums[row * PANEL :]
        if bits == _HALVES:
            if left >= MOST_ROWS:
                _halves_four(out, weights, bytes_start, scales, panel_scales, given, row, inputs, given_scales, totals)
            elif left > 1:
                _halves_two(out, weights, bytes_start, scales, panel_scales, given, row, inputs, given_scales, totals)
            else:
                _halves_one(out, weights, bytes_start, scales, panel_scales, given, row, inputs, given_scales, totals)
        elif left >= MOST_ROWS:
            _bytes_four(out, weights, bytes_start, scales, panel_scales, given, row, inputs, given_scales, totals)
        elif left > 1:
            _bytes_two(out, weights, bytes_start, scales, panel_scales, given, row, inputs, given_scales, totals)
        else:
            _bytes_one(out, weights, bytes_start, scales, panel_scales, given, row, inputs, given_scales, totals)
        row += MOST_ROWS if left >= MOST_ROWS else min(left, 2)
    if bits != _HALVES:
        for index in range(rows):
            for lane in range(PANEL):
                sums[index * PANEL + lane] *= scales[panel_scales + lane]
