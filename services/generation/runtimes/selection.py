"""From a model to the runtime that it runs on here: the plan, built, with the torch reference to fall back on."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import structlog
import torch

from services.generation.engine.engine import RowStep
from services.generation.engine.request import SamplingParameters
from services.generation.engine.runtime import Runtime, torch_runtime
from services.generation.engine.streamer import CHUNK_FRAMES
from services.generation.musicgen.conditioning import SongCondition
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.plan import OPENVINO, TORCH_CPU, TORCH_CUDA, RuntimePlan, Wish, plan_runtime
from services.generation.runtimes.precision import MOST_DISTANCE, CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.verdicts import Verdicts

_log = structlog.get_logger(__name__)


def select_runtime(
    model: MusicGen, wish: Wish | None = None, *, cache: Path | None = None, machine: Machine | None = None
) -> Runtime:
    """The runtime of a model on this machine. ValueError for a wish that cannot be met.

    `cache` is a folder for quantised weights and for what was measured on them; with one, int4 is used only where its
    check has said so (`agreement`), and int8 otherwise. A runtime that cannot be built or does not run (a broken
    driver, a processor or an OpenVINO without what it takes) is logged and replaced: a GPU by the processor, and what
    runs there by the torch reference, which always works.
    """
    wish = wish or Wish()
    machine = machine or Machine.probe()
    plan = _planned(model, wish, machine, cache)
    while plan.runtime != TORCH_CPU:
        runtime = _built(model, plan, machine, cache)
        if runtime is not None:
            _say(plan, runtime)
            return runtime
        # What did not work is as if it were not here: after the GPU comes the processor, after OpenVINO the reference.
        machine = dataclasses.replace(machine, gpu=None, openvino=machine.openvino and plan.runtime != OPENVINO)
        plan = _planned(model, Wish(slots=wish.slots, threads=wish.threads, most=wish.most), machine, cache)
    runtime = torch_runtime(model, plan.slots, plan.threads)
    _say(plan, runtime)
    return runtime


def _planned(model: MusicGen, wish: Wish, machine: Machine, cache: Path | None) -> RuntimePlan:
    """What the rule says, but for precisions that this checkpoint's check speaks against."""
    configuration = model.configuration.decoder
    plan = plan_runtime(configuration, machine, wish)
    if plan.precision.weights is WeightPrecision.INT4 and not _may_be_int4(model, cache):
        wish = dataclasses.replace(wish, weights=WeightPrecision.INT8.value)
        plan = plan_runtime(configuration, machine, wish)
    if wish.cache == "auto" and plan.precision.cache is CachePrecision.INT8 and _is_far(model, plan.precision, cache):
        plan = plan_runtime(configuration, machine, dataclasses.replace(wish, cache=CachePrecision.FLOAT16.value))
    return plan


def _built(model: MusicGen, plan: RuntimePlan, machine: Machine, cache: Path | None) -> Runtime | None:
    """The plan's runtime, seen to run; None when it does not, and the log says why."""
    runtime: Runtime | None = None
    try:
        runtime = _build(model, plan, machine, cache)
        _try(model, runtime)
    except Exception as error:
        _log.exception("runtime_unavailable", runtime=plan.runtime, error=str(error))
        if runtime is not None:
            # What cannot run may not be able to end well either.
            with contextlib.suppress(Exception):
                runtime.close()
        return None
    _let_go(model, plan)
    return runtime


def _may_be_int4(model: MusicGen, cache: Path | None) -> bool:
    """int4 is for checkpoints on which it was measured: on some it is another model."""
    if cache is None:
        return True
    distance = Verdicts(cache).distance(model.decoder, WeightPrecision.INT4)
    if distance is not None and distance <= MOST_DISTANCE:
        return True
    _log.warning(
        "int4_not_used",
        reason="It was not measured on this checkpoint. Run: musicgen models check NAME"
        if distance is None
        else f"On this checkpoint it is too far from the model: {distance:.3f}, at most {MOST_DISTANCE:.2f}.",
        instead=WeightPrecision.INT8.value,
    )
    return False


def _is_far(model: MusicGen, precision: Precision, cache: Path | None) -> bool:
    """Whether a check on this checkpoint found the precision too far from the model. What nobody checked is not."""
    distance = Verdicts(cache).distance(model.decoder, precision) if cache is not None else None
    if distance is None or distance <= MOST_DISTANCE:
        return False
    _log.warning(
        "int8_cache_not_used",
        reason=f"On this checkpoint it is too far from the model: {distance:.3f}, at most {MOST_DISTANCE:.2f}.",
        instead=CachePrecision.FLOAT16.value,
    )
    return True


def _say(plan: RuntimePlan, runtime: Runtime) -> None:
    _log.info(
        "runtime_selected",
        runtime=plan.runtime,
        precision=str(plan.precision),
        slots=plan.slots,
        threads=plan.threads,
        reason=plan.reason,
        **({"attention": runtime.attention} if runtime.attention else {}),
    )


def _build(model: MusicGen, plan: RuntimePlan, machine: Machine, cache: Path | None) -> Runtime:
    if plan.runtime == TORCH_CUDA:
        from services.generation.runtimes.cuda_runtime import cuda_runtime

        return cuda_runtime(model, plan.precision, plan.slots, torch.device("cuda"))
    if plan.runtime != OPENVINO:
        raise ValueError(f"There is no runtime “{plan.runtime}”.")
    # Here and not above: it is installed where its wheels exist.
    from services.generation.runtimes.openvino_runtime import openvino_runtime

    # The torch decoder stays whole until it is seen that nobody falls back on it.
    return openvino_runtime(
        model, plan.precision, plan.slots, plan.threads, half_codec=machine.bfloat16, cache=cache, keep_torch=True
    )


def _try(model: MusicGen, runtime: Runtime) -> None:
    """Run a step and some chunks of the codec: what a machine lacks is often seen only then. Raises what they raise."""
    decoder = model.configuration.decoder
    pads = (decoder.pad_token,) * decoder.codebooks
    runner = runtime.runner
    if decoder.cross_attention:
        states = torch.zeros(1, decoder.hidden_size)
        runner.condition(0, SongCondition((model.decoder.cross_memory(states), None)))
    else:
        runner.condition(0, SongCondition(prefix=torch.zeros(decoder.guidance_rows, 1, decoder.hidden_size)))
        runner.fill_prefix(0, 0, 1)
    runner.fill(0, 0, [pads])
    runner.step([RowStep(0, 1, pads, SamplingParameters(seed=0), 1)])
    runner.release(0)
    state = runtime.codec.initial_state()
    codes = torch.zeros(decoder.codebooks, CHUNK_FRAMES, dtype=torch.long)
    # Edges of a stream are computed in another way than its middle.
    for _ in range(3):
        runtime.codec.stream(codes, state, last=False)


def _let_go(model: MusicGen, plan: RuntimePlan) -> None:
    """Of a processor's memory, a runtime has taken over what the torch decoder held."""
    if plan.runtime == OPENVINO:
        from services.generation.runtimes.openvino_runtime import release_dense_weights

        release_dense_weights(model.decoder)
