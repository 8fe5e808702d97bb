"""Kernels run from machine code that another process left, or through numba, and nobody can tell which."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.generation import loudness, mastering, true_peak
from services.generation.composer.mix import allpass, biquad, dynamics, echo, panorama, reverb, saturation, stem, vinyl
from services.generation.composer.render import mixdown
from services.generation.composer.sampler import kernel as sampler
from services.shared import machine_code
from services.shared.kernels import Kernel, kernel
from services.shared.machine_code import UnusableError

ROOT = Path(__file__).resolve().parents[3]
MIX = (allpass, biquad, dynamics, echo, panorama, reverb, saturation, stem, vinyl)
MODULES = (*MIX, mixdown, sampler, loudness, mastering, true_peak)

_KERNELS = """
import numpy as np
from services.shared.kernels import kernel

WEIGHTS = np.array([0.5, 0.25])

@kernel
def weighed(x, at):
    return x * WEIGHTS[at % 2]

@kernel(fastmath={"contract"})
def total(values, divisor):
    sums = np.zeros(2)
    for at in range(values.shape[0]):
        sums[at % 2] += weighed(values[at], at)
    return (sums[0] + sums[1]) / divisor
"""

_USED = """
import sys
import numpy as np
from kernels import total

print(total(np.arange(5.0), 2.0), "numba" in sys.modules)
try:
    total(np.arange(5.0), 0.0)
except ZeroDivisionError:
    # For the words of an exception, numba is imported; it finds nothing changed.
    print("refused", total(np.arange(5, dtype=np.float32), 2))
