"""A step of the whole decoder, compiled: all layers, from inputs to logits, without a word between them.

What a step of one song costs beside reading its weights is what stands between its operations: in a graph of 24 layers
there are some 500, each handed out to threads and waited for. Here threads stay together from the first layer to the
heads (`phase_kernel`), rows never become anything but what the next product takes (`dense_kernel`), and attention reads
the caches where they lie (`attention_kernel`, `byte_attention_kernel`).

A step is a list of phases (`StepWeights.phases`), so that each operation stands in the compiled code once. A position's
numbers depend on its own row and nothing else, to the bit: not on which rows stand beside it, how many positions are
run at once, or on threads. Nothing here checks bounds: `StepDecoder` does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from services.generation.runtimes.attention_kernel import LOG2_E, LOWEST, attend, power_of_two
from services.generation.runtimes.byte_attention_kernel import attend_to_bytes
from services.generation.runtimes.dense_kernel import PANEL, multiply, quantise
from services.generation.runtimes.phase_kernel import claim, finish, wait_for

NORMALISE, QUANTISE, ATTEND, STORE, ADD, ACTIVATE, READ = range(7)
"""What a phase does: the next product's inputs, normalised or as they are; attention over the caches; a product whose
outputs are stored, added, or activated and stored, or are the queries that read cross-attention."""

X, FUSED, ATTENDED, INNER, LOGITS = range(5)
"""Arrays of positions that phases read and write."""

_EPSILON = np.float32(1e-5)


class StepWeights(NamedTuple):
    """All weights, and what is done with them.

    `places` `[products, 5]` are where each product's `bytes` and `scales` lie (`dense_kernel.multiply`), and how many
    panels it has; `norms` `[norms, 2, d]` weights and biases. `phases` `[P, 6]`: what is done, by which product or
    norm, in which layer, with which array and into which, and whether with the rows that read cross-attention only.
    """

    bytes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    places: NDArray[np.int64]
    norms: NDArray[np.float32]
    phases: NDArray[np.int64]


class StepRows(NamedTuple):
    """Whose positions are run: `rows` and `past` `[R]` as for `attend`, `length` of each, in caches of `blocks` a row.

    The first rows read cross-attention, each what is its own: at the addresses `cross_keys` `[Rc]` lie `[layers, heads,
    head, S]` float32, scaled by 1 / √head, at `cross_values` `[Rc]` `[layers, heads, S, head]`, of `cross_lengths`
    `[Rc]` positions S. So a prompt is laid out once, and its length costs nobody else.
    """

    blocks: int
    rows: NDArray[np.int64]
    past: NDArray[np.int64]
    length: int
    cross_keys: NDArray[np.int64]
    cross_values: NDArray[np.int64]
    cross_lengths: NDArray[np.int64]


class StepRoom(NamedTuple):
    """What a step works in, T = R · length positions and more.

    `arrays` are `X` `[T, d]`, the inputs, which are overwritten, `FUSED` `[T, 3 · d]`, `ATTENDED` `[T, d]`, `INNER`
    `[T, 4 · d]` and `LOGITS` `[T, K · V]`. `given`, `given_scales` and `totals` hold the widest product's inputs,
    quantised; `counters` are `phase_kernel`'s. Pairs of rows and heads are attended to `pairs` at a time.
    """

    arrays: tuple[NDArray[np.float32], ...]
    given: NDArray[np.int8]
    given_scales: NDArray[np.float32]
    totals: NDArray[np.int32]
    counters: NDArray[np.int64]
    pairs: int


def _attend(fused: Any, held: Any, layer: Any, rows: Any, part: Any, out: Any) -> None:
    """One layer's attention by the kernel that its caches are for."""
    raise NotImplementedError


@overload(_attend)
def _attend_by_kind(fused: Any, held: Any, layer: Any, rows: Any, part: Any, out: Any) -> Any:
    def to_numbers(fused: Any, held: Any, layer: Any, rows: Any, part: Any, out: Any) -> None:
        keys, values = held
        attend(fused, keys[layer], values[layer], rows.blocks, rows.rows, rows.past, rows.length, part, out)

    def to_bytes(fused: Any, held: Any, layer: Any, rows: Any, part: Any, out: Any) -> None:
        keys, values, key_scales, value_scales = held
        attend_to_bytes(
            fused, keys[layer], values[layer], key_scales[layer], value_scales[layer], rows.blocks, rows.rows,
            rows.past, rows.length, part, out,
        )  # fmt: skip

    return to_bytes if held[0].dtype == types.int8 else to_numbers


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _normalise(x: Any, weights: Any, out: Any) -> None:
    """Layer normalisation of one position."""
    total, spread = np.float32(0.0), np.float32(0.0)
    for number in x:
        total += number
    mean = total / np.float32(len(x))
    for number in x:
        spread += (number - mean) * (number - mean)
    factor = np.float32(1.0) / np.sqrt(spread / np.float32(len(x)) + _EPSILON)
    for index in range(len(x)):
        out[index] = (x[index] - mean) * factor * weights[0, index] + weights[1, index]


