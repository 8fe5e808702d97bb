"""Which runtime a model gets: a rule over the machine, the model and what was wished for. Pure Python."""

from __future__ import annotations

from dataclasses import dataclass

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.precision import (
    CachePrecision,
    Precision,
    WeightPrecision,
    dense_weights,
    song_bytes,
    weight_bytes,
)

TORCH_CPU = "torch-cpu"
TORCH_CUDA = "torch-cuda"
OPENVINO = "openvino"

# Below this a step is over before quantised weights pay, and the reference keeps results the same everywhere.
_SMALL_MODEL_WEIGHTS = 20_000_000
# Of a machine's memory, what one model with its caches may take; the rest is for activations, codec and neighbours.
_CPU_SHARE = 0.5
_GPU_SHARE = 0.8
_MOST_CPU_SLOTS = 8
_MOST_GPU_SLOTS = 64
_TORCH_CPU_SLOTS = 4
# From so many songs on their caches are what a step reads most, and half of the bytes are worth a rounding.
_MANY_SONGS = 4
# Heads that our own attention takes, and an int8 cache with them, are made of whole sixteens.
_KERNEL_HEADS = 16
_FLOAT32 = Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; "auto" leaves it to the machine.

    `device` is auto, cpu or cuda; `weights` auto, float32, bfloat16, int8 or int4; `cache` (on a processor) auto,
    float16 or int8; `slots` and `threads` 0 for auto. `most` are the songs that can come at once (0: nobody knows):
    more slots are not made of themselves. int4 is never chosen by itself: it takes a check on the checkpoint in
    question (`agreement`).
    """

    device: str = "auto"
    weights: str = "auto"
    slots: int = 0
    threads: int = 0
    cache: str = "auto"
    most: int = 0

    def songs(self, most: int) -> int:
        """Songs that are wanted at once, where a machine takes at most so many."""
        return self.slots or min(most, self.most or most)


@dataclass(frozen=True, slots=True)
class RuntimePlan:
    """What will be built, and why, for the log."""

    runtime: str
    precision: Precision
    slots: int
    threads: int
    reason: str


def plan_runtime(configuration: DecoderConfiguration, machine: Machine, wish: Wish) -> RuntimePlan:
    """The runtime of a model on a machine. ValueError for a wish that cannot be met."""
    if wish.device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"There is no device “{wish.device}”: auto, cpu or cuda.")
    if wish.cache not in ("auto", "float16", "int8"):
        raise ValueError(f"There is no cache of “{wish.cache}”: auto, float16 or int8.")
    weights = None if wish.weights == "auto" else WeightPrecision(wish.weights)
    if wish.device == "cuda" and machine.gpu is None:
        raise ValueError("There is no CUDA device here.")
    if machine.gpu is not None and wish.device != "cpu":
        planned = _on_gpu(configuration, machine, wish, weights)
        if planned is not None:
            return planned
    if not machine.openvino:
        return _on_torch(configuration, machine, wish, "OpenVINO is not installed")
    if weights is WeightPrecision.FLOAT32:
        return _on_torch(configuration, machine, wish, "float32 is the reference's")
    if weights is None and dense_weights(configuration) < _SMALL_MODEL_WEIGHTS:
        return _on_torch(configuration, machine, wish, "the model is small")
    return _on_openvino(configuration, machine, wish, weights or WeightPrecision.INT8)


def _on_gpu(
    configuration: DecoderConfiguration, machine: Machine, wish: Wish, weights: WeightPrecision | None
) -> RuntimePlan | None:
    gpu = machine.gpu
    if gpu is None:
        return None
    if weights in (WeightPrecision.INT8, WeightPrecision.INT4):
        if wish.device == "cuda":
            raise ValueError("The GPU runtime computes in bfloat16 or float32.")
        return None
    if weights is WeightPrecision.FLOAT32 or not gpu.bfloat16:
        precision = _FLOAT32
    else:
        precision = Precision(WeightPrecision.BFLOAT16, CachePrecision.BFLOAT16)
    slots = _slots_that_fit(configuration, precision, gpu.memory_bytes * _GPU_SHARE, wish.songs(_MOST_GPU_SLOTS))
    if slots < 1:
        if wish.device == "cuda":
            raise ValueError("The model does not fit into the GPU's memory.")
        return None
    return RuntimePlan(TORCH_CUDA, precision, wish.slots or slots, wish.threads, f"there is a GPU ({gpu.name})")


def _on_openvino(
    configuration: DecoderConfiguration, machine: Machine, wish: Wish, weights: WeightPrecision
) -> RuntimePlan:
    wanted = wish.songs(_MOST_CPU_SLOTS)
    precision = Precision(weights, _cpu_cache(configuration, wish, weights, wanted))
    slots = _slots_that_fit(configuration, precision, machine.memory_bytes * _CPU_SHARE, wanted)
    reason = f"OpenVINO on {machine.cores} cores"
    return RuntimePlan(OPENVINO, precision, wish.slots or max(1, slots), wish.threads or machine.cores, reason)


def _cpu_cache(configuration: DecoderConfiguration, wish: Wish, weights: WeightPrecision, songs: int) -> CachePrecision:
    """Float16 is half the bytes of float32 and no quantisation; int8 is half of that again (docs/benchmarks.md)."""
    if weights is WeightPrecision.BFLOAT16:
        return CachePrecision.BFLOAT16
    possible = configuration.head_size % _KERNEL_HEADS == 0
    if wish.cache == CachePrecision.INT8.value and not possible:
        raise ValueError(f"An int8 cache takes heads of whole sixteens; this model's are {configuration.head_size}.")
    if wish.cache != "auto":
        return CachePrecision(wish.cache)
    return CachePrecision.INT8 if possible and songs >= _MANY_SONGS else CachePrecision.FLOAT16


def _on_torch(configuration: DecoderConfiguration, machine: Machine, wish: Wish, reason: str) -> RuntimePlan:
    threads = wish.threads or max(1, machine.cores // 2)
    wanted = wish.songs(_TORCH_CPU_SLOTS)
    slots = _slots_that_fit(configuration, _FLOAT32, machine.memory_bytes * _CPU_SHARE, wanted)
    return RuntimePlan(TORCH_CPU, _FLOAT32, wish.slots or max(1, slots), threads, reason)


def _slots_that_fit(configuration: DecoderConfiguration, precision: Precision, memory_bytes: float, most: int) -> int:
    """Songs whose rows fit beside the weights."""
    left = memory_bytes - weight_bytes(configuration, precision.weights)
    return min(most, int(left // song_bytes(configuration, precision.cache)))
