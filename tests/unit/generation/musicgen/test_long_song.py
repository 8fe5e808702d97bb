"""Songs many windows long: short windows stand for the half minutes that a real model sees, so that one song slides
nine times in a few seconds."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from services.generation.backends.protocol import GenerationRequest, ModelDescription, Section
from services.generation.engine.engine import RowStep, StepRunner
from services.generation.engine.request import Condition
from services.generation.engine.runtime import Runtime, torch_runtime
from services.generation.engine.timeline import Tokens, Windows
from services.generation.models import debug
from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.song import InstalledModel, SongMaker
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.musicgen.token_record import TokenRecord

RATE = 32_000
WINDOW, STRIDE = 100, 60
SECONDS = 12.0
FRAMES = 600
CHUNK = 16
WINDOWS = Windows(WINDOW, STRIDE)
RECORD = TokenRecord("musicgen-short", "1", 4)
DESCRIPTION = ModelDescription(
    id="musicgen-short", family="musicgen", title="", description="", licence="Apache-2.0", commercial_use=True,
    size_bytes=0, sample_rate_hz=RATE, channels=1, max_duration_seconds=300.0, default_duration_seconds=10.0,
    conditioning=(), outputs=("audio",), parameters=(), revision="1",
)  # fmt: skip


@dataclass(slots=True)
class Step:
    """What was drawn for which slots at which positions, and what was filled before it."""

    positions: dict[int, int]
    filled: dict[int, int]


class Watched:
    """A runner that writes down what the engine asks of it."""

    def __init__(self, runner: StepRunner) -> None:
        self._runner = runner
        self.steps: list[Step] = []
        self._filled: dict[int, int] = {}

    def condition(self, slot: int, condition: Condition) -> None:
        self._runner.condition(slot, condition)

    def fill_prefix(self, slot: int, first: int, count: int) -> None:
        self._runner.fill_prefix(slot, first, count)

    def fill(self, slot: int, position: int, tokens: Sequence[Tokens]) -> None:
        self._filled[slot] = self._filled.get(slot, 0) + len(tokens)
        self._runner.fill(slot, position, tokens)

    def step(self, rows: Sequence[RowStep]) -> list[Tokens]:
        self.steps.append(Step({row.slot: row.position for row in rows}, self._filled))
        self._filled = {}
        return self._runner.step(rows)

    def release(self, slot: int) -> None:
        self._runner.release(slot)


class Stage:
    """A context that keeps what it is given."""

    def __init__(self, scratch: Path, saved: bytes = b"") -> None:
        scratch.mkdir(parents=True)
        self.scratch = scratch
        self.blocks: list[np.ndarray] = []
        self.record = bytearray(saved)
        self.sounded = threading.Event()
        self.fractions: list[float] = []
        self._saved = saved

    def check(self) -> None:
        pass

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        self.fractions.append(fraction)

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        assert total_samples == SECONDS * RATE

    def audio(self, samples: np.ndarray) -> None:
        self.blocks.append(samples.copy())
        self.sounded.set()

    def saved_tokens(self) -> bytes:
        return self._saved

    def save_tokens(self, data: bytes, *, restart: bool = False) -> None:
        if restart:
            self.record.clear()
        self.record += data

    @property
    def frames(self) -> list[tuple[int, ...]]:
        return RECORD.unpack(bytes(self.record)) or []

    @property
    def heard(self) -> np.ndarray:
        return np.concatenate(self.blocks)[:, 0]


@pytest.fixture(scope="module")
def model() -> MusicGen:
    model = debug.build()
    model.configuration = dataclasses.replace(model.configuration, window_seconds=2.0, stride_seconds=1.2)
    return model


@pytest.fixture(scope="module")
def watched(model: MusicGen) -> Watched:
    return Watched(torch_runtime(model, 2, 1).runner)


@pytest.fixture(scope="module")
def maker(model: MusicGen, watched: Watched) -> Iterator[SongMaker]:
    codec = AudioCodec(model.audio_encoder, 1)
    runtime = Runtime(watched, codec, 2, "torch-cpu", "float32", prefill_chunk=CHUNK)
    installed = InstalledModel(DESCRIPTION, model, HashTokenizer(model.configuration.text.vocabulary), -26.0)
    maker = SongMaker(installed, runtime)
    yield maker
    maker.close()


@pytest.fixture(scope="module")
def whole(maker: SongMaker, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The song from beginning to end."""
    stage = Stage(tmp_path_factory.mktemp("whole") / "s")
    maker.make(request(), stage)
    return stage


def request(seed: int = 1, **fields: object) -> GenerationRequest:
    return GenerationRequest("warm piano", SECONDS, "musicgen-short", seed, **fields)  # type: ignore[arg-type]


def test_every_window_is_drawn_to_its_end_and_no_position_lies_beyond_it(
    maker: SongMaker, watched: Watched, tmp_path: Path
) -> None:
    watched.steps.clear()
    stage = Stage(tmp_path / "s")
    track = maker.make(request(), stage)
    assert track.duration_seconds == SECONDS
    assert len(stage.frames) == track.metrics["engine_steps"] == FRAMES
    positions = [step.positions[0] for step in watched.steps]
    assert max(positions) < WINDOW + 3
    slides = [
        later for earlier, later in itertools.pairwise(watched.steps) if later.positions[0] < earlier.positions[0]
    ]
    assert len(slides) == len(WINDOWS.first_drawn(FRAMES)) - 1 == 9
    # What two windows share is in the cache before the later one draws, and nothing else is run twice.
    assert [slide.filled for slide in slides] == [{0: WINDOW - STRIDE}] * 9
    assert sum(sum(step.filled.values()) for step in watched.steps) == 9 * (WINDOW - STRIDE)


