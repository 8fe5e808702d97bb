"""What this machine offers a model: cores, memory, a GPU, OpenVINO."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass

from services.generation.runtimes.container_limits import ContainerLimits


@dataclass(frozen=True, slots=True)
class Gpu:
    """A CUDA device: its name, its memory in bytes, and whether it computes in bfloat16."""

    name: str
    memory_bytes: int
    bfloat16: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """`cores` and bytes of memory that this process may use, and what is installed. `bfloat16` is the processor's."""

    cores: int
    memory_bytes: int
    gpu: Gpu | None
    openvino: bool
    bfloat16: bool

    @classmethod
    def probe(cls) -> Machine:
        """Look at the machine on which this runs."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(
            cores=min(cores, ContainerLimits.read().cores or cores),
            memory_bytes=usable_memory_bytes(),
            gpu=_gpu(),
            openvino=importlib.util.find_spec("openvino") is not None,
            bfloat16=_processor_has_bfloat16(),
        )


def usable_memory_bytes() -> int:
    """Memory that this process may use: the machine's, or what its container has of it."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(whole, ContainerLimits.read().memory_bytes or whole)


def _gpu() -> Gpu | None:
    import torch

    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    return Gpu(properties.name, properties.total_memory, torch.cuda.is_bf16_supported())


def _processor_has_bfloat16() -> bool:
    """Without it, bfloat16 is emulated and slower than float32."""
    import torch

    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())
