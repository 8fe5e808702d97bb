"""The compiled kernels of the mix do what their Python says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[4]

_SLICE = """
import sys
import numpy as np
from services.generation.composer.mix.biquad import FilterChain, bell, low_cut
from services.generation.composer.mix.stem import BusSettings, Sends, Stem
from services.generation.composer.mix.strip import Match, Strip, StripSettings
from services.generation.composer.mix.vinyl import Vinyl

audio = (np.random.default_rng(1).standard_normal((2, 3_000)) * 0.3).astype(np.float32)
Strip(StripSettings("drums", -2.0, 0.3, 0.5, 60.0, 9_000.0), Match(2.0, 1.5, 1.0), 44_100).process(audio)
bus = BusSettings(delay_seconds=0.01, drive_db=3.0, low_cut_hz=30.0, high_cut_hz=12_000.0)
out = Stem([Sends(-6.0, -6.0)], bus, 44_100).process([audio])
Vinyl(-30.0, 5, 44_100).process(out)
np.save(sys.argv[1], out)
"""


def test_interpreted_kernels_mix_as_compiled_ones_do(tmp_path):
    outputs = []
    for off in ("0", "1"):
        outputs.append(tmp_path / f"{off}.npy")
        environment = {**os.environ, "NUMBA_DISABLE_JIT": off, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", _SLICE, str(outputs[-1])], env=environment, check=True, timeout=120)
    compiled, interpreted = (np.load(path) for path in outputs)
    assert np.abs(compiled).max() > 0.1
    assert np.abs(compiled - interpreted).max() < 1e-5
