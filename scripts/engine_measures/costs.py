"""What work costs, by the clock and of the processor, and how fast memory is read."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the clock, and of both cores together."""

    wall: float
    cpu: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu)

    def less(self, other: Cost) -> Cost:
        """What is left without the other; at least nothing."""
        return Cost(max(0.0, self.wall - other.wall), max(0.0, self.cpu - other.cpu))

    def times(self, factor: float) -> Cost:
        """So often the same."""
        return Cost(self.wall * factor, self.cpu * factor)


def timed(work: Callable[[], object], repeats: int, warm: int = 2) -> Cost:
    """The median of some runs, after a few that do not count."""
    for _ in range(warm):
        work()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Cost(statistics.median(walls), statistics.median(cpus))


def integrate(windows: Sequence[tuple[int, Cost]], steps: int) -> Cost:
    """The sum over all steps of what was measured at a few positions, straight lines between them."""
    places = [position for position, _ in windows]
    every = np.arange(steps)
    return Cost(
        float(np.interp(every, places, [cost.wall for _, cost in windows]).sum()),
        float(np.interp(every, places, [cost.cpu for _, cost in windows]).sum()),
    )


def bandwidth() -> float:
    """Bytes a second that all cores read together: the best of a few passes over 1 GiB."""
    x, y = torch.ones(2**27), torch.ones(2**27)
    torch.dot(x, y)
    best = min(timed(lambda: torch.dot(x, y), 1, 0).wall for _ in range(8))
    return 2 * x.numel() * 4 / best