@njit(inline="always")
def _activated(x: Any) -> Any:
    """GELU with the error function within 1.5e-7 (Abramowitz and Stegun, 7.1.26)."""
    z = abs(x) * np.float32(0.7071067811865476)
    t = np.float32(1.0) / (np.float32(1.0) + np.float32(0.3275911) * z)
    power = np.float32(1.061405429)
    power = power * t - np.float32(1.453152027)
    power = power * t + np.float32(1.421413741)
    power = power * t - np.float32(0.284496736)
    power = power * t + np.float32(0.254829592)
    rest = power * t * power_of_two(-z * z * LOG2_E)
    # 1 + erf is 2 − rest above zero and rest below.
    return np.float32(0.5) * x * (np.float32(2.0) - rest if x > np.float32(0.0) else rest)


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _put(kind: int, sums: Any, panel: int, tokens: int, out: Any) -> None:
    """A panel's outputs to where they belong."""
    for token in range(tokens):
        target, source = out[token, panel * PANEL : (panel + 1) * PANEL], sums[token * PANEL : (token + 1) * PANEL]
        if kind == STORE:
            for lane in range(PANEL):
                target[lane] = source[lane]
        elif kind == ADD:
            for lane in range(PANEL):
                target[lane] += source[lane]
        else:
            for lane in range(PANEL):
                target[lane] = _activated(source[lane])


def _address(_: Any, number: Any) -> Any:
    """The memory at an address."""
    return types.voidptr(types.int64), lambda context, builder, signature, arguments: builder.inttoptr(
        arguments[0], cgutils.voidptr_t
    )


_memory_at: Any = intrinsic(_address)


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _read_cross(rows: Any, layer: int, row: int, number: int, heads: int, query: Any, scores: Any, out: Any) -> None:
    """What one head of one position reads of its prompt."""
    count, head = rows.cross_lengths[row], len(query)
    place_of_head = layer * heads + number
    keys = carray(_memory_at(rows.cross_keys[row]), ((layer + 1) * heads, head, count), np.float32)[place_of_head]
    values = carray(_memory_at(rows.cross_values[row]), ((layer + 1) * heads, count, head), np.float32)[place_of_head]
    scores[:count] = np.float32(0.0)
    for index in range(head):
        for place in range(count):
            scores[place] += query[index] * keys[index, place]
    top = LOWEST
    for place in range(count):
        top = max(top, scores[place])
    total = np.float32(0.0)
    for place in range(count):
        scores[place] = power_of_two((scores[place] - top) * LOG2_E)
        total += scores[place]
    out[:] = np.float32(0.0)
    for place in range(count):
        share = scores[place] / total
        for index in range(head):
            out[index] += share * values[place, index]


@njit(nogil=True, cache=True, error_model="numpy")
def _read(
    sums: Any, rows: Any, layer: int, panel: int, tokens: int, heads: int, head: int, scores: Any, out: Any
) -> None:
    """What the queries of a panel, which are whole heads, read."""
    for token in range(tokens):
        for first in range(0, PANEL, head):
            query, column = sums[token * PANEL + first : token * PANEL + first + head], panel * PANEL + first
            into = out[token, column : column + head]
            _read_cross(rows, layer, token // rows.length, column // head, heads, query, scores, into)


@njit(nogil=True, cache=True, error_model="numpy")
def run_step(weights: Any, held: Any, rows: Any, room: Any, heads: int) -> None:
    """Inputs to logits; by as many threads as call it with the same arguments at the same time, or by one."""
    all_tokens, reading = len(rows.rows) * rows.length, len(rows.cross_lengths) * rows.length
    size = room.arrays[X].shape[1]
    pairs = len(rows.rows) * heads
    sums, normed = np.empty(all_tokens * PANEL, np.float32), np.empty(size, np.float32)
    longest = 0
    for length in rows.cross_lengths:
        longest = max(longest, length)
    scores = np.empty(longest, np.float32)
    for phase in range(len(weights.phases)):
        kind, at, layer = weights.phases[phase, 0], weights.phases[phase, 1], weights.phases[phase, 2]
        source, target = room.arrays[weights.phases[phase, 3]], room.arrays[weights.phases[phase, 4]]
        tokens = reading if weights.phases[phase, 5] else all_tokens
        if tokens == 0:
            continue
        if kind in (NORMALISE, QUANTISE):
            pieces = tokens
        elif kind == ATTEND:
            pieces = -(-pairs // room.pairs)
        else:
            pieces = weights.places[at, 4]
        while True:
            piece = claim(room.counters, phase)
            if piece >= pieces:
                break
            if kind in (NORMALISE, QUANTISE):
                numbers = source[piece]
                if kind == NORMALISE:
                    _normalise(numbers, weights.norms[at], normed)
                    numbers = normed
                quantise(numbers, piece, room.given, room.given_scales, room.totals)
            elif kind == ATTEND:
                part = (piece * room.pairs, min(pairs, (piece + 1) * room.pairs), heads)
                _attend(source, held, layer, rows, part, target)
            else:
                place = weights.places[at]
                multiply(
                    weights.bytes, weights.scales, place, piece, room.given, room.given_scales, room.totals, tokens,
                    sums,
                )  # fmt: skip
                if kind == READ:
                    _read(sums, rows, layer, piece, tokens, heads, size // heads, scores, target)
                else:
                    _put(kind, sums, piece, tokens, target)
            finish(room.counters, phase)
        wait_for(room.counters, phase, pieces)
