"""The attention operation inside a compiled graph, over caches that say what they were asked."""

from __future__ import annotations

from typing import cast

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import pytest
from numpy.typing import NDArray

from services.generation.runtimes.compiled_graph import CompiledGraph
from services.generation.runtimes.row_attention import RowAttention
from services.generation.runtimes.row_caches import RowCaches


class Caches:
    """Answers with the queries plus the layer's number; fails when it is told to."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.fails = False

    def attend(self, layer: int, fused: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        self.asked.append(layer)
        if self.fails:
            raise ValueError("no such rows")
        out[:] = fused[:, : out.shape[1]] + layer


def graph(caches: Caches, layers: int) -> CompiledGraph:
    """`layers` operations one after the other, over inputs `[n, 6]`."""
    inputs = ops.parameter([-1, 6], np.float32)
    inputs.output(0).get_tensor().set_names({"inputs"})
    x = inputs.output(0)
    for layer in range(layers):
        attended = RowAttention([x], layer, cast("RowCaches", caches)).output(0)
        x = ops.concat([attended, attended, attended], 1).output(0)
    return CompiledGraph(ov.Model([ops.result(x)], [inputs], "test"), {})


def test_layers_are_asked_in_order_for_as_many_positions_as_come() -> None:
    caches = Caches()
    compiled = graph(caches, 3)
    for positions in (1, 5, 2):
        caches.asked.clear()
        given = np.random.default_rng(positions).standard_normal((positions, 6)).astype(np.float32)
        compiled.set("inputs", given)
        compiled.run()
        assert caches.asked == [0, 1, 2]
        assert np.allclose(compiled.output(0), np.tile(given[:, :2] + 3, 3))


def test_what_goes_wrong_reaches_the_caller_in_words_and_the_next_run_goes_on() -> None:
    caches = Caches()
    compiled = graph(caches, 2)
    compiled.set("inputs", np.ones((2, 6), np.float32))
    caches.fails = True
    with pytest.raises(RuntimeError, match="no such rows"):
        compiled.run()
    caches.fails = False
    compiled.run()
    assert np.array_equal(compiled.output(0), np.full((2, 6), 2, np.float32))
    compiled.close()
