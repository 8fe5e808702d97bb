"""What the server's effects make of a known sound, for the studio's preview to be held against.

`python -m tests.support.studio_effects` writes `frontend/tests/effects.json` anew. The studio's own tests play the same
sound through their effects, and a test here sees to it that the file is what the server makes today.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.effects.insert import Insert
from services.processing.mixing.effects.processor import Setting
from services.processing.mixing.effects.registry import PROCESSORS
from services.processing.mixing.session import Point
from services.processing.mixing.timeline.curve import Curve

GOLDEN: Final = Path(__file__).resolve().parents[2] / "frontend" / "tests" / "effects.json"
RATE_HZ: Final = 44_100
FRAMES: Final = 12_000
STRIDE: Final = 83
TEMPO_BPM: Final = 140.0
DIGITS: Final = 9

_NOTE_FRAMES: Final = 3_000
_DECAY_FRAMES: Final = 700.0

# Type, parameters, what moves (points of time in seconds and value), and whether another sound steers it.
Case = tuple[str, dict[str, Any], dict[str, list[list[float]]], bool]
CASES: Final[tuple[Case, ...]] = (
    ("equalizer", {"band1_gain_db": 6.0, "band2_gain_db": -9.0, "band3_shape": "notch"}, {}, False),
    ("equalizer", {"band5_gain_db": -6.0, "band6_gain_db": 4.0}, {}, False),
    (
        "equalizer",
        {"band1_shape": "low_cut", "band6_shape": "high_cut", "band4_shape": "off"},
        {"band3_frequency_hz": [[0.0, 300.0], [0.2, 3_000.0]], "band3_gain_db": [[0.05, 0.0], [0.25, 12.0]]},
        False,
    ),
    ("high_pass", {"frequency_hz": 300.0, "slope": "12", "q": 2.0}, {}, False),
    ("high_pass", {"slope": "48"}, {"frequency_hz": [[0.0, 100.0], [0.2, 2_000.0]]}, False),
    ("low_pass", {"frequency_hz": 2_000.0, "slope": "24", "mix": 0.5}, {}, False),
    ("compressor", {"threshold_db": -30.0, "makeup_db": 6.0}, {}, False),
    (
        "compressor",
        {"detector": "rms", "lookahead_ms": 5.0, "ratio": 20.0, "knee_db": 0.0, "mix": 0.7},
        {"threshold_db": [[0.0, -40.0], [0.2, -10.0]]},
        False,
    ),
    ("compressor", {"threshold_db": -40.0, "attack_ms": 0.5}, {}, True),
    ("multiband_compressor", {"low_threshold_db": -40.0, "mid_gain_db": 3.0, "high_ratio": 8.0}, {}, False),
    ("gate", {"threshold_db": -20.0, "hold_ms": 5.0, "release_ms": 20.0}, {}, False),
    ("gate", {"threshold_db": -12.0, "range_db": -96.0}, {}, True),
    ("expander", {"threshold_db": -15.0, "ratio": 4.0}, {}, False),
    ("de_esser", {"threshold_db": -40.0, "frequency_hz": 4_000.0}, {}, False),
    ("limiter", {"ceiling_dbtp": -12.0}, {}, False),
    ("limiter", {"gain_db": -18.0}, {}, False),
    (
        "limiter",
        {"release_ms": 20.0},
        {"gain_db": [[0.0, 0.0], [0.2, 24.0]], "ceiling_dbtp": [[0.1, -1.0], [0.2, -20.0]]},
        False,
    ),
    ("transient_shaper", {"attack_db": 9.0, "sustain_db": -6.0, "speed": 1.5}, {}, False),
    *(("saturation", {"curve": curve, "drive_db": 18.0, "tone_hz": 6_000.0}, {}, False) for curve in ("soft", "tape")),
    ("saturation", {"curve": "tube", "mix": 0.5}, {"drive_db": [[0.0, 0.0], [0.2, 24.0]]}, False),
    ("saturation", {"curve": "hard", "drive_db": 30.0, "output_db": -6.0}, {}, False),
    (
        "saturation",
        {"drive_db": 6.0},
        {"output_db": [[0.0, 0.0], [0.2, -24.0]], "tone_hz": [[0.0, 900.0], [0.2, 9_000.0]]},
        False,
    ),
    ("compressor", {"lookahead_ms": 5.0}, {"makeup_db": [[0.0, -12.0], [0.2, 12.0]]}, False),
    ("bitcrusher", {"bits": 5.0, "rate_hz": 6_000.0}, {}, False),
    ("chorus", {"rate_hz": 3.0, "feedback": 0.3}, {}, False),
    ("flanger", {}, {"depth_ms": [[0.0, 0.0], [0.25, 3.0]]}, False),
    ("phaser", {"rate_hz": 2.0, "stages": "8"}, {}, False),
    *(("tremolo", {"shape": shape, "stereo_degrees": 90.0}, {}, False) for shape in ("sine", "triangle", "saw")),
    ("tremolo", {"shape": "square", "sync": "1/16"}, {"depth": [[0.0, 0.0], [0.2, 1.0]]}, False),
    ("reverb", {"size": 0.4, "predelay_ms": 4.0, "mix": 0.6, "modulation": 1.0}, {}, False),
    ("reverb", {"damping_hz": 20_000.0, "width": 0.3}, {"decay_seconds": [[0.0, 0.5], [0.2, 6.0]]}, False),
    ("convolution_reverb", {"decay_seconds": 0.4, "predelay_ms": 4.0}, {}, False),
    (
        "convolution_reverb",
        {"space": "room", "decay_seconds": 0.3, "mix": 1.0},
        {"high_cut_hz": [[0.05, 2_000.0], [0.2, 16_000.0]], "mix": [[0.1, 0.2], [0.2, 1.0]]},
        False,
    ),
    ("convolution_reverb", {"space": "plate", "decay_seconds": 0.5, "low_cut_hz": 400.0}, {}, False),
    ("convolution_reverb", {"space": "spring", "decay_seconds": 0.2, "mix": 0.7}, {}, False),
    ("delay", {"time_ms": 33.37, "feedback": 0.7, "low_cut_hz": 300.0, "high_cut_hz": 5_000.0}, {}, False),
    ("delay", {"sync": "1/32", "ping_pong": True, "mix": 0.5}, {}, False),
    ("delay", {"feedback": 0.5}, {"time_ms": [[0.0, 20.0], [0.2, 60.0]]}, False),
    ("pitch_shift", {"semitones": 5.0}, {}, False),
    ("pitch_shift", {"semitones": -7.0, "keep_attacks": False, "mix": 0.7}, {}, False),
    ("pitch_shift", {}, {"semitones": [[0.0, -12.0], [0.2, 24.0]]}, False),
)  # fmt: skip


@lru_cache
def sound(seed: int) -> NDArray[np.float64]:
    """Notes of noise that die away, `[2, frames]`: a generator of Numerical Recipes, in any language the same."""
    out = np.empty((2, FRAMES))
    state = seed
    for frame in range(FRAMES):
        envelope = 0.8 * math.exp(-(frame % _NOTE_FRAMES) / _DECAY_FRAMES)
        for side in range(2):
            state = (1_664_525 * state + 1_013_904_223) % (1 << 32)
            out[side, frame] = envelope * (state / (1 << 31) - 1.0)
    return out


def heard(case: Case) -> list[float]:
    """Every so many samples of what the server makes of it, left and right in turn."""
    kind, parameters, lanes, keyed = case
    effect = EFFECTS[kind]
    values = effect.settings(parameters)
    processor = PROCESSORS[kind](Setting(values, RATE_HZ, TEMPO_BPM, frozenset(lanes)))
    curves = {
        item.name: Curve([Point(time=time, value=value) for time, value in lanes[item.name]], RATE_HZ)
        if item.name in lanes
        else Curve.constant(float(values[item.name]))
        for item in effect.parameters
        if item.is_number
    }
    audio = sound(1).copy()
    Insert(processor, curves, 0).process(audio, 0, sound(2) if keyed else None)
    return [float(value) for value in np.round(audio[:, ::STRIDE].T.ravel(), DIGITS)]


def document() -> dict[str, Any]:
    """The whole file."""
    cases = [
        {
            "type": case[0],
            "values": EFFECTS[case[0]].settings(case[1]),
            "lanes": case[2],
            "keyed": case[3],
            "moves": list(processor.PARAMETERS),
            "latency": processor.latency,
            "lags": dict(processor.lags),
            "heard": heard(case),
        }
        for case in CASES
        for processor in [PROCESSORS[case[0]](Setting(EFFECTS[case[0]].settings(case[1]), RATE_HZ, TEMPO_BPM))]
    ]
    return {"rate": RATE_HZ, "frames": FRAMES, "stride": STRIDE, "tempo": TEMPO_BPM, "cases": cases}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(document(), separators=(",", ":")) + "\n", encoding="utf-8")
