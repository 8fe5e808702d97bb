"""What was learned from songs whose tempo and key are known: `listening.json`, made by `scripts/train_listening.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

PATH: Final = Path(__file__).with_name("listening.json")


@dataclass(frozen=True, slots=True)
class Weights:
    """`tempo` `[features]` on features levelled by `tempo_mean` and `tempo_deviation`; `key` `[2, 6, 12]`.

    The first axis of `key` is the mode (major, minor), then the distributions of `key.distributions`, then semitones
    above the tonic. `key_minor` is added for every minor key. `meter` `[features]` is for features divided by
    `meter_deviation`: those that a meter has none of stay 0.
    """

    tempo_mean: Float64
    tempo_deviation: Float64
    tempo: Float64
    meter_deviation: Float64
    meter: Float64
    key: Float64
    key_minor: float


@cache
def load() -> Weights:
    """The weights that come with this version."""
    found = json.loads(PATH.read_text(encoding="utf-8"))
    tempo, meter, key = found["tempo"], found["meter"], found["key"]
    return Weights(
        tempo_mean=np.array(tempo["mean"]),
        tempo_deviation=np.array(tempo["deviation"]),
        tempo=np.array(tempo["weights"]),
        meter_deviation=np.array(meter["deviation"]),
        meter=np.array(meter["weights"]),
        key=np.array(key["profiles"]),
        key_minor=float(key["minor"]),
    )
