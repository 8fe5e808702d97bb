"""Attention over keys and values that are kept as int8, compiled: half of the bytes, and sums of whole numbers.

Each key and each value of a head has a scale of its own, so that no outlier of one position costs the others. What it
is multiplied with is made whole too, once for a head: the query to 16 bits, the weights of the values to as many of 16
as let no sum of 32 bits overflow. Then two products and their sum are one instruction on 16 numbers (`pmaddwd`), where
numbers that were first made floats would take as long as reading twice the bytes. Pairs lie beside each other for it:
keys of two dimensions `[rows, heads, blocks, head / 2, BLOCK, 2]`, values of two positions
`[rows, heads, blocks · BLOCK / 2, head, 2]`. Scales are float32, `[rows, heads, blocks · BLOCK]`.

Nothing here checks bounds: `RowCaches` does.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from services.generation.runtimes.attention_kernel import (
    BLOCK,
    LOG2_E,
    NARROW,
    as_float,
    pointer_to,
    weigh,
)

_INDEX = ir.IntType(64)
_FLOAT = ir.FloatType()
_BYTE, _SHORT, _WHOLE = ir.IntType(8), ir.IntType(16), ir.IntType(32)
# Added to a number below 2²², it leaves the nearest whole number in the lowest bits of the sum.
_ROUNDING = 1.5 * 2.0**23
# int8 and int16 as they are used here, symmetric.
_MOST_BYTE = np.float32(127.0)
_MOST_SHORT = np.float32(32_767.0)
# What sums of products with bytes may reach.
_MOST_SUM = np.float32((2**31 - 1) / 127)
# What is smaller than this is nothing: its reciprocal would be no number.
_LEAST = np.float32(1e-30)


def _pair_instruction() -> tuple[str, int]:
    """The processor's instruction that adds products of pairs, and to how many sums at once; none: ("", 16)."""
    if platform.machine().lower() in {"x86_64", "amd64"}:
        features = binding.get_host_cpu_features()
        if features.get("avx512bw", False):
            return "llvm.x86.avx512.pmaddw.d.512", 16
        if features.get("avx2", False):
            return "llvm.x86.avx2.pmadd.wd", 8
    return "", 16


def _sums_of_pairs(builder: Any, left: Any, right: Any, lanes: int) -> Any:
    """`[2 · lanes]` int16 twice to the `[lanes]` int32 sums of each pair's products."""
    name, _ = _pair_instruction()
    if name:
        kind = ir.FunctionType(ir.VectorType(_WHOLE, lanes), [ir.VectorType(_SHORT, 2 * lanes)] * 2)
        instruction = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        return builder.call(instruction, [left, right])
    wide = ir.VectorType(_WHOLE, 2 * lanes)
    products = builder.mul(builder.sext(left, wide), builder.sext(right, wide))
    nothing = ir.Constant(wide, ir.Undefined)
    even, odd = (
        builder.shuffle_vector(
            products, nothing, ir.Constant(ir.VectorType(_WHOLE, lanes), list(range(first, 2 * lanes, 2)))
        )
        for first in (0, 1)
    )
    return builder.add(even, odd)


