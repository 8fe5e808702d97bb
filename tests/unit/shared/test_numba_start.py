"""numba starts without the linear algebra that no kernel uses, and takes it from nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from services.shared import numba_start

ROOT = Path(__file__).resolve().parents[3]

_PROCESS = """
import sys
from services.shared.numba_start import start_numba

finders = list(sys.meta_path)
start_numba()
start_numba()
assert "scipy" not in sys.modules, "looked for"

import numba, numpy as np

assert numba.njit(lambda x: (x * x).sum())(np.arange(4.0)) == 14.0
assert "numba.np.arraymath" in sys.modules and "scipy.linalg" not in sys.modules, "hidden"
assert sys.meta_path == finders, "left behind"
assert numba.core.entrypoints._already_initialized
import scipy.linalg

assert scipy.linalg.inv(np.eye(2)).sum() == 2.0
"""

_KERNELS = """
import numpy as np
from numba import njit

@njit(cache=True)
def squares(count):
    found = np.zeros(count)
    for at in range(count):
        found[at] = at * at
    return found

@njit(cache=True)
def total(count):
    return squares(count).sum()
"""

_CACHED = """
import sys
from services.shared.numba_start import start_numba

start_numba()
import kernels

assert list(kernels.squares(4)) == [0.0, 1.0, 4.0, 9.0]
hits = sum(kernels.squares.stats.cache_hits.values())
print(hits, "numba.np.arraymath" in sys.modules, "numba.np.arrayobj" in sys.modules)
if hits:
    # Compiled once out of what was loaded without its module, and from then on loaded itself.
    assert kernels.total(4) == 14.0
    print("kept" if kernels.total.stats.cache_hits else "compiled", "numba.np.arrayobj" in sys.modules)
"""


def test_numba_starts_without_linear_algebra_which_is_there_afterwards() -> None:
    environment = {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", _PROCESS], cwd=ROOT, env=environment, check=True, timeout=120)


@pytest.mark.slow
def test_a_kernel_from_the_cache_needs_no_compiler_and_one_that_is_compiled_gets_it(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(_KERNELS)
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def said() -> list[str]:
        command = [sys.executable, "-c", _CACHED]
        made = subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, timeout=120, capture_output=True, text=True
        )
        return made.stdout.split()

    assert said() == ["0", "True", "True"]
    assert said() == ["1", "False", "False", "compiled", "True"]
    assert said() == ["1", "False", "False", "kept", "False"]


def test_it_is_hidden_from_the_thread_that_starts_numba_alone() -> None:
    hidden = numba_start._Hidden("scipy.linalg")
    found: list[object] = []
    other = threading.Thread(target=lambda: found.append(hidden.find_spec("scipy.linalg", None)))
    other.start()
    other.join(60)
    assert found == [None]
    assert hidden.find_spec("numpy", None) is None
    with pytest.raises(ImportError):
        hidden.find_spec("scipy.linalg", None)
