"""Attention of new positions over their rows' keys and values, compiled: memory is read once and in order.

A step of many songs is bound by its caches, so their layout is made for reading. Keys lie in blocks of `BLOCK`
positions, transposed: `[rows, heads, blocks, head, BLOCK]`, so that a dimension of the query is multiplied with many
positions at once and no sum runs across a vector. Values lie as they come, `[rows, heads, blocks · BLOCK, head]`. Both
as float32, or as float16's bits in uint16 (numba has no float16); sums are float32. `byte_attention_kernel` does the
same over int8.

The products are written for LLVM as vectors, because the compiler's own loops keep their sums in memory. Nothing here
checks bounds: `RowCaches` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

BLOCK = 64
"""Positions of a block, and numbers that a product works on at once."""

NARROW = 16
"""Heads are made of whole vectors of so many numbers."""

_INDEX = ir.IntType(64)
_FLOAT = ir.FloatType()
LOWEST = np.float32(-1e30)
"""Below any score that is kept, and far enough from the end of float32 that differences stay finite."""

LOG2_E = np.float32(1.4426950408889634)
"""Scores are powers of two, not of e: the scale of the queries holds the difference."""

# A product and a sum may become one instruction, and nothing else may change.
_FUSED = ("contract",)


def pointer_to(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Where an element of a flat array lies."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _wide(builder: Any, pointer: Any, lanes: int) -> Any:
    """A vector of float32 from float32, or from float16's bits."""
    half = pointer.type.pointee != _FLOAT
    stored = ir.VectorType(ir.HalfType() if half else _FLOAT, lanes)
    vector = builder.load(builder.bitcast(pointer, stored.as_pointer()), align=2 if half else 4)
    return builder.fpext(vector, ir.VectorType(_FLOAT, lanes)) if half else vector


def _adding_rows(lanes: int) -> Any:
    """The intrinsic that adds weighted rows of a matrix to a vector of so many numbers."""

    @intrinsic
    def add_rows(
        _: Any, out: Any, at: Any, weights: Any, first: Any, matrix: Any, start: Any, stride: Any, count: Any
    ) -> Any:
        signature = types.void(out, types.int64, weights, types.int64, matrix, types.int64, types.int64, types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            out, at, weights, first, matrix, start, stride, count = arguments
            wide = ir.VectorType(_FLOAT, lanes)
            kinds = signature.args
            target = builder.bitcast(pointer_to(context, builder, kinds[0], out, at), wide.as_pointer())
            weight = pointer_to(context, builder, kinds[2], weights, first)
            row = pointer_to(context, builder, kinds[4], matrix, start)
            before = builder.load(target, align=4)
            entry = builder.block
            loop, done = builder.append_basic_block("rows"), builder.append_basic_block("done")
            builder.cbranch(builder.icmp_signed(">", count, _INDEX(0)), loop, done)
            builder.position_at_end(loop)
            index, sums = builder.phi(_INDEX), builder.phi(wide)
            nothing = ir.Constant(wide, ir.Undefined)
            one = builder.insert_element(
                nothing, builder.load(builder.gep(weight, [index]), align=4), ir.IntType(32)(0)
            )
            every = builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))
            product = builder.fmul(
                every, _wide(builder, builder.gep(row, [builder.mul(index, stride)]), lanes), flags=_FUSED
            )
            added = builder.fadd(sums, product, flags=_FUSED)
            following = builder.add(index, _INDEX(1))
            for phi, begin, again in ((index, _INDEX(0), following), (sums, before, added)):
                phi.add_incoming(begin, entry)
                phi.add_incoming(again, loop)
            builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
            builder.position_at_end(done)
            after = builder.phi(wide)
            after.add_incoming(before, entry)
            after.add_incoming(added, loop)
            builder.store(after, target, align=4)
            return context.get_dummy_value()

        return signature, generate

    return add_rows


_add_rows_of_a_block = _adding_rows(BLOCK)
_add_narrow_rows = _adding_rows(NARROW)


def _store(_: Any, number: Any, matrix: Any) -> Any:
    """A float32 as an element of `matrix`: itself, or float16's bits."""
    signature = matrix.dtype(types.float32, matrix)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if signature.return_type == types.float32:
            return arguments[0]
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return signature, generate


_stored: Any = intrinsic(_store)