def test_slide_of_one_song_stalls_another_by_a_chunk_at_most(
    maker: SongMaker, watched: Watched, tmp_path: Path
) -> None:
    watched.steps.clear()
    first, second = Stage(tmp_path / "first"), Stage(tmp_path / "second")
    songs = [
        threading.Thread(target=maker.make, args=(request(seed), stage)) for seed, stage in enumerate((first, second))
    ]
    songs[0].start()
    # Not at the same place of their windows: one slides while the other draws.
    assert first.sounded.wait(60)
    songs[1].start()
    for song in songs:
        song.join(120)
    assert [len(first.frames), len(second.frames)] == [FRAMES, FRAMES]
    stalls = [
        sum(later.filled.values())
        for earlier, later in itertools.pairwise(watched.steps)
        if any(slot not in later.filled for slot in earlier.positions.keys() & later.positions.keys())
    ]
    assert max(stalls) == CHUNK
    assert sum(stall > 0 for stall in stalls) >= 9
    alone = Stage(tmp_path / "alone")
    maker.make(request(1), alone)
    assert second.frames == alone.frames


def test_borders_of_windows_cannot_be_heard(model: MusicGen, whole: Stage) -> None:
    decoded = AudioCodec(model.audio_encoder, 1).decode(torch.tensor(whole.frames).T)[0].numpy()
    streamed = whole.heard
    assert len(streamed) == len(decoded) == SECONDS * RATE
    # The limiter moves levels slowly; a seam is a jump from one sample to the next.
    jumps = np.abs(np.diff(streamed)) / np.abs(streamed).max()
    borders = np.array(WINDOWS.first_drawn(FRAMES)[1:]) * 640
    near = np.zeros(len(jumps), bool)
    for border in borders:
        near[border - 1_600 : border + 1_600] = True
    print(f"\nlargest jump at the borders {jumps[near].max():.3f}, elsewhere {jumps[~near].max():.3f}")
    assert jumps[near].max() <= 1.05 * jumps[~near].max()
    assert jumps[near].mean() == pytest.approx(jumps[~near].mean(), rel=0.1)
    expected = np.abs(np.diff(decoded)) / np.abs(decoded).max()
    assert np.corrcoef(jumps[near], expected[near])[0, 1] > 0.95


@pytest.mark.parametrize("kept", [99, 101, 340, 599])
def test_song_is_resumed_in_any_window_and_ends_the_same(
    kept: int, maker: SongMaker, whole: Stage, tmp_path: Path
) -> None:
    resumed = Stage(tmp_path / "resumed", saved=bytes(whole.record[: len(RECORD.header) + 8 * kept]))
    track = maker.make(request(), resumed)
    assert track.metrics["resumed_frames"] == kept
    assert track.metrics["engine_steps"] == FRAMES - kept
    assert resumed.frames == whole.frames
    np.testing.assert_allclose(resumed.heard, whole.heard, atol=1e-4)


def test_progress_rises_with_the_sound_over_all_windows(whole: Stage) -> None:
    assert whole.fractions == sorted(whole.fractions)
    playing = sorted({fraction for fraction in whole.fractions if fraction <= 0.97})
    np.testing.assert_allclose(playing[-FRAMES:], 0.97 * np.arange(1, FRAMES + 1) / FRAMES)


def test_form_changes_every_window_that_it_reaches_and_none_before(maker: SongMaker, tmp_path: Path) -> None:
    intro = Section("intro", seconds=4.5, prompt="soft piano")
    plain, formed, other = (Stage(tmp_path / name) for name in ("plain", "formed", "other"))
    maker.make(request(structure=(intro,)), plain)
    maker.make(request(structure=(intro, Section("chorus", seconds=7.5, prompt="loud drums"))), formed)
    chorus = Section("chorus", seconds=3.0, prompt="loud drums")
    maker.make(request(structure=(intro, chorus, Section("outro", seconds=4.5, prompt="bells"))), other)
    # A frame's first codebook is drawn three steps before it is whole.
    assert formed.frames[: 225 - 3] == plain.frames[: 225 - 3]
    assert formed.frames[225:275] != plain.frames[225:275]
    assert other.frames[: 375 - 3] == formed.frames[: 375 - 3]
    assert other.frames[375:425] != formed.frames[375:425]


def test_model_that_cannot_be_warmed_up_leaves_no_engine_behind(model: MusicGen) -> None:
    class Broken(Watched):
        """A runner whose machine lacks something."""

        def step(self, rows: Sequence[RowStep]) -> list[Tokens]:
            raise MemoryError

    closed: list[bool] = []
    plain = torch_runtime(model, 1, 1)
    runtime = dataclasses.replace(plain, runner=Broken(plain.runner), close=lambda: closed.append(True))
    installed = InstalledModel(DESCRIPTION, model, HashTokenizer(model.configuration.text.vocabulary))
    before = {thread for thread in threading.enumerate() if thread.name == "engine"}
    with pytest.raises(MemoryError):
        SongMaker(installed, runtime)
    assert closed == [True]
    assert {thread for thread in threading.enumerate() if thread.name == "engine"} == before
