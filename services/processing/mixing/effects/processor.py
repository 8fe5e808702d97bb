"""What every effect is: sound in, sound out, block by block, with all that it remembers in the open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.parameter import Value

Switches = NDArray[np.bool_]
State = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a processor is built from: parameters, sample rate and tempo; `moving` names those with automation."""

    values: Mapping[str, Value]
    rate_hz: int
    tempo_bpm: float
    moving: frozenset[str] = frozenset()

    def number(self, name: str) -> float:
        """A number."""
        return float(self.values[name])

    def text(self, name: str) -> str:
        """A choice."""
        return str(self.values[name])

    def frames(self, name: str) -> int:
        """A time in milliseconds as whole samples."""
        return round(self.number(name) * self.rate_hz / 1_000.0)


class Processor(ABC):
    """One effect at work on one channel.

    `PARAMETERS` names the rows that `process` gets. `latency` is how many samples the output is behind, `lags` how many
    the sound is behind where a parameter acts on it (0 for those that are not named). All that changes while it runs
    lies in arrays of `state`, so that a mix can go on from any point that was kept.
    """

    PARAMETERS: ClassVar[tuple[str, ...]]
    latency: int = 0
    lags: Mapping[str, int] = MappingProxyType({})

    def __init__(self) -> None:
        self.state: State = {}

    def footprint(self) -> int:
        """Bytes that it holds on to."""
        return sum(array.nbytes for array in self.state.values())

    @abstractmethod
    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Turn `audio [2, n]` into the effect's sound, in place.

        `rows [parameters, n]` holds each parameter at each sample, as late as `lags` says, `moving [parameters]` which
        of them ever change, `key [2, n]` the sound that steers the effect (the input itself, unless there is a
        sidechain).
        """


class Delay:
    """A wait of whole samples, exact."""

    def __init__(self, frames: int) -> None:
        self.state: State = {"line": np.zeros((2, frames))}

    def process(self, audio: Audio) -> Audio:
        """`audio [2, n]` as it was `frames` samples ago; a new array unless there is nothing to wait for."""
        line = self.state["line"]
        if not line.shape[1]:
            return audio
        joined = np.concatenate((line, audio), axis=1)
        self.state["line"] = np.ascontiguousarray(joined[:, audio.shape[1] :])
        return np.ascontiguousarray(joined[:, : audio.shape[1]])
