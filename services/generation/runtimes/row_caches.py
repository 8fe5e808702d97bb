"""Keys and values of all rows, and attention over them by the compiled kernel: on as many threads as the graph has."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from llvmlite import binding
from numpy.typing import NDArray

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.attention_kernel import BLOCK, NARROW, attend
from services.generation.runtimes.byte_attention_kernel import attend_to_bytes
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision

_STORED = {CachePrecision.FLOAT32: np.float32, CachePrecision.FLOAT16: np.uint16, CachePrecision.INT8: np.int8}
# Positions of all rows and heads below which waking another thread takes longer than it would save.
_WORTH_SHARING = 16_384


def kernel_fits(configuration: DecoderConfiguration, precision: Precision) -> bool:
    """Whether the kernel can take a decoder's attention over: its caches, its heads, on this processor."""
    return (
        precision.cache in _STORED
        # There the whole graph computes in bfloat16, attention too.
        and precision.weights is not WeightPrecision.BFLOAT16
        and configuration.head_size % NARROW == 0
        and (precision.cache is not CachePrecision.FLOAT16 or _converts_halves())
    )


@functools.cache
def _converts_halves() -> bool:
    """Whether this processor reads float16: without an instruction for it the kernel would be slow."""
    return bool(binding.get_host_cpu_features().get("f16c", False))


class RowCaches:
    """Caches of `rows` rows with room for a configuration's positions, in every layer.

    `begin` says which rows the following calls of `attend`, one a layer, are about. One thread at a time.
    """

    def __init__(self, configuration: DecoderConfiguration, rows: int, precision: CachePrecision, threads: int) -> None:
        self._heads, self._head_size, self._rows = configuration.heads, configuration.head_size, rows
        self._blocks = -(-configuration.cache_positions // BLOCK)
        numbers = rows * self._blocks * BLOCK * configuration.hidden_size
        scales = rows * self._blocks * BLOCK * self._heads
        kinds: list[tuple[int, Any]] = [(numbers, _STORED[precision])] * 2
        # One of two kernels, each with the caches that are its own in front.
        self._attend: Callable[..., None] = attend
        if precision is CachePrecision.INT8:
            kinds += [(scales, np.float32)] * 2
            self._attend = attend_to_bytes
        # Keys, values and their scales, by layer. Zeros, whose pages cost nothing until they are written.
        self._held = tuple(np.zeros((configuration.layers, count), kind) for count, kind in kinds)
        self._pool = ThreadPoolExecutor(threads - 1, "attention") if threads > 1 else None
        self._threads = threads
        self._called = np.zeros(0, np.int64)
        self._past = np.zeros(0, np.int64)
        self._length = 0
        self._parts: list[NDArray[np.int64]] = []

    @property
    def size_bytes(self) -> int:
        """Bytes that all of them take once they are full."""
        return sum(kept.nbytes for kept in self._held)

    @property
    def held(self) -> tuple[NDArray[Any], ...]:
        """Keys and values, and their scales where they are int8, each `[layers, …]`: for `step_kernel`."""
        return self._held

    @property
    def blocks(self) -> int:
        """Blocks of a row."""
        return self._blocks

    def begin(self, rows: Sequence[int], past: NDArray[np.int32], length: int) -> None:
        """`length` new positions of these rows come next, the first of each after its `past`. ValueError for others."""
        called = np.asarray(rows, np.int64)
        if len(set(rows)) != len(rows) or called.min() < 0 or called.max() >= self._rows:
            raise ValueError(f"Rows are different ones of {self._rows}.")
        if len(past) != len(rows) or past.min() < 0 or past.max() + length > self._blocks * BLOCK or length < 1:
            raise ValueError("Positions lie within the cache.")
        self._called, self._past, self._length = called, past.astype(np.int64), length
        self._parts = self._shares()

    def attend(self, layer: int, fused: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Queries, keys and values `[R · n, 3 · d]` of the new positions into one layer's attention `[R · n, d]`."""
        positions, size = len(self._called) * self._length, self._heads * self._head_size
        if fused.shape != (positions, 3 * size) or out.shape != (positions, size):
            raise ValueError("The graph computes what was begun.")
        held = [kept[layer] for kept in self._held]
        asked = (self._blocks, self._called, self._past, self._length)
        rest = [
            self._pool.submit(self._attend, fused, *held, *asked, part, out)
            for part in self._parts[1:]
            if self._pool is not None
        ]
        try:
            self._attend(fused, *held, *asked, self._parts[0], out)
        finally:
            # They write into memory that is the caller's again once this is over.
            wait(rest)
        for future in rest:
            future.result()

    def close(self) -> None:
        """Let the memory and the threads go. Idempotent; nothing attends afterwards."""
        if self._pool is not None:
            self._pool.shutdown()
        self._held = ()

    def _shares(self) -> list[NDArray[np.int64]]:
        """Pairs of rows and heads for each thread, by how many positions they read."""
        reads = np.repeat(self._length * (self._past + self._length), self._heads)
        total = int(reads.sum())
        threads = self._threads if total >= _WORTH_SHARING else 1
        ends = np.searchsorted(np.cumsum(reads), [total * part / threads for part in range(1, threads)])
        edges = [0, *(int(end) for end in ends), len(reads)]
        return [np.array([first, last, self._heads], np.int64) for first, last in itertools.pairwise(edges)]
