"""The GPU's kernels without a GPU: run by Triton's interpreter, and made into machine code for cards.

`tests/integration/generation/test_triton.py` gives them Triton, in an environment of its own.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.decode_attention import attention_error
from tests.unit.generation.runtimes.conftest import worst_of_ragged_slots

triton: Any = pytest.importorskip("triton", reason="Triton is not installed: it comes with torch for CUDA")

from services.generation.runtimes import ragged_attention  # noqa: E402
from services.generation.runtimes.ragged_attention import CHUNKS, LANES, RaggedAttention  # noqa: E402

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETED, reason="There is no GPU, and TRITON_INTERPRET is not set.")
compiled = pytest.mark.skipif(INTERPRETED, reason="What is interpreted is not compiled.")
CPU = torch.device("cpu")
KINDS = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}


@interpreted
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_kernels_give_what_float32_gives(chunk: int, kind: torch.dtype) -> None:
    off = attention_error(RaggedAttention(chunk), 2, 600, 64, CPU, kind)
    print(f"\nsplits of {chunk}, {kind}: {off:.3f} of what is tolerated")
    assert off < 0.5


@interpreted
@pytest.mark.parametrize("head", [16, 32, 128])
def test_heads_of_other_sizes_are_right_too(head: int) -> None:
    assert attention_error(RaggedAttention(64), 3, 150, head, CPU, torch.float32) < 0.5


@interpreted
@pytest.mark.parametrize("chunk", [64, 256])
def test_decoder_makes_the_same_with_the_kernels(chunk: int, model: MusicGen) -> None:
    assert worst_of_ragged_slots(model, RaggedAttention(chunk)) <= 1e-5


@interpreted
def test_row_gives_the_same_bits_in_any_company() -> None:
    generator = torch.Generator().manual_seed(2)
    queries, keys, values = (torch.randn(4, 2, count, 64, generator=generator) for count in (1, 512, 512))
    lengths = torch.tensor([70, 512, 0, 200], dtype=torch.int32)
    attention = RaggedAttention(64)
    together = attention(lengths, 512)(queries, keys, values)
    for row, longest in ((0, 128), (0, 512), (3, 256)):
        rows = slice(row, row + 1)
        alone = attention(lengths[rows], longest)(queries[rows], keys[rows], values[rows])
        assert torch.equal(alone[0], together[row])
    assert not together[2].any()


@interpreted
def test_what_the_kernels_would_misread_is_refused() -> None:
    queries, cache = torch.zeros(2, 2, 1, 64), torch.zeros(2, 2, 64, 64)
    lengths = torch.ones(2, dtype=torch.int32)
    attend = RaggedAttention(64)(lengths, 64)
    attend(queries, cache, cache)
    for wrong in (
        (queries.expand(2, 2, 2, 64), cache, cache),
        (queries[..., :48], cache[..., :48], cache[..., :48]),
        (queries, cache[:1], cache[:1]),
        (queries, cache, cache[:, :, :32]),
        (queries, cache.transpose(2, 3), cache.transpose(2, 3)),
    ):
        with pytest.raises(ValueError, match=r"It takes|Keys and values|Positions"):
            attend(*wrong)
    with pytest.raises(ValueError, match="a length for each row"):
        RaggedAttention(64)(lengths.long(), 64)(queries, cache, cache)
    with pytest.raises(ValueError, match="whole tiles"):
        RaggedAttention(LANES + 1)


def machine_code(
    kernel: Any, pointers: dict[str, str], numbers: list[str], constants: dict[str, int], arch: int
) -> Any:
    """A kernel as it is compiled for a card of an architecture, with addresses that are multiples of 16."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kinds = pointers | dict.fromkeys(numbers, "i32") | dict.fromkeys(constants, "constexpr") | {"scale": "fp32"}
    aligned = {**pointers, **dict.fromkeys(name for name in numbers if name not in ("heads", "splits"))}
    source = ASTSource(
        fn=kernel,
        signature={name: kinds[name] for name in kernel.arg_names},
        constexprs=constants,
        attrs={(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    return triton.compile(source, target=GPUTarget("cuda", arch, 32), options={"num_warps": 4})


@compiled
@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("kind", KINDS.values())
def test_kernels_become_machine_code_for_cards(kind: str, arch: int) -> None:
    for chunk in CHUNKS:
        pointers = dict.fromkeys(("queries", "keys", "values"), f"*{kind}")
        pointers |= {"lengths": "*i32", "means": "*fp32", "sums": "*fp32"}
        strides = ["query_row", "query_head", "cache_row", "cache_head", "heads"]
        split = machine_code(
            ragged_attention.attend_split, pointers, strides, {"size": 64, "lanes": LANES, "chunk": chunk}, arch
        )
        # Sixteen bytes at a time, all in registers, and nobody waits for anybody in the loop over positions.
        assert "ld.global.v4" in split.asm["ptx"]
        assert ".local" not in split.asm["ptx"]
        loop = split.asm["ptx"].split(".lr.ph", 1)[1].split("._crit_edge", 1)[0]
        assert loop.count("ld.global.v4") >= 8
        assert "bar.sync" not in loop
        pointers = {"means": "*fp32", "sums": "*fp32", "lengths": "*i32", "out": f"*{kind}"}
        merge = machine_code(
            ragged_attention.merge_splits, pointers, ["heads", "splits"], {"size": 64, "chunk": chunk, "most": 32}, arch
        )
        assert len(split.asm["cubin"]) > 0
        assert len(merge.asm["cubin"]) > 0
