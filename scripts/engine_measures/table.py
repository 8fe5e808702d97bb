"""The table: a line for each piece of work, and how far its steps are from what memory allows, and why."""

from __future__ import annotations

from dataclasses import dataclass

from engine_measures.costs import Cost
from engine_measures.setting import FRAME_RATE, SMALL
from services.generation.engine.streamer import CHUNK_FRAMES
from services.generation.runtimes.precision import Precision, cache_bytes, weight_bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """Where a step of all songs goes: `layers` without any past, what the `cache` adds, `codec`, and `sampling`."""

    layers: Cost
    cache: Cost
    codec: Cost
    sampling: Cost

    def line(self, limit: float) -> str:
        """One line; `limit` are the seconds that memory needs."""
        named = {"layers": self.layers, "cache": self.cache, "codec": self.codec, "sampling and tokens": self.sampling}
        total = Cost(sum(cost.wall for cost in named.values()), sum(cost.cpu for cost in named.values()))
        shares = ", ".join(
            f"{name} {1e3 * cost.wall:.1f} ({1e3 * cost.cpu:.1f} CPU, {cost.cpu / total.cpu:.0%})"
            for name, cost in named.items()
        )
        return (
            f"    a step in the middle, ms: {shares}; {1 / total.wall:.1f} steps/s, memory allows {1 / limit:.1f} "
            f"({limit / total.wall:.0%})"
        )


@dataclass(frozen=True, slots=True)
class Result:
    """A whole piece of work: `songs` of `seconds` each."""

    name: str
    songs: int
    seconds: float
    cost: Cost
    step: Cost
    note: str

    @property
    def real_time(self) -> float:
        """Seconds of audio in a second, all songs together."""
        return self.songs * self.seconds / self.cost.wall


def show(result: Result, limit: Cost | None = None) -> None:
    """One line of the table."""
    line = (
        f"{result.name:<24}{result.songs:>5}{result.cost.wall:>9.1f}{result.cost.cpu:>9.1f}"
        f"{1e3 * result.step.wall:>9.1f}{1e3 * result.step.cpu:>9.1f}{result.real_time:>8.2f}"
    )
    share = f"{limit.wall / result.step.wall:>8.0%}" if limit else f"{'–':>8}"
    print(f"{line}{share}  {result.note}", flush=True)


def step_limit(
    precision: Precision, songs: int, seconds: float, bytes_per_second: float, codec_bytes: float = 0.0
) -> Cost:
    """The seconds that reading weights, cache and codec takes, for a step in the middle of a song."""
    middle = round(seconds * FRAME_RATE / 2)
    moved = weight_bytes(SMALL.decoder, precision.weights)
    moved += 2 * songs * cache_bytes(SMALL.decoder, precision.cache, middle)
    # A chunk of every song reads the codec's decoder once, and lasts for its frames.
    moved += songs * codec_bytes / CHUNK_FRAMES
    return Cost(moved / bytes_per_second, 0.0)
