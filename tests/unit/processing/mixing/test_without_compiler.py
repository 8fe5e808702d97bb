"""Compiled and interpreted, every effect does the same: what the compiler was told about types and loops is right."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from services.processing.mixing.catalogue.effects import EFFECTS
from tests.support.mixing import apply, noise, points, render

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
    return made | {"session": _session()}


def _session() -> np.ndarray:
    """A mix whose faders follow every kind of curve."""
    kinds = ("linear", "exponential", "hold", "bezier")

    def lane(target: str, low: float, high: float) -> dict[str, object]:
        steps: list[dict[str, object]] = [
            {"time": 0.004 * n, "value": (low, high)[n % 2], "curve": kind} for n, kind in enumerate(kinds)
        ]
        steps[-1]["bezier"] = [0.3, 0.9, 0.6, 0.2]
        return {"target": target, "points": [*steps, {"time": 0.02, "value": low}]}

    laws = ("balance", "constant_power", "-4.5", "linear")
    tracks = [
        {
            "track_id": "a",
            "pan_law": law,
            "automation": [lane("gain_db", -30.0, -3.0), lane("pan", 0.1, 0.9), lane("width", 0.2, 1.8)],
            "sends": [{"to": "x", "gain_db": -6.0}],
            "fade_in": {"seconds": 0.003, "curve": "equal_power"},
        }
        for law in laws
    ]
    buses = [{"id": "x", "effects": [{"type": "tremolo", "parameters": {"shape": "square", "rate_hz": 20.0}}]}]
    return render({"tracks": tracks, "buses": buses}, {"a": noise(1_000)}, block_frames=300)


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


@pytest.mark.parametrize("effect", [*EFFECTS, "session"])
def test_compiled_effect_equals_the_interpreted_one(
    effect: str, compiled: dict[str, np.ndarray], interpreted: dict[str, np.ndarray]
) -> None:
    assert np.abs(compiled[effect] - interpreted[effect]).max() < 1e-9
