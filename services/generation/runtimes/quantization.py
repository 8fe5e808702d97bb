"""Weights in fewer bits: symmetric, round to nearest, int8 by output channel and int4 by groups of inputs.

int8: one float32 scale for each output. int4: one float16 scale for each group of (up to) 128 inputs of an output; of
a few scales the one that leaves the smallest squared error is taken, since clipping a group's outlier often costs less
than the coarser grid that it forces on all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

INT4_GROUP = 128
# How far below the largest weight the grid may end.
_SHRINKS = (1.0, 0.95, 0.9, 0.85, 0.8)

Scale = TypeVar("Scale", np.float16, np.float32)


@dataclass(frozen=True, slots=True)
class Int8Weight:
    """`values` `[out, in]` int8 times `scales` `[out, 1]` float32."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]

    def dequantize(self) -> NDArray[np.float32]:
        """The weight that it stands for, `[out, in]`."""
        return self.values * self.scales


@dataclass(frozen=True, slots=True)
class Int4Weight:
    """`packed` `[out · in / 2]` uint8, the lower four bits first, times `scales` `[out, groups, 1]` float16."""

    packed: NDArray[np.uint8]
    scales: NDArray[np.float16]
    inputs: int

    def dequantize(self) -> NDArray[np.float32]:
        """The weight that it stands for, `[out, in]`."""
        outputs, groups, _ = self.scales.shape
        nibbles = np.stack([self.packed & 0x0F, self.packed >> 4], axis=1).reshape(outputs, groups, -1)
        signed = ((nibbles.astype(np.int8) ^ 8) - 8).astype(np.float32)
        return (signed * self.scales.astype(np.float32)).reshape(outputs, self.inputs)


Weight = NDArray[np.float32] | Int8Weight | Int4Weight


def quantize_int8(weight: NDArray[np.float32]) -> Int8Weight:
    """`[out, in]` in int8. The error of a weight is at most half its output's scale."""
    scales = _nonzero(np.abs(weight).max(axis=1, keepdims=True) / np.float32(127.0))
    # Where a scale is so small that it is rounded itself, the quotient may leave the symmetric range.
    return Int8Weight(np.clip(np.rint(weight / scales), -127, 127).astype(np.int8), scales)


def quantize_int4(weight: NDArray[np.float32], group: int = INT4_GROUP) -> Int4Weight:
    """`[out, in]` in int4. ValueError when the inputs are not whole groups."""
    outputs, inputs = weight.shape
    if inputs % group or inputs % 2:
        raise ValueError(f"{inputs} inputs are not whole groups of {group}.")
    grouped = weight.reshape(outputs, inputs // group, group)
    widest = np.abs(grouped).max(axis=2, keepdims=True) / np.float32(7.0)
    best_scales = best_values = best_error = None
    for shrink in _SHRINKS:
        scales = _nonzero((widest * np.float32(shrink)).astype(np.float16))
        wide = scales.astype(np.float32)
        values = np.clip(np.rint(grouped / wide), -8, 7).astype(np.int8)
        error = np.square(values * wide - grouped).sum(axis=2, keepdims=True)
        if best_scales is None or best_values is None or best_error is None:
            best_scales, best_values, best_error = scales, values, error
        else:
            better = error < best_error
            best_scales = np.where(better, scales, best_scales)
            best_values = np.where(better, values, best_values)
            best_error = np.where(better, error, best_error)
    if best_values is None or best_scales is None:
        raise RuntimeError("There is no scale to choose from.")
    nibbles = best_values.astype(np.uint8).reshape(-1) & 0x0F
    return Int4Weight(nibbles[0::2] | (nibbles[1::2] << 4), best_scales, inputs)


def _nonzero(scales: NDArray[Scale]) -> NDArray[Scale]:
    """A scale of 0 belongs to weights that are all 0: any other gives the same zeros."""
    return np.where(scales > 0, scales, scales.dtype.type(1.0))
