"""Where torch is to come from: a laptop without an NVIDIA driver should not download 3 GB of CUDA libraries.

Pure rules and one probe; `bootstrap.py` uses them. Standard library only.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import urllib.request
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3.0


def has_nvidia_driver(proc: Path = Path("/proc/driver/nvidia"), path: str | None = None) -> bool:
    """Whether this machine can use CUDA: the kernel's driver is there, or its tool is on the PATH."""
    return (proc / "version").exists() or shutil.which("nvidia-smi", path=path) is not None


def index_answers(index: str, seconds: float = PROBE_SECONDS) -> bool:
    """Whether the index has a page for torch, within the time (a hanging name server counts as no)."""
    answers: list[bool] = []

    def ask() -> None:
        request = urllib.request.Request(f"{index.rstrip('/')}/torch/", headers={"User-Agent": "music-gen-ai"})  # noqa: S310
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(request, timeout=seconds) as page:  # noqa: S310
            answers.append(page.status == 200)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return bool(answers and answers[0])


def choose_index(*, nvidia: bool, platform: str, wished: str | None = None, cpu_index: str = CPU_INDEX) -> str | None:
    """The index that torch alone is taken from; None: the one that everything else comes from.

    `wished` is what a person set (empty: the default index). macOS' default wheels are small already, and with a driver
    CUDA's are wanted: only Linux without one asks the CPU index whether it is there.
    """
    if wished is not None:
        return wished or None
    if nvidia or not platform.startswith("linux"):
        return None
    return cpu_index if index_answers(cpu_index) else None