def _reinterpret(_: Any, bits: Any) -> Any:
    """The float32 that these bits are."""
    return types.float32(types.int32), lambda context, builder, signature, arguments: builder.bitcast(
        arguments[0], _FLOAT
    )


as_float: Any = intrinsic(_reinterpret)


@njit(inline="always")
def power_of_two(x: Any) -> Any:
    """2 ** x for x ≤ 0 within 2.4e-7 of itself, as arithmetic that becomes vectors (polynomial: Cephes, `exp2f`)."""
    x = max(x, np.float32(-126.0))
    whole = np.floor(x + np.float32(0.5))
    part = x - whole
    power = np.float32(1.535336188319500e-4)
    power = power * part + np.float32(1.339887440266574e-3)
    power = power * part + np.float32(9.618437357674640e-3)
    power = power * part + np.float32(5.550332471162809e-2)
    power = power * part + np.float32(2.402264791363012e-1)
    power = power * part + np.float32(6.931472028550421e-1)
    power = power * part + np.float32(1.0)
    return power * as_float((np.int32(whole) + np.int32(127)) << np.int32(23))


@njit(inline="always")
def weigh(scores: Any, count: int, blocks: int, highest: Any, sums: Any) -> None:
    """Make weights of the first `count` scores of so many blocks, in place: powers of two below the highest of them.

    `sums` `[BLOCK]` becomes their sum, a lane's each; `highest` `[BLOCK]` is room to work in.
    """
    scores[count : blocks * BLOCK] = LOWEST
    highest[:] = LOWEST
    sums[:] = np.float32(0.0)
    for each in range(blocks):
        for lane in range(BLOCK):
            score = scores[each * BLOCK + lane]
            highest[lane] = score if score > highest[lane] else highest[lane]
    top = highest.max()
    for each in range(blocks):
        for lane in range(BLOCK):
            weight = power_of_two(scores[each * BLOCK + lane] - top)
            scores[each * BLOCK + lane] = weight
            sums[lane] += weight


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def attend(
    fused: Any, keys: Any, values: Any, blocks: int, rows: Any, past: Any, length: int, pairs: Any, out: Any
) -> None:
    """Store `length` new positions of some rows, and attend from each of them to all up to itself.

    `fused` `[R · length, 3 · d]` holds queries, keys and values; `keys` and `values` are the whole caches, flat, of
    `blocks` blocks a row; `rows` `[R]` says which of their rows are meant, `past` `[R]` how many positions each holds
    already. `pairs` `[first, last, heads]`: of the R · heads pairs of a row and a head, which share nothing, only those
    from the first until before the last are worked on. `out` `[R · length, d]`.
    """
    first, last, heads = pairs[0], pairs[1], pairs[2]
    size = out.shape[1]
    head = size // heads
    scale = np.float32(1.0 / np.sqrt(np.float64(head))) * LOG2_E
    query = np.empty(head, np.float32)
    mixed = np.empty(head, np.float32)
    scores = np.empty(blocks * BLOCK, np.float32)
    highest = np.empty(BLOCK, np.float32)
    sums = np.empty(BLOCK, np.float32)
    for pair in range(first, last):
        index, column = pair // heads, pair % heads * head
        start = (rows[index] * heads + pair % heads) * blocks * BLOCK * head
        for new in range(length):
            source, count = index * length + new, past[index] + new + 1
            block, lane = (count - 1) // BLOCK, (count - 1) % BLOCK
            for number in range(head):
                key, value = fused[source, size + column + number], fused[source, 2 * size + column + number]
                keys[start + (block * head + number) * BLOCK + lane] = _stored(key, keys)
                values[start + (count - 1) * head + number] = _stored(value, values)
                query[number] = fused[source, column + number] * scale
                mixed[number] = np.float32(0.0)
            scores[: (block + 1) * BLOCK] = np.float32(0.0)
            for each in range(block + 1):
                place = start + each * head * BLOCK
                _add_rows_of_a_block(scores, each * BLOCK, query, 0, keys, place, BLOCK, head)
            weigh(scores, count, block + 1, highest, sums)
            if head % BLOCK == 0:
                for place in range(0, head, BLOCK):
                    _add_rows_of_a_block(mixed, place, scores, 0, values, start + place, head, count)
            else:
                for place in range(0, head, NARROW):
                    _add_narrow_rows(mixed, place, scores, 0, values, start + place, head, count)
            share = np.float32(1.0) / sums.sum()
            for number in range(head):
                out[source, column + number] = mixed[number] * share
