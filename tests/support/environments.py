"""Environments of a test's own, beside the one that it runs in."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment_beside(folder: Path, wanted: Sequence[str]) -> Path:
    """The interpreter of an environment that has the wanted distributions alone, and all that this one has."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    install = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target", str(packages)]
    subprocess.run([*install, "-c", str(ROOT / "constraints.txt"), *wanted], check=True)
    (packages / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"
