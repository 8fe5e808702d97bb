"""From a model to the runtime that it runs on here: the plan, built, with the torch reference to fall back on."""

from __future__ import annotations

from pathlib import Path

import structlog
import torch

from services.generation.engine.runtime import Runtime, torch_runtime
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.plan import OPENVINO, TORCH_CPU, TORCH_CUDA, RuntimePlan, Wish, plan_runtime

_log = structlog.get_logger(__name__)


def select_runtime(
    model: MusicGen, wish: Wish | None = None, *, cache: Path | None = None, machine: Machine | None = None
) -> Runtime:
    """The runtime of a model on this machine. ValueError for a wish that cannot be met.

    `cache` is a folder for quantised weights. A runtime that cannot be built (a broken driver, an OpenVINO without the
    attention operation) is logged and replaced by the torch reference, which always works.
    """
    wish = wish or Wish()
    machine = machine or Machine.probe()
    configuration = model.configuration.decoder
    plan = plan_runtime(configuration, machine, wish)
    if plan.runtime != TORCH_CPU:
        try:
            runtime = _build(model, plan, machine, cache)
        except Exception as error:
            _log.exception("runtime_unavailable", runtime=plan.runtime, error=str(error))
        else:
            _say(plan)
            return runtime
        on_torch = Machine(machine.cores, machine.memory_bytes, None, openvino=False, bfloat16=machine.bfloat16)
        plan = plan_runtime(configuration, on_torch, Wish(slots=wish.slots, threads=wish.threads))
    _say(plan)
    return torch_runtime(model, plan.slots, plan.threads)


def _say(plan: RuntimePlan) -> None:
    _log.info(
        "runtime_selected",
        runtime=plan.runtime,
        precision=str(plan.precision),
        slots=plan.slots,
        threads=plan.threads,
        reason=plan.reason,
    )


def _build(model: MusicGen, plan: RuntimePlan, machine: Machine, cache: Path | None) -> Runtime:
    if plan.runtime == TORCH_CUDA:
        from services.generation.runtimes.cuda_runtime import cuda_runtime

        return cuda_runtime(model, plan.precision, plan.slots, torch.device("cuda"))
    if plan.runtime != OPENVINO:
        raise ValueError(f"There is no runtime “{plan.runtime}”.")
    # Here and not above: it is installed where its wheels exist.
    from services.generation.runtimes.openvino_runtime import openvino_runtime

    return openvino_runtime(model, plan.precision, plan.slots, plan.threads, half_codec=machine.bfloat16, cache=cache)
