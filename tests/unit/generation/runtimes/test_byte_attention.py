"""Sums of products with bytes: the same numbers by every instruction that processors have for them, and without."""

from __future__ import annotations

import numpy as np
import pytest
from llvmlite import binding
from numba import njit

from services.generation.runtimes import byte_attention_kernel as kernel

AVX2 = ("llvm.x86.avx2.pmadd.wd", 8)


@pytest.mark.parametrize("instruction", [None, AVX2, ("", 16)], ids=["this processor's", "avx2", "none"])
@pytest.mark.parametrize("lanes", [kernel.NARROW, kernel.BLOCK])
def test_pairs_are_summed_alike_by_every_kind_of_processor(
    instruction: tuple[str, int] | None, lanes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if instruction == AVX2 and not binding.get_host_cpu_features().get("avx2", False):
        pytest.skip("this processor has no AVX2")
    if instruction is not None:
        monkeypatch.setattr(kernel, "_pair_instruction", lambda: instruction)
    add = kernel._adding_pairs(lanes)

    @njit
    def run(out, weights, matrix, start, stride, count):  # type: ignore[no-untyped-def]
        add(out, 1, weights, matrix, start, stride, count)

    generator, count, start, stride = np.random.default_rng(lanes), 5, 3, 2 * lanes + 6
    matrix = generator.integers(-127, 128, start + count * stride).astype(np.int8)
    weights = generator.integers(-32_767, 32_768, 2 * count).astype(np.int16)
    out = generator.integers(-1_000, 1_000, lanes + 2).astype(np.int32)
    expected = out.copy()
    for pair in range(count):
        rows = matrix[start + pair * stride :][: 2 * lanes].reshape(lanes, 2).astype(np.int32)
        expected[1:-1] += rows @ weights[2 * pair : 2 * pair + 2].astype(np.int32)
    run(out, weights, matrix, start, stride, count)
    assert np.array_equal(out, expected)
    run(out, weights, matrix, start, stride, 0)
    assert np.array_equal(out, expected)
