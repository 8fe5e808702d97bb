"""Which rows a step computes of songs that are led by all conditions, by some, by none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from services.generation.engine.engine import RowStep
from services.generation.engine.request import SamplingParameters
from services.generation.musicgen.conditioning import SongCondition
from services.generation.runtimes.openvino_runner import OpenVinoRunner
from services.generation.runtimes.row_decoder import CrossRow, RowDecoder


class RowNumbers:
    """A decoder whose logits are the square of the row's number; `taken` are the rows of its last step."""

    taken: Sequence[int] = ()

    def embed(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.zeros((len(tokens), 2), np.float32)

    def set_cross(self, row: int, memory: CrossRow | None) -> None:
        pass

    def run(self, rows: Sequence[int], inputs: NDArray[np.float32], positions: Sequence[int]) -> NDArray[np.float32]:
        assert len(rows) == len(inputs) == len(positions)
        self.taken = list(rows)
        return np.array(rows, np.float32)[:, None, None, None] ** 2 * np.ones((1, 1, 1, 3), np.float32)


@pytest.mark.parametrize(
    ("scale", "beta", "rows", "conditional", "unconditional"),
    [
        (3.0, 5.0, {3, 4, 5}, 16 + 5 * (9 - 16), 25),
        (3.0, 1.0, {3, 5}, 9, 25),
        (1.0, 5.0, {3, 4}, 16 + 5 * (9 - 16), 16 + 5 * (9 - 16)),
        (1.0, 1.0, {3}, 9, 9),
    ],
)
def test_rows_that_nothing_leads_from_are_not_computed(
    scale: float, beta: float, rows: set[int], conditional: float, unconditional: float
) -> None:
    decoder = RowNumbers()
    runner = OpenVinoRunner(cast("RowDecoder", decoder), guidance_rows=3)
    runner.condition(1, SongCondition(prefix=torch.zeros(3, 1, 2)))
    sampling = SamplingParameters(1, guidance_scale=scale, guidance_beta=beta)
    with_all, without = runner.logits([RowStep(1, 0, (0,), sampling, 0)])
    assert set(decoder.taken) == rows
    assert len(decoder.taken) == len(rows)
    assert (with_all == conditional).all()
    assert (without == unconditional).all()
