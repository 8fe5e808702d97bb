"""numba starts without the linear algebra that no kernel uses, and takes it from nobody."""

from __future__ import annotations

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
assert "numba" in sys.modules and "scipy.linalg" not in sys.modules, "hidden"
assert sys.meta_path == finders, "left behind"
start_numba()

import numba, numpy as np

assert numba.njit(lambda x: (x * x).sum())(np.arange(4.0)) == 14.0
import scipy.linalg

assert scipy.linalg.inv(np.eye(2)).sum() == 2.0
"""


def test_numba_starts_without_linear_algebra_which_is_there_afterwards() -> None:
    environment = {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", _PROCESS], cwd=ROOT, env=environment, check=True, timeout=120)


def test_it_is_hidden_from_the_thread_that_starts_numba_alone() -> None:
    hidden = numba_start._Hidden()
    found: list[object] = []
    other = threading.Thread(target=lambda: found.append(hidden.find_spec("scipy.linalg", None)))
    other.start()
    other.join(60)
    assert found == [None]
    assert hidden.find_spec("numpy", None) is None
    with pytest.raises(ImportError):
        hidden.find_spec("scipy.linalg", None)
