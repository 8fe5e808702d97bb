"""Decode attention on a GPU that reads of each row what it has, and nothing else: kernels of our own in Triton.

One query for each row and head, over as many positions as the row's length says. The lengths are read on the device, so
a CUDA graph that was recorded once holds for all of them. A row's positions are divided into splits, which programs of
their own attend to, so that one song fills a card too; each leaves its mean and the logarithm of its sum, by which a
second kernel weighs them together (Flash-Decoding: Dao et al., 2023; online softmax: Milakov & Gimelshein, 2018).

What a row gives depends on nothing but the row: not on the others, nor on how long the longest of them is.

Triton comes with torch for CUDA. Nothing else needs it, so this module is imported where there is a GPU only.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from services.generation.runtimes.decode_attention import Attend

CHUNKS = (64, 128, 256, 512)
"""Positions of a split, from what fills a card with one song's rows to what spares many songs' the second kernel."""

LANES = 64
"""Positions that a program works on at once, each with a running sum of its own."""

# Below any score that is kept, and far enough from the end of float32 that differences stay finite.
_LOWEST = tl.constexpr(-1e30)
# Scores are powers of two, not of e.
_LOG2_E = 1.4426950408889634


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def attend_split(
    queries: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    lengths: tl.tensor,
    means: tl.tensor,
    sums: tl.tensor,
    query_row: tl.tensor,
    query_head: tl.tensor,
    cache_row: tl.tensor,
    cache_head: tl.tensor,
    heads: tl.tensor,
    scale: tl.tensor,
    size: tl.constexpr,
    lanes: tl.constexpr,
    chunk: tl.constexpr,
) -> None:
    """One split of one row's head: its mean `[size]`, and the logarithm to base 2 of the sum of its weights."""
    pair, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    row, head = pair // heads, pair % heads
    length = tl.load(lengths + row)
    first = split * chunk
    last = tl.minimum(first + chunk, length)
    dimension, lane = tl.arange(0, size), tl.arange(0, lanes)
    query = tl.load(queries + row * query_row + head * query_head + dimension).to(tl.float32) * scale
    tile = row * cache_row + head * cache_head + lane[:, None] * size + dimension[None, :]
    # Each lane goes over the positions on its own: nothing runs across them before the end.
    highest = tl.full([lanes], _LOWEST, tl.float32)
    weights = tl.zeros([lanes], tl.float32)
    mixed = tl.zeros([lanes, size], tl.float32)
    for position in range(first, last, lanes):
        seen = position + lane < last
        key = tl.load(keys + tile + position * size, mask=seen[:, None], other=0.0).to(tl.float32)
        value = tl.load(values + tile + position * size, mask=seen[:, None], other=0.0).to(tl.float32)
        score = tl.where(seen, tl.sum(key * query[None, :], axis=1), _LOWEST)
        higher = tl.maximum(highest, score)
        weight = tl.where(seen, tl.exp2(score - higher), 0.0)
        kept = tl.exp2(highest - higher)
        weights = weights * kept + weight
        mixed = mixed * kept[:, None] + value * weight[:, None]
        highest = higher
    top = tl.max(highest, axis=0)
    share = tl.exp2(highest - top)
    whole = tl.sum(weights * share, axis=0)
    # A row without positions: zeros, in the first split's place.
    divisor = tl.where(whole > 0.0, whole, 1.0)
    mean = tl.sum(mixed * share[:, None], axis=0) / divisor
    place = pair * tl.num_programs(1) + split
    used = first < tl.maximum(length, 1)
    tl.store(means + place * size + dimension, mean, mask=tl.where(used, dimension, size) < size)
    tl.store(sums + place, tl.where(whole > 0.0, top + tl.log2(divisor), _LOWEST), mask=used)


@triton.jit(do_not_specialize=["splits"])  # type: ignore[untyped-decorator, unused-ignore]
def merge_splits(
    means: tl.tensor,
    sums: tl.tensor,
    lengths: tl.tensor,
    out: tl.tensor,
    heads: tl.tensor,
    splits: tl.tensor,
    size: tl.constexpr,
    chunk: tl.constexpr,
    most: tl.constexpr,
) -> None:
    """The splits of one row's head, weighed together. `most` is a power of two that no row's splits exceed."""
    pair = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + pair // heads)
    dimension, split = tl.arange(0, size), tl.arange(0, most)
    used = split * chunk < tl.minimum(tl.maximum(length, 1), splits * chunk)
    place = pair * splits + split
    total = tl.load(sums + place, mask=used, other=_LOWEST)
    share = tl.where(used, tl.exp2(total - tl.max(total, axis=0)), 0.0)
    mean = tl.load(means + place[:, None] * size + dimension[None, :], mask=used[:, None], other=0.0)
    whole = tl.sum(mean * share[:, None], axis=0) / tl.sum(share, axis=0)
    tl.store(out + pair * size + dimension, whole)


class RaggedAttention:
    """The kernels as a `DecodeAttention`, with splits of `chunk` positions (a multiple of `LANES`)."""

    def __init__(self, chunk: int) -> None:
        if chunk % LANES:
            raise ValueError("A split is made of whole tiles.")
        self._chunk = chunk

    @property
    def name(self) -> str:
        """What the log calls it."""
        return f"ragged/{self._chunk}"

    def __call__(self, lengths: Tensor, longest: int) -> Attend:
        """See `DecodeAttention`. ValueError, when it attends, for what the kernels do not take."""
        splits = -(-longest // self._chunk)

        def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            return self._attend(queries, keys, values, lengths, splits)

        return attend

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, splits: int) -> Tensor:
        rows, heads, count, head = queries.shape
        _check(queries, keys, values, lengths)
        out = torch.empty(rows, heads, count, head, device=queries.device, dtype=queries.dtype)
        places = (rows, heads, splits)
        means = out if splits == 1 else torch.empty(*places, head, device=queries.device, dtype=torch.float32)
        sums = torch.empty(places, device=queries.device, dtype=torch.float32)
        attend_split[(rows * heads, splits)](
            queries, keys, values, lengths, means, sums,
            queries.stride(0), queries.stride(1), keys.stride(0), keys.stride(1), heads, head**-0.5 * _LOG2_E,
            size=head, lanes=LANES, chunk=self._chunk, num_warps=4,
        )  # fmt: skip
        if splits > 1:
            # The same for every step over this cache, so that it is compiled once, and sums in one order.
            most = triton.next_power_of_2(triton.cdiv(keys.shape[2], self._chunk))
            merge_splits[(rows * heads,)](
                means, sums, lengths, out, heads, splits, size=head, chunk=self._chunk, most=most, num_warps=4
            )
        return out


def _check(queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor) -> None:
    """ValueError for what the kernels would read as something else: they know no bounds but the lengths."""
    rows, heads, count, head = queries.shape
    if count != 1 or head < 16 or head & (head - 1):
        raise ValueError("It takes one query for a row, and heads of a power of two.")
    if keys.shape != values.shape or keys.shape[:2] != (rows, heads) or keys.shape[3] != head:
        raise ValueError("Keys and values have the rows and heads of the queries.")
    if keys.stride() != values.stride() or keys.stride()[2:] != (head, 1) or queries.stride(3) != 1:
        raise ValueError("Positions of a cache lie behind each other.")
    if lengths.shape != (rows,) or lengths.dtype is not torch.int32 or not lengths.is_contiguous():
        raise ValueError("There is a length for each row, as int32.")