from services.shared import machine_code
from numba.core.environment import Environment, _dynfunc
assert issubclass(Environment, machine_code._extensions().Environment) and sys.modules["numba._dynfunc"] is _dynfunc
"""


@pytest.fixture
def kept() -> tuple[Path, str]:
    """A file of machine code that is there, and what it was made of."""
    block = np.zeros((2, 8), np.float32)
    arguments = (block, block.copy(), np.float32(2.0))
    stem._add(*arguments)
    path, identity = stem._add._place(arguments)
    assert path.exists()
    return path, identity


def add(run: Callable[..., Any]) -> list[float]:
    block = np.arange(8, dtype=np.float32).reshape(2, 4)
    total = np.ones_like(block)
    assert run(total, block, np.float32(2.0)) is None
    return [float(value) for value in total.ravel()]


def copy_of(kept: tuple[Path, str], folder: Path, change: Callable[[bytearray], None] = lambda content: None) -> Path:
    content = bytearray(kept[0].read_bytes())
    change(content)
    path = folder / "copy.kernel"
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_machine_code_that_is_there_is_run_without_asking_numba(kept: tuple[Path, str]) -> None:
    again = Kernel(stem._add.py_func, stem._add._options)
    again.__dict__["dispatcher"] = None
    assert add(again) == add(stem._add.py_func) == [1.0 + 2.0 * at for at in range(8)]
    # A block of one frame is contiguous in either direction, and the same code is for it.
    again(np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32), np.float32(1.0))


def test_arguments_of_other_types_and_layouts_are_not_run_by_it(kept: tuple[Path, str]) -> None:
    places = {
        stem._add._place((array, array, np.float32(1.0)))
        for array in (
            np.zeros((2, 8), np.float32),
            np.zeros((2, 8), np.int32),
            np.zeros((2, 8), ">f4"),
            np.zeros((8, 2), np.float32).T,
            np.zeros((2, 16), np.float32)[:, ::2],
            np.zeros(8, np.float32),
            np.frombuffer(bytes(64), np.float32).reshape(2, 8),
        )
    }
    assert len(places) == len({path for path, _ in places}) == 7
    assert kept in places
    with pytest.raises(UnusableError):
        stem._add._place(([1.0], [1.0], 1.0))


def test_threads_that_meet_at_the_first_call_all_get_their_answer(kept: tuple[Path, str]) -> None:
    again = Kernel(stem._add.py_func, stem._add._options)
    start, answers = threading.Barrier(8), []

    def call() -> None:
        start.wait(60)
        answers.append(add(again))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [add(stem._add.py_func)] * 8


def test_a_whole_copy_is_run_and_one_of_something_else_is_not(kept: tuple[Path, str], tmp_path: Path) -> None:
    path = copy_of(kept, tmp_path)
    with pytest.raises(UnusableError):
        machine_code.load(path, "of other sources", "add")
    with pytest.raises(UnusableError):
        machine_code.load(tmp_path / "missing.kernel", kept[1], "add")
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600


@pytest.mark.parametrize("at", [0, 20, 60, -1])
def test_a_damaged_file_is_not_run(at: int, kept: tuple[Path, str], tmp_path: Path) -> None:
    def flip(content: bytearray) -> None:
        content[at] ^= 1

    with pytest.raises(UnusableError):
        machine_code.load(copy_of(kept, tmp_path, flip), kept[1], "add")
    with pytest.raises(UnusableError):
        machine_code.load(copy_of(kept, tmp_path, lambda content: content.clear()), kept[1], "add")


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_not_run(mode: int, kept: tuple[Path, str], tmp_path: Path) -> None:
    path = copy_of(kept, tmp_path)
    path.chmod(mode)
    with pytest.raises(UnusableError, match="written"):
        machine_code.load(path, kept[1], "add")


def test_a_symbol_that_is_missing_is_noticed_before_llvm_gives_up(kept: tuple[Path, str], tmp_path: Path) -> None:
    path = copy_of(kept, tmp_path)
    content = kept[0].read_bytes()
    body = content[content.index(b'{"identity"') :]
    machine_code._write(path, body.replace(b'"symbols": [', b'"symbols": ["__svml_of_another_machine", ', 1))
    with pytest.raises(UnusableError, match="__svml_of_another_machine"):
        machine_code.load(path, kept[1], "add")


def test_what_cannot_be_kept_is_only_not_kept(kept: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    numbas = stem._add.dispatcher
    numbas(np.zeros((2, 8), np.float32), np.zeros((2, 8), np.float32), np.float32(1.0))
    machine_code.save(tmp_path / "file" / "x.kernel", "", numbas, numbas.signatures[0])
    assert not list(tmp_path.glob("*/*"))


def test_everything_that_a_kernel_is_made_of_tells_it_apart() -> None:
    def made(body: str, options: dict[str, Any] | None = None, **known: Any) -> tuple[str, ...]:
        names: dict[str, Any] = {"__name__": "kernels", **known}
        exec(body, names)
        return tuple(Kernel(names["f"], options or {})._ingredients())

    def inner(body: str) -> Any:
        names: dict[str, Any] = {"__name__": "kernels"}
        exec(body, names)
        return kernel(names["g"])

    body = "def f(x):\n    return x * K"
    others = [
        made(body, K=2),
        made(body, K=2.0),
        made(body, K=3),
        made(body, K=np.array([2.0])),
        made(body, K=np.array([3.0])),
        made(body, {"fastmath": {"contract"}}, K=2),
        made("def f(x):\n    return x + K", K=2),
        made("def f(x):\n    return K(x)", K=inner("def g(x):\n    return x + 1")),
        made("def f(x):\n    return K(x)", K=inner("def g(x):\n    return x + 2")),
        made("def f(x):\n    return K(x)", K=np.float32),
    ]
    assert len(set(others)) == len(others)
    assert made("\n\n" + body, K=2) == others[0]
    for unknown in ([1], os, lambda x: x):
        with pytest.raises(UnusableError):
            made(body, K=unknown)


def test_every_kernel_of_the_composer_can_be_kept() -> None:
    kernels = [value for module in MODULES for value in vars(module).values() if isinstance(value, Kernel)]
    assert len(kernels) > 25
    for found in kernels:
        assert list(found._ingredients())


@pytest.mark.slow
def test_the_second_process_does_without_numba(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(_KERNELS)
    environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def said() -> list[str]:
        command = [sys.executable, "-c", _USED]
        made = subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, timeout=120, capture_output=True, text=True
        )
        return made.stdout.split()

    assert said() == ["2.0", "True", "refused", "2.0"]
    assert said() == ["2.0", "False", "refused", "2.0"]
    (tmp_path / "kernels.py").write_text(_KERNELS.replace("0.5", "1.5"))
    assert said() == ["5.0", "True", "refused", "5.0"]