def _adding_pairs(lanes: int) -> Any:
    """The intrinsic that adds pairs of weighted rows of a matrix to a vector of so many whole numbers."""

    @intrinsic
    def add_pairs(_: Any, out: Any, at: Any, weights: Any, matrix: Any, start: Any, stride: Any, count: Any) -> Any:
        signature = types.void(out, types.int64, weights, matrix, types.int64, types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            out, at, weights, matrix, start, stride, count = arguments
            kinds = signature.args
            each = _pair_instruction()[1]
            sums_type, pairs_type = ir.VectorType(_WHOLE, each), ir.VectorType(_SHORT, 2 * each)
            places = range(0, lanes, each)
            target = pointer_to(context, builder, kinds[0], out, at)
            targets = [
                builder.bitcast(builder.gep(target, [_INDEX(place)]), sums_type.as_pointer()) for place in places
            ]
            pairs = builder.bitcast(pointer_to(context, builder, kinds[2], weights, _INDEX(0)), _WHOLE.as_pointer())
            row = pointer_to(context, builder, kinds[3], matrix, start)
            before = [builder.load(one, align=4) for one in targets]
            entry = builder.block
            loop, done = builder.append_basic_block("pairs"), builder.append_basic_block("done")
            builder.cbranch(builder.icmp_signed(">", count, _INDEX(0)), loop, done)
            builder.position_at_end(loop)
            index = builder.phi(_INDEX)
            sums = [builder.phi(sums_type) for _ in places]
            nothing = ir.Constant(sums_type, ir.Undefined)
            one = builder.insert_element(nothing, builder.load(builder.gep(pairs, [index]), align=2), _WHOLE(0))
            every = builder.bitcast(
                builder.shuffle_vector(one, nothing, ir.Constant(sums_type, [0] * each)), pairs_type
            )
            here = builder.gep(row, [builder.mul(index, stride)])
            added = []
            for place, partial in zip(places, sums, strict=True):
                stored = builder.bitcast(
                    builder.gep(here, [_INDEX(2 * place)]), ir.VectorType(_BYTE, 2 * each).as_pointer()
                )
                numbers = builder.sext(builder.load(stored, align=1), pairs_type)
                added.append(builder.add(partial, _sums_of_pairs(builder, every, numbers, each)))
            following = builder.add(index, _INDEX(1))
            index.add_incoming(_INDEX(0), entry)
            index.add_incoming(following, loop)
            for partial, begin, again in zip(sums, before, added, strict=True):
                partial.add_incoming(begin, entry)
                partial.add_incoming(again, loop)
            builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
            builder.position_at_end(done)
            after = [builder.phi(sums_type) for _ in places]
            for total, begin, again, one in zip(after, before, added, targets, strict=True):
                total.add_incoming(begin, entry)
                total.add_incoming(again, loop)
                builder.store(total, one, align=4)
            return context.get_dummy_value()

        return signature, generate

    return add_pairs


_add_pairs_of_a_block = _adding_pairs(BLOCK)
_add_narrow_pairs = _adding_pairs(NARROW)


def _round(_: Any, number: Any, array: Any) -> Any:
    """The whole number nearest to a float32, as an element of `array`; it has to fit."""
    signature = array.dtype(types.float32, array)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lowest = builder.bitcast(builder.fadd(arguments[0], ir.Constant(_FLOAT, _ROUNDING)), _WHOLE)
        return builder.trunc(lowest, ir.IntType(signature.return_type.bitwidth))

    return signature, generate


rounded: Any = intrinsic(_round)


def _reinterpret(_: Any, number: Any) -> Any:
    """The bits of a float32."""
    return types.int32(types.float32), lambda context, builder, signature, arguments: builder.bitcast(
        arguments[0], _WHOLE
    )


_bits: Any = intrinsic(_reinterpret)


@njit(inline="always")
def largest_size(numbers: Any) -> Any:
    """The largest size among numbers; no number when one of them is none.

    Bits of sizes are ordered as the sizes are, with what is no number above all, and the largest whole number is found
    in vectors, which that of floats is not.
    """
    largest = np.int32(0)
    for number in numbers:
        size = _bits(number) & np.int32(0x7FFFFFFF)
        largest = size if size > largest else largest
    return as_float(largest)


@njit(inline="always")
def factor_to(largest: Any, most: Any) -> Any:
    """What numbers up to `largest` are multiplied with to become whole ones up to `most`."""
    return most / largest if largest > _LEAST else np.float32(0.0)


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def attend_to_bytes(
    fused: Any,
    keys: Any,
    values: Any,
    key_scales: Any,
    value_scales: Any,
    blocks: int,
    rows: Any,
    past: Any,
    length: int,
    pairs: Any,
    out: Any,
) -> None:
    """As `attention_kernel.attend`, over int8 `keys` and `values` with their scales, all flat."""
    first, last, heads = pairs[0], pairs[1], pairs[2]
    size = out.shape[1]
    head = size // heads
    scale = np.float32(1.0 / np.sqrt(np.float64(head))) * LOG2_E
    query = np.empty(head, np.int16)
    mixed = np.empty(head, np.int32)
    whole = np.empty(blocks * BLOCK, np.int32)
    scores = np.empty(blocks * BLOCK, np.float32)
    weights = np.empty(blocks * BLOCK, np.int16)
    highest = np.empty(BLOCK, np.float32)
    sums = np.empty(BLOCK, np.float32)
    for pair in range(first, last):
        index, column = pair // heads, pair % heads * head
        scale_start = (rows[index] * heads + pair % heads) * blocks * BLOCK
        start = scale_start * head
        for new in range(length):
            source, count = index * length + new, past[index] + new + 1
            place, block, lane = count - 1, (count - 1) // BLOCK, (count - 1) % BLOCK
            asked = fused[source, column : column + head]
            key = fused[source, size + column : size + column + head]
            value = fused[source, 2 * size + column : 2 * size + column + head]
            query_size, key_size, value_size = largest_size(asked), largest_size(key), largest_size(value)
            query_factor = factor_to(query_size, _MOST_SHORT)
            key_factor, value_factor = factor_to(key_size, _MOST_BYTE), factor_to(value_size, _MOST_BYTE)
            key_scales[scale_start + place] = key_size / _MOST_BYTE
            value_scales[scale_start + place] = value_size / _MOST_BYTE
            key_start, value_start = start + block * BLOCK * head + 2 * lane, start + place // 2 * 2 * head + place % 2
            for number in range(head):
                keys[key_start + number // 2 * 2 * BLOCK + number % 2] = rounded(key[number] * key_factor, keys)
                values[value_start + 2 * number] = rounded(value[number] * value_factor, values)
                query[number] = rounded(asked[number] * query_factor, query)
                mixed[number] = 0
            whole[: (block + 1) * BLOCK] = 0
            for each in range(block + 1):
                _add_pairs_of_a_block(
                    whole, each * BLOCK, query, keys, start + each * BLOCK * head, 2 * BLOCK, head // 2
                )
            step = query_size / _MOST_SHORT * scale
            for each in range(count):
                scores[each] = np.float32(whole[each]) * (key_scales[scale_start + each] * step)
            weigh(scores, count, block + 1, highest, sums)
            for each in range(count):
                scores[each] *= value_scales[scale_start + each]
            largest = largest_size(scores[:count])
            most = min(_MOST_SHORT, _MOST_SUM / np.float32(count + 1))
            factor = factor_to(largest, most)
            for each in range(count):
                weights[each] = rounded(scores[each] * factor, weights)
            # The last pair's other half counts for nothing, whatever an older song left there.
            weights[count : count + count % 2] = 0
            if head % BLOCK == 0:
                for number in range(0, head, BLOCK):
                    _add_pairs_of_a_block(
                        mixed, number, weights, values, start + 2 * number, 2 * head, (count + 1) // 2
                    )
            else:
                for number in range(0, head, NARROW):
                    _add_narrow_pairs(mixed, number, weights, values, start + 2 * number, 2 * head, (count + 1) // 2)
            share = largest / most / sums.sum()
            for number in range(head):
                out[source, column + number] = np.float32(mixed[number]) * share
