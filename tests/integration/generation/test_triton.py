"""The GPU's attention kernels with Triton, in an environment of its own: only torch for CUDA brings it along."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.environments import environment_beside

ROOT = Path(__file__).resolve().parents[3]
# Of the time of the pinned torch; what comes with a torch for CUDA may differ by a version.
TRITON = "triton==3.9.0"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has Triton, and all that this one has."""
    return environment_beside(tmp_path_factory.mktemp("triton") / "venv", [TRITON])


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("interpret", "passed"), [("1", 19), ("0", 6)])
def test_kernels_are_right_and_compile(python: Path, tmp_path: Path, interpret: str, passed: int) -> None:
    test = "tests/unit/generation/runtimes/test_ragged_attention.py"
    paths = os.pathsep.join((str(ROOT), str(ROOT / "clients" / "python")))
    environment = {"PYTHONPATH": paths, "TRITON_INTERPRET": interpret, "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-rs", "-s", "-p", "no:cacheprovider", test],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=800,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert re.search(rf"\b{passed} passed", done.stdout)
