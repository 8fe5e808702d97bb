"""Compiled and interpreted, every effect does the same: what the compiler was told about types and loops is right."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from services.processing.mixing.catalogue.effects import EFFECTS

from tests.support.mixing import apply, noise, points

_SCRIPT = """
import sys, numpy as np
from tests.unit.processing.mixing.test_without_compiler import sounds
np.savez(sys.argv[1], **sounds())
"""


def sounds() -> dict[str, np.ndarray]:
    """What each effect makes of a little noise, one parameter moving."""
    made = {}
    for name, kind in EFFECTS.items():
        moving = next(item for item in kind.parameters if item.is_number and item.automatable and item.name != "mix")
        lane = points((0.0, moving.default), (0.02, 0.5 * (moving.minimum + moving.maximum)))
        made[name] = apply(name, noise(700, level=0.4), block=300, automation={moving.name: lane})
    return made


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("interpreted") / "sounds.npz"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", _SCRIPT, path], check=True, env=environment, cwd=Path.cwd())
    with np.load(path) as loaded:
        return dict(loaded)


@pytest.fixture(scope="module")
def compiled() -> dict[str, np.ndarray]:
    return sounds()


@pytest.mark.parametrize("effect", EFFECTS)
def test_compiled_effect_equals_the_interpreted_one(
    effect: str, compiled: dict[str, np.ndarray], interpreted: dict[str, np.ndarray]
) -> None:
    assert np.abs(compiled[effect] - interpreted[effect]).max() < 1e-9
