"""The decoder of int8 and int4 weights by kernels of our own, from inputs to logits, on a processor that has them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.decoder_weights import DecoderWeights
from services.generation.runtimes.dense_kernel import GROUP, PANEL, fits, multiplies_bytes, packed_sizes, panels_of
from services.generation.runtimes.phase_kernel import COUNTERS
from services.generation.runtimes.precision import Precision, WeightPrecision
from services.generation.runtimes.quantization import Int4Weight, Int8Weight
from services.generation.runtimes.row_caches import RowCaches, kernel_fits
from services.generation.runtimes.row_decoder import CrossRow, ReadableCross, RowDecoder
from services.generation.runtimes.step_kernel import (
    ACTIVATE,
    ADD,
    ATTEND,
    ATTENDED,
    FUSED,
    INNER,
    LOGITS,
    NORMALISE,
    QUANTISE,
    READ,
    STORE,
    StepRoom,
    StepRows,
    StepWeights,
    X,
    run_step,
)
from services.generation.runtimes.turns import Turns

# Pieces that each thread gets of an attention, so that none waits long for another.
_PIECES = 4
# Phases of a layer: what is done, by which product or norm, with which array and into which, and whether with
# conditioned rows only.
_SELF_ATTENTION = (
    (NORMALISE, "self_attn_layer_norm", X, X, False),
    (STORE, "self_attn.qkv", X, FUSED, False),
    (ATTEND, "", FUSED, ATTENDED, False),
    (QUANTISE, "", ATTENDED, X, False),
    (ADD, "self_attn.out_proj", X, X, False),
)
_CROSS_ATTENTION = (
    (NORMALISE, "encoder_attn_layer_norm", X, X, True),
    (READ, "encoder_attn.q_proj", X, ATTENDED, True),
    (QUANTISE, "", ATTENDED, X, True),
    (ADD, "encoder_attn.out_proj", X, X, True),
)
_FEED_FORWARD = (
    (NORMALISE, "final_layer_norm", X, X, False),
    (ACTIVATE, "fc1", X, INNER, False),
    (QUANTISE, "", INNER, X, False),
    (ADD, "fc2", X, X, False),
)
_HEADS = ((NORMALISE, "layer_norm", X, X, False), (STORE, "heads", X, LOGITS, False))


def steps_fit(configuration: DecoderConfiguration, precision: Precision) -> bool:
    """Whether the kernels can take a decoder: its weights, its caches, its sizes, on this processor."""
    return not why_not(configuration, precision)


def why_not(configuration: DecoderConfiguration, precision: Precision) -> str:
    """What keeps the kernels from taking a decoder, for the log; empty when nothing does."""
    size, inner = configuration.hidden_size, configuration.feed_forward_size
    shapes = [(size, size), (inner, size), (size, inner), (configuration.codebooks * configuration.vocabulary, size)]
    if precision.weights not in (WeightPrecision.INT8, WeightPrecision.INT4):
        return f"its weights are {precision.weights.value}"
    if not multiplies_bytes():
        return "the processor has no AVX-512 VNNI"
    if not kernel_fits(configuration, precision) or PANEL % configuration.head_size:
        return f"its caches are {precision.cache.value}, with heads of {configuration.head_size}"
    return "" if all(fits(*shape) for shape in shapes) else "its sizes are not whole panels"


class StepDecoder(RowDecoder):
    """`rows` rows on so many threads, of which the caller's is one. May be closed by another thread."""

    def __init__(
        self,
        configuration: DecoderConfiguration,
        weights: DecoderWeights,
        precision: Precision,
        rows: int,
        threads: int = 1,
        turns: Turns | None = None,
    ) -> None:
        super().__init__(configuration, weights, turns)
        if not steps_fit(configuration, precision):
            raise ValueError("These kernels are for int8 and int4 weights of whole panels, where a processor has them.")
        self._weights: StepWeights | None = _packed(configuration, weights)
        self._phases = len(self._weights.phases)
        # Attention is a phase of the step here, on the step's own threads.
        self._caches = RowCaches(configuration, rows, precision.cache, 1)
        self._threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self._threads - 1, "decoder") if self._threads > 1 else None
        self._room = _room(configuration, 2, self._phases)
        self._readable: dict[int, ReadableCross] = {}
        self._lock = threading.Lock()
        # Kernels are made, and weights brought into memory, while a model is loaded and not in somebody's first step.
        self.run([0], np.zeros((1, 1, configuration.hidden_size), np.float32), [0])

    def set_cross(self, row: int, memory: CrossRow | None) -> None:
        """What a row's cross-attention reads from now on; it is laid out here, once."""
        super().set_cross(row, memory)
        if memory is None:
            self._readable.pop(row, None)
        else:
            self._readable[row] = ReadableCross.of(memory)

    def _compute(
        self,
        rows: Sequence[int],
        x: NDArray[np.float32],
        past: NDArray[np.int32],
        length: int,
        reading: Sequence[CrossRow],
    ) -> NDArray[np.float32]:
        with self._lock, self._turns:
            if self._weights is None:
                raise RuntimeError("The decoder is closed.")
            self._caches.begin(rows, past, length)
            # Held here: whoever lets go of a row meanwhile takes nothing from under the step.
            cross = [self._readable[row] for row in rows[: len(reading)]]
            blocks, heads = self._caches.blocks, self._configuration.heads
            asked = StepRows(
                blocks,
                np.asarray(rows, np.int64),
                past.astype(np.int64),
                length,
                np.array([one.keys.ctypes.data for one in cross], np.int64),
                np.array([one.values.ctypes.data for one in cross], np.int64),
                np.array([one.keys.shape[3] for one in cross], np.int64),
            )
            room = self._room_for(x, len(rows))
            self._run(self._weights, asked, room, heads)
            return room.arrays[LOGITS]

    def close(self) -> None:
        """Let weights, caches and threads go, once a step that is under way is over."""
        with self._lock:
            self._weights = None
            self._caches.close()
            if self._pool is not None:
                self._pool.shutdown()
            self._readable.clear()
        self._cross.clear()

    def _run(self, weights: StepWeights, asked: StepRows, room: StepRoom, heads: int) -> None:
        held = self._caches.held
        rest = [
            self._pool.submit(run_step, weights, held, asked, room, heads)
            for _ in range(self._threads - 1)
            if self._pool is not None
        ]
        try:
            run_step(weights, held, asked, room, heads)
        finally:
            # Who has not begun need not any more; who has looks at counters that the next step begins anew.
            wait([future for future in rest if not future.cancel()])
        for future in rest:
            if not future.cancelled():
                future.result()

    def _room_for(self, x: NDArray[np.float32], rows: int) -> StepRoom:
        """Room for these inputs: what the last steps worked in, as far as it goes, and logits of their own."""
        configuration, tokens = self._configuration, len(x)
        if len(self._room.arrays[FUSED]) < tokens:
            self._room = _room(configuration, tokens, self._phases)
        room = self._room
        room.counters[:] = 0
        logits = np.empty((tokens, configuration.codebooks * configuration.vocabulary), np.float32)
        return room._replace(
            arrays=(x, *room.arrays[FUSED:LOGITS], logits),
            pairs=max(1, rows * configuration.heads // (_PIECES * self._threads)),
        )


def _room(configuration: DecoderConfiguration, tokens: int, phases: int) -> StepRoom:
    """Room for so many positions; their inputs and logits come later."""
    size, inner = configuration.hidden_size, configuration.feed_forward_size
    widest = max(size, inner)
    widths = {X: 0, FUSED: 3 * size, ATTENDED: size, INNER: inner, LOGITS: 0}
    return StepRoom(
        arrays=tuple(np.empty((tokens, widths[array]), np.float32) for array in sorted(widths)),
        given=np.empty(tokens * widest, np.int8),
        given_scales=np.empty(tokens * widest // GROUP, np.float32),
        totals=np.empty(tokens * widest // GROUP, np.int32),
        counters=np.zeros(phases * COUNTERS, np.int64),
        pairs=1,
    )


class _Packing:
    """All weights as the kernels read them, in the order in which they do."""

    def __init__(self, weights: DecoderWeights) -> None:
        self._weights = weights
        self._kept: list[Int8Weight | Int4Weight] = []
        self._norms: list[NDArray[np.float32]] = []
        self._phases: list[tuple[int, ...]] = []

    def add(self, phases: Sequence[tuple[int, str, int, int, bool]], layer: int, prefix: str) -> None:
        """The phases of one layer."""
        for kind, name, source, target, conditioned in phases:
            at = 0
            if kind == NORMALISE:
                at = len(self._norms)
                plain = self._weights.plain
                self._norms.append(np.stack([plain[f"{prefix}{name}.weight"], plain[f"{prefix}{name}.bias"]]))
            elif name:
                at = len(self._kept)
                weight = self._weights.dense[f"{prefix}{name}"]
                if not isinstance(weight, Int8Weight | Int4Weight):
                    raise TypeError("These kernels are for int8 and int4 weights.")
                self._kept.append(weight)
            self._phases.append((kind, at, layer, source, target, conditioned))

    def packed(self) -> StepWeights:
        """What was added, packed one after the other: of a large model nothing lies in memory three times."""
        sizes = [packed_sizes(weight) for weight in self._kept]
        numbers = np.empty(sum(size for size, _ in sizes), np.uint8)
        scales = np.empty(sum(size for _, size in sizes), np.float32)
        places, start, scale_start = [], 0, 0
        for weight, (size, scale_size) in zip(self._kept, sizes, strict=True):
            one = panels_of(weight)
            places.append((start, scale_start, one.inputs, one.bits, one.outputs // PANEL))
            numbers[start : start + size] = one.bytes
            scales[scale_start : scale_start + scale_size] = one.scales
            start, scale_start = start + size, scale_start + scale_size
        return StepWeights(
            numbers,
            scales,
            np.array(places, np.int64),
            np.stack(self._norms),
            np.array(self._phases, np.int64),
        )


def _packed(configuration: DecoderConfiguration, weights: DecoderWeights) -> StepWeights:
    packing = _Packing(weights)
    for layer in range(configuration.layers):
        prefix = f"layers.{layer}."
        packing.add(_SELF_ATTENTION, layer, prefix)
        if configuration.cross_attention:
            packing.add(_CROSS_ATTENTION, layer, prefix)
        packing.add(_FEED_FORWARD, layer, prefix)
    packing.add(_HEADS, configuration.layers, "")
    return packing.packed()
