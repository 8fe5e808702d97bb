"""How rows on fixed slots attend in a step: ways that read only what a row has, and which way is taken."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import pytest
import structlog
import torch
from structlog.testing import capture_logs
from torch import Tensor

from services.generation.musicgen.model import MusicGen
from services.generation.runtimes import selection
from services.generation.runtimes.cuda_runtime import cuda_runtime, kernels
from services.generation.runtimes.decode_attention import (
    Attend,
    DecodeAttention,
    MaskedAttention,
    attention_error,
    choose_attention,
)
from services.generation.runtimes.machine import Gpu, Machine
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from tests.unit.generation.runtimes.conftest import worst_of_ragged_slots

FLOAT32 = Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32)
CPU = torch.device("cpu")
USUAL = MaskedAttention(torch.float32)


class InSplits:
    """The formula of the kernels, without them: each split's mean and the logarithm of its sum, weighed together."""

    def __init__(self, chunk: int, sloppy: bool = False) -> None:
        self._chunk = chunk
        self._sloppy = sloppy
        self.name = f"splits of {chunk}"

    def __call__(self, lengths: Tensor, longest: int) -> Attend:
        assert max(lengths.tolist()) <= longest

        def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            mixed = torch.zeros_like(queries)
            for row, length in enumerate(lengths.tolist()):
                means, sums = [], []
                for first in range(0, length, self._chunk):
                    seen = slice(first, min(first + self._chunk, length + self._sloppy))
                    scores = queries[row] @ keys[row, :, seen].transpose(-1, -2) / math.sqrt(queries.shape[-1])
                    means.append(scores.softmax(dim=-1) @ values[row, :, seen])
                    sums.append(scores.logsumexp(dim=-1))
                if means:
                    shares = torch.stack(sums).softmax(dim=0)
                    mixed[row] = (torch.stack(means) * shares[..., None]).sum(dim=0)
            return mixed

        return attend


@pytest.mark.parametrize("chunk", [16, 64, 4096])
def test_splits_weighed_by_their_sums_are_the_attention_of_the_whole(chunk: int) -> None:
    assert attention_error(InSplits(chunk), 2, 600, 64, CPU, torch.float32) < 0.5


def test_reading_one_position_too_many_is_seen() -> None:
    assert not attention_error(InSplits(64, sloppy=True), 2, 600, 64, CPU, torch.float32) <= 1.0


@pytest.mark.parametrize("chunk", [16, 256])
def test_decoder_attends_over_what_each_row_has(chunk: int, model: MusicGen, melody_model: MusicGen) -> None:
    for each in (model, melody_model):
        assert worst_of_ragged_slots(each, InSplits(chunk)) <= 1e-5


class Named:
    """A way that is only talked about."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, lengths: Tensor, longest: int) -> Attend:
        raise NotImplementedError


def choose(times: dict[str, float], errors: dict[str, float]) -> tuple[str, str]:
    """What is taken of ways with these times (a missing one fails) and errors, beside the usual one at 2 ms."""

    def seconds(attention: DecodeAttention) -> float:
        return {**times, USUAL.name: 0.002}[attention.name]

    choice = choose_attention(
        USUAL, lambda: [Named(name) for name in errors], lambda attention: errors[attention.name], seconds
    )
    return choice.attention.name, choice.reason


def test_fastest_of_the_right_ways_is_taken_and_said() -> None:
    name, reason = choose({"a": 0.001, "b": 0.0005, "c": 0.0001}, {"a": 0.1, "b": 0.9, "c": 1.1})
    assert name == "b"
    assert reason == (
        "b; a step's attention: masked 2.00 ms, a 1.00 ms, b 0.50 ms, c is wrong (1.1 times what is tolerated)"
    )


def test_usual_attention_stays_where_nothing_is_faster_right_or_runs() -> None:
    name, reason = choose({"slow": 0.003, "no number": 0.001}, {"slow": 0.0, "no number": math.nan, "broken": 0.0})
    assert name == "masked"
    assert "slow 3.00 ms" in reason
    assert "no number is wrong (nan" in reason
    assert "broken failed (KeyError: 'broken')" in reason


def test_usual_attention_stays_where_it_cannot_be_timed() -> None:
    def fail(_: DecodeAttention) -> float:
        raise RuntimeError("CUDA error: no such thing\nand more")

    choice = choose_attention(USUAL, lambda: [Named("a")], fail, fail)
    assert (choice.attention, choice.reason) == (USUAL, "masked: RuntimeError: CUDA error: no such thing")


def test_without_triton_there_is_the_usual_attention(model: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    runtime = cuda_runtime(model, FLOAT32, 1, CPU, kernels)
    assert runtime.attention.startswith("masked: ModuleNotFoundError:")
    assert "triton" in runtime.attention


def test_choice_is_made_on_the_device_and_logged(model: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    def ways() -> Sequence[DecodeAttention]:
        return [Named("nothing"), InSplits(64, sloppy=True)]

    monkeypatch.setattr(selection, "_build", lambda *_: cuda_runtime(model, FLOAT32, 1, CPU, ways))
    structlog.configure(cache_logger_on_first_use=False)
    machine = Machine(cores=2, memory_bytes=2**34, gpu=Gpu("a card", 2**36, True), openvino=False, bfloat16=False)
    with capture_logs() as logs:
        selection.select_runtime(model, machine=machine).close()
    (said,) = [entry["attention"] for entry in logs if entry["event"] == "runtime_selected"]
    assert said.startswith("masked; a step's attention: masked ")
    assert "nothing failed (NotImplementedError: )" in said
    assert "splits of 64 is wrong" in said
