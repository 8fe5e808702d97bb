"""Which runtime a model gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.attention_kernel import NARROW
from services.generation.runtimes.machine import Gpu, Machine
from services.generation.runtimes.plan import OPENVINO, TORCH_CPU, TORCH_CUDA, Wish, plan_runtime
from services.generation.runtimes.precision import (
    CachePrecision,
    WeightPrecision,
    dense_weights,
    song_bytes,
    weight_bytes,
)

GIB = 2**30
SMALL = DecoderConfiguration(4, 2_048, 1_024, 16, 4_096, 24, max_positions=1_504)
LARGE = DecoderConfiguration(4, 2_048, 2_048, 32, 8_192, 48, max_positions=1_504)
TINY = DecoderConfiguration(4, 128, 64, 4, 128, 2, max_positions=1_504)
LAPTOP = Machine(cores=8, memory_bytes=16 * GIB, gpu=None, openvino=True, bfloat16=True)
SERVER = replace(LAPTOP, gpu=Gpu("H100", 80 * GIB, bfloat16=True))


def test_a_laptop_runs_int8_on_openvino_with_all_cores() -> None:
    plan = plan_runtime(SMALL, LAPTOP, Wish())
    assert (plan.runtime, plan.precision.weights, plan.threads, plan.slots) == (OPENVINO, WeightPrecision.INT8, 8, 8)


def test_int4_is_taken_when_asked_for_and_never_by_itself() -> None:
    assert plan_runtime(SMALL, LAPTOP, Wish(weights="int4")).precision.weights is WeightPrecision.INT4
    for cores in (1, 2, 64):
        assert plan_runtime(LARGE, replace(LAPTOP, cores=cores), Wish()).precision.weights is WeightPrecision.INT8


def test_a_gpu_comes_first_and_gets_as_many_slots_as_fit() -> None:
    plan = plan_runtime(LARGE, SERVER, Wish())
    assert (plan.runtime, plan.precision.cache) == (TORCH_CUDA, CachePrecision.BFLOAT16)
    smaller = plan_runtime(LARGE, replace(SERVER, gpu=Gpu("L4", 16 * GIB, bfloat16=True)), Wish())
    assert 1 <= smaller.slots < plan.slots <= 64


def test_a_model_that_does_not_fit_the_gpu_runs_on_the_processor() -> None:
    crowded = replace(SERVER, gpu=Gpu("old", 2 * GIB, bfloat16=False))
    assert plan_runtime(LARGE, crowded, Wish()).runtime == OPENVINO
    with pytest.raises(ValueError, match="fit"):
        plan_runtime(LARGE, crowded, Wish(device="cuda"))


def test_an_old_gpu_computes_in_float32() -> None:
    old = replace(SERVER, gpu=Gpu("P40", 24 * GIB, bfloat16=False))
    assert plan_runtime(SMALL, old, Wish()).precision.weights is WeightPrecision.FLOAT32


def test_the_processor_can_be_asked_for_on_a_machine_with_a_gpu() -> None:
    assert plan_runtime(SMALL, SERVER, Wish(device="cpu")).runtime == OPENVINO


@pytest.mark.parametrize(
    ("configuration", "machine", "wish"),
    [
        (SMALL, replace(LAPTOP, openvino=False), Wish()),
        (TINY, LAPTOP, Wish()),
        (SMALL, LAPTOP, Wish(weights="float32")),
    ],
    ids=["no OpenVINO", "small model", "float32"],
)
def test_the_reference_runs_where_nothing_else_does(
    configuration: DecoderConfiguration, machine: Machine, wish: Wish
) -> None:
    plan = plan_runtime(configuration, machine, wish)
    assert (plan.runtime, plan.precision.weights) == (TORCH_CPU, WeightPrecision.FLOAT32)


@pytest.mark.parametrize(
    ("machine", "wish"),
    [
        (LAPTOP, Wish(device="cuda")),
        (LAPTOP, Wish(device="tpu")),
        (SERVER, Wish(device="cuda", weights="int4")),
        (LAPTOP, Wish(cache="float8")),
    ],
    ids=["no GPU", "no such device", "no int4 on GPU", "no such cache"],
)
def test_a_wish_that_cannot_be_met_is_refused(machine: Machine, wish: Wish) -> None:
    with pytest.raises(ValueError, match=r"CUDA|device|GPU|cache"):
        plan_runtime(SMALL, machine, wish)


@pytest.mark.parametrize(
    ("wish", "cache", "slots"),
    [
        (Wish(), "int8", 8),
        (Wish(most=2), "float16", 2),
        (Wish(most=3), "float16", 3),
        (Wish(most=4), "int8", 4),
        (Wish(most=64), "int8", 8),
        (Wish(slots=1), "float16", 1),
        (Wish(slots=16), "int8", 16),
        (Wish(cache="float16"), "float16", 8),
        (Wish(cache="int8", most=1), "int8", 1),
        (Wish(weights="bfloat16"), "bfloat16", 8),
    ],
    ids=str,
)
def test_many_songs_keep_their_past_as_bytes_and_few_as_halves(wish: Wish, cache: str, slots: int) -> None:
    plan = plan_runtime(SMALL, LAPTOP, wish)
    assert (plan.precision.cache.value, plan.slots) == (cache, slots)


def test_more_songs_fit_as_bytes() -> None:
    little = replace(LAPTOP, memory_bytes=3 * GIB)
    halves, as_bytes = (plan_runtime(SMALL, little, Wish(cache=cache)).slots for cache in ("float16", "int8"))
    assert 1 <= halves < as_bytes


def test_bytes_are_for_heads_of_whole_vectors() -> None:
    odd = replace(SMALL, heads=1_024 // 8)
    assert plan_runtime(odd, LAPTOP, Wish()).precision.cache is CachePrecision.FLOAT16
    with pytest.raises(ValueError, match="heads of whole sixteens"):
        plan_runtime(odd, LAPTOP, Wish(cache="int8"))
    fits = replace(SMALL, heads=SMALL.hidden_size // NARROW)
    assert plan_runtime(fits, LAPTOP, Wish()).precision.cache is CachePrecision.INT8
    assert SMALL.hidden_size // NARROW * NARROW == SMALL.hidden_size


def test_no_more_slots_are_made_than_songs_can_come() -> None:
    assert plan_runtime(SMALL, SERVER, Wish(most=16)).slots == 16
    assert plan_runtime(TINY, LAPTOP, Wish(most=2)).slots == 2
    assert plan_runtime(TINY, LAPTOP, Wish(most=9)).slots == plan_runtime(TINY, LAPTOP, Wish()).slots == 4


def test_slots_and_threads_that_are_asked_for_are_given() -> None:
    plan = plan_runtime(SMALL, LAPTOP, Wish(slots=3, threads=5))
    assert (plan.slots, plan.threads) == (3, 5)


def test_songs_of_three_rows_take_half_as_much_memory_again() -> None:
    styled = replace(SMALL, guidance_rows=3)
    ours, usual = (song_bytes(one, CachePrecision.FLOAT16) for one in (styled, SMALL))
    assert ours == 1.5 * usual
    tight = replace(LAPTOP, memory_bytes=3 * GIB)
    assert 1 < plan_runtime(styled, tight, Wish()).slots < plan_runtime(SMALL, tight, Wish()).slots


def test_little_memory_still_makes_one_song() -> None:
    assert plan_runtime(LARGE, replace(LAPTOP, memory_bytes=GIB), Wish()).slots == 1


def test_the_reference_makes_no_more_slots_than_memory_holds_either() -> None:
    without = replace(LAPTOP, openvino=False)
    weights, song = weight_bytes(LARGE, WeightPrecision.FLOAT32), song_bytes(LARGE, CachePrecision.FLOAT32)
    for songs, slots in ((0, 1), (1, 1), (2, 2), (9, 4)):
        # Half of a machine's memory is for one model.
        memory = int(2 * (weights + (songs + 0.5) * song))
        assert plan_runtime(LARGE, replace(without, memory_bytes=memory), Wish()).slots == slots


def test_musicgen_small_reads_360_million_weights_in_a_step() -> None:
    # 24 layers of 4 d² + 2 d² (cross) + 8 d², and the heads.
    assert dense_weights(SMALL) == 24 * 14 * 1_024**2 + 4 * 2_048 * 1_024
    assert weight_bytes(SMALL, WeightPrecision.INT8) == dense_weights(SMALL)


def test_this_machine_can_be_probed() -> None:
    machine = Machine.probe()
    assert machine.cores >= 1
    assert machine.memory_bytes > GIB // 4
