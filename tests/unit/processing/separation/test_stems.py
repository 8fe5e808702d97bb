"""Stems are written as they come: of a long song no more is held than of a short one, and a cancel ends each stage."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.processing.separation.plan import Output
from services.processing.separation.separator import Check, MixSource, Stems
from services.processing.separation.source import Master
from services.processing.separation.stems import write_stems

RATE = 8_000
OUTPUTS = (Output("low", 0.0, (1.0, 0.0)), Output("rest", 0.0, (0.0, 1.0)))


class Halves:
    """Gives each of two stems half of the mix."""

    stems = ("low", "rest")
    revision, runtime, precision = "halves", "numpy", "float32"

    def separate(self, mix: MixSource, check: Check) -> Iterator[Stems]:
        for block in mix.blocks(check):
            yield np.stack((block, block)) * np.float32(0.5)


@pytest.fixture
def song(tmp_path: Path) -> Callable[[int], Master]:
    """A mono song of so many seconds; its rate is not the separator's."""

    def make(seconds: int) -> Master:
        path = tmp_path / f"{seconds}.flac"
        second = 0.3 * np.sin(2.0 * np.pi * 220.0 * np.arange(RATE) / RATE)
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_24") as file:
            for _ in range(seconds):
                file.write(second)
        return Master(path)

    return make


def nobody() -> None:
    """Nobody cancels."""


def test_memory_does_not_grow_with_the_song(song: Callable[[int], Master], tmp_path: Path) -> None:
    highest = []
    for seconds in (20, 20, 120):
        master = song(seconds)
        tracemalloc.start()
        write_stems(master, Halves(), OUTPUTS, tmp_path, nobody, lambda _done: None)
        highest.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A hundred more seconds are 3.2 MB of the song's own samples alone, and 70 MB of the separator's.
    assert highest[2] < highest[1] + 1_000_000


def test_progress_follows_every_block_to_the_end(song: Callable[[int], Master], tmp_path: Path) -> None:
    told: list[float] = []
    write_stems(song(60), Halves(), OUTPUTS, tmp_path, nobody, told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert sum(0.9 < done < 1.0 for done in told) >= 10, "the files are written for a while, and that is told too"


@pytest.mark.parametrize("stage", ["separating", "writing"])
def test_cancel_ends_the_stage_that_it_falls_into(stage: str, song: Callable[[int], Master], tmp_path: Path) -> None:
    wanted = 0.4 if stage == "separating" else 0.95
    furthest = 0.0

    def tell(done: float) -> None:
        nonlocal furthest
        furthest = done

    def check() -> None:
        if furthest >= wanted:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_stems(song(60), Halves(), OUTPUTS, tmp_path, check, tell)
    assert wanted <= furthest < wanted + 0.05 if stage == "writing" else furthest < 0.9
