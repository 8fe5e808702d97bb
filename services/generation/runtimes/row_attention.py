"""Attention over `RowCaches` as an operation of an OpenVINO graph, computed in Python by the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openvino import Op, PartialShape, Type

from services.generation.runtimes.row_caches import RowCaches


class RowAttention(Op):  # type: ignore[misc]
    """`[R · n, 3 · d]` to `[R · n, d]`, of the rows that the caches were told of last."""

    def __init__(self, inputs: Sequence[Any], layer: int, caches: RowCaches) -> None:
        super().__init__(self)
        self._layer, self._caches = layer, caches
        self.set_arguments(list(inputs))
        self.constructor_validate_and_infer_types()

    def validate_and_infer_types(self) -> None:
        """OpenVINO asks what comes out."""
        fused = self.get_input_partial_shape(0)
        size = fused[1].get_length() // 3
        self.set_output_type(0, Type.f32, PartialShape([fused[0], size]))

    def clone_with_new_inputs(self, inputs: Sequence[Any]) -> RowAttention:
        """OpenVINO copies graphs when it compiles them: the caches stay the same."""
        return RowAttention(inputs, self._layer, self._caches)

    def has_evaluate(self) -> bool:
        """It can be computed."""
        return True

    def evaluate(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> bool:
        """Compute it."""
        fused = inputs[0].data
        outputs[0].shape = [fused.shape[0], fused.shape[1] // 3]
        self._caches.attend(self._layer, fused, outputs[0].data)
        return True
