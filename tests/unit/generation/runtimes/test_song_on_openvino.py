"""Whole songs on the OpenVINO runtime, as a worker makes them: by the step kernel, and as on processors without it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import structlog
from structlog.testing import capture_logs

from services.generation.backends.musicgen import DEBUG
from services.generation.backends.protocol import GeneratedTrack, GenerationCancelled, GenerationRequest
from services.generation.musicgen.song import InstalledModel, SongMaker
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.dense_kernel import multiplies_bytes
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.plan import Wish
from services.generation.runtimes.selection import select_runtime
from services.generation.worker.output_gate import check_output
from tests.unit.generation.musicgen.test_song import Stage
from tests.unit.generation.runtimes.conftest import TEXT, build

MACHINE = Machine(cores=1, memory_bytes=2**34, gpu=None, openvino=True, bfloat16=False)


@pytest.fixture(scope="module", params=["step kernel", "graph with the attention kernel", "graph"])
def maker(request: pytest.FixtureRequest) -> Iterator[SongMaker]:
    """On the processor as it is, on one without VNNI, and on one that converts no float16 either."""
    way = request.param
    if way == "step kernel" and not multiplies_bytes():
        pytest.skip("This processor has no instruction for it.")
    model = build()
    structlog.configure(cache_logger_on_first_use=False)
    with pytest.MonkeyPatch.context() as patch, capture_logs() as logs:
        if way != "step kernel":
            patch.setattr("services.generation.runtimes.step_decoder.multiplies_bytes", lambda: False)
        if way == "graph":
            patch.setattr("services.generation.runtimes.row_caches._converts_halves", lambda: False)
        runtime = select_runtime(model, Wish(weights="int8", slots=3), machine=MACHINE)
    said = {entry["event"]: entry for entry in logs}
    assert said["decoder_selected"]["decoder"] == way
    assert "VNNI" in said["decoder_selected"]["reason"]
    assert "runtime_unavailable" not in said
    maker = SongMaker(InstalledModel(DEBUG, model, HashTokenizer(TEXT.vocabulary), -20.0), runtime)
    yield maker
    maker.close()


def wanted(seed: int = 1) -> GenerationRequest:
    return GenerationRequest("warm piano", 1.0, DEBUG.id, seed)


def test_a_song_passes_the_gate_and_says_what_made_it(maker: SongMaker, tmp_path: Path) -> None:
    track = maker.make(wanted(), Stage(tmp_path))
    check_output(track)
    assert (track.runtime, track.precision) == ("openvino", "int8/float16")
    assert track.duration_seconds == pytest.approx(1.0)


def test_songs_made_together_are_heard_whole_and_a_cancelled_one_frees_its_slot(
    maker: SongMaker, tmp_path: Path
) -> None:
    tracks: dict[int, GeneratedTrack] = {}
    cancelled = Stage(tmp_path / "cancelled", stop_after=4_000)

    def make(seed: int) -> None:
        tracks[seed] = maker.make(wanted(seed), Stage(tmp_path / str(seed)))

    threads = [threading.Thread(target=make, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    with pytest.raises(GenerationCancelled):
        maker.make(wanted(9), cancelled)
    for thread in threads:
        thread.join()
    assert sorted(tracks) == [0, 1, 2, 3]
    assert maker.busy == 0
    assert 0 < len(cancelled.heard) < 32_000
    assert np.abs(cancelled.heard).max() > 0.0
