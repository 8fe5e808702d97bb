"""The engine on the tiny random model: rows never disturb each other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from services.generation.engine.engine import Engine, Refusal, RowStep, StepOutput
from services.generation.engine.engine_thread import EngineThread
from services.generation.engine.metrics import EngineMetrics
from services.generation.engine.request import Condition, Cue, EngineRequest, SamplingParameters
from services.generation.engine.runner import TorchRunner
from services.generation.engine.scheduler import QueueFull, Scheduler, TooLate
from services.generation.engine.streamer import Streamer
from services.generation.engine.timeline import Timeline, Tokens, Windows
from services.generation.models import debug
from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.conditioning import Conditioner, SongCondition
from services.generation.musicgen.delay_pattern import DelayPattern
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer

SLOTS = 3
FRAMES = 24
CHUNK = 8
WINDOWS = Windows(1500, 900)
SHORT_WINDOWS = Windows(16, 9)


@pytest.fixture(scope="module")
def model() -> MusicGen:
    return debug.build()


@pytest.fixture(scope="module")
def conditioner(model: MusicGen) -> Conditioner:
    return Conditioner(model, HashTokenizer(model.configuration.text.vocabulary))


@pytest.fixture(scope="module")
def new_engine(model: MusicGen) -> Callable[[], Engine]:
    return lambda: Engine(Scheduler(SLOTS, prefill_chunk=CHUNK), TorchRunner(model.decoder, SLOTS))


Song = Callable[..., EngineRequest]


@pytest.fixture(scope="module")
def song(model: MusicGen, conditioner: Conditioner) -> Song:
    def make(
        name: str,
        seed: int = 1,
        frames: int = FRAMES,
        prompts: Sequence[tuple[int, str]] | None = None,
        negative_prompt: str = "",
        windows: Windows = WINDOWS,
        known: Sequence[Tokens] = (),
        **sampling: float,
    ) -> EngineRequest:
        cues = prompts or [(0, f"the song {seed}")]
        conditions = conditioner.conditions([prompt for _, prompt in cues], negative_prompt)
        return EngineRequest(
            name,
            Timeline(model.pattern, model.configuration.decoder.pad_token, frames, windows, known),
            [Cue(frame, condition) for (frame, _), condition in zip(cues, conditions, strict=True)],
            SamplingParameters(seed, **sampling),  # type: ignore[arg-type]
        )

    return make


def run(engine: Engine) -> dict[str, list[Tokens]]:
    frames: dict[str, list[Tokens]] = {}
    while not engine.idle:
        for output in engine.step():
            assert isinstance(output, StepOutput)
            frames.setdefault(output.request_id, []).extend(output.frames)
    return frames


@pytest.fixture(scope="module")
def alone(new_engine: Callable[[], Engine], song: Song) -> list[Tokens]:
    engine = new_engine()
    engine.add(song("a"))
    return run(engine)["a"]


def test_request_gets_as_many_frames_as_it_asked_for(alone: list[Tokens], model: MusicGen) -> None:
    assert len(alone) == FRAMES
    assert all(0 <= token < model.configuration.decoder.vocabulary for frame in alone for token in frame)


def test_same_seed_gives_the_same_tokens_and_another_seed_others(
    new_engine: Callable[[], Engine], alone: list[Tokens], song: Song
) -> None:
    engine = new_engine()
    engine.add(song("again"))
    engine.add(song("other", 2, prompts=[(0, "the song 1")]))
    tokens = run(engine)
    assert tokens["again"] == alone
    assert tokens["other"] != alone


@settings(max_examples=12, deadline=None)
@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 40), st.integers(0, 99), st.floats(0, 0.99)), max_size=6
    ),
    cancels=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=4),
    joins_at=st.integers(0, 10),
)
def test_tokens_do_not_depend_on_who_else_joins_leaves_slides_or_is_cancelled(
    new_engine: Callable[[], Engine],
    alone: list[Tokens],
    song: Song,
    arrivals: list[tuple[int, int, int, float]],
    cancels: list[tuple[int, int]],
    joins_at: int,
) -> None:
    engine = new_engine()
    frames: list[Tokens] = []
    for turn in range(600):
        if turn == joins_at:
            engine.add(song("mine"))
        for index, (at, length, seed, share) in enumerate(arrivals):
            if at == turn:
                known = [(seed, 1, 2, 3)] * int(share * length)
                engine.add(
                    song(
                        f"n{index}", seed, length, windows=SHORT_WINDOWS, known=known, temperature=seed % 2, top_k=seed
                    )
                )
        for at, index in cancels:
            if at == turn:
                engine.cancel(f"n{index}")
        if turn > 30 and engine.idle:
            break
        for output in engine.step():
            if output.request_id == "mine":
                assert isinstance(output, StepOutput)
                frames += output.frames
    assert frames == alone


def test_prompt_negative_prompt_and_guidance_all_matter(
    new_engine: Callable[[], Engine], alone: list[Tokens], song: Song
) -> None:
    engine = new_engine()
    engine.add(song("prompt", prompts=[(0, "something else")]))
    engine.add(song("negative", negative_prompt="noise"))
    engine.add(song("unguided", guidance_scale=1.0))
    results = run(engine)
    assert all(tokens != alone for tokens in results.values())


def test_request_that_was_prepared_in_a_used_slot_starts_fresh(
    new_engine: Callable[[], Engine], alone: list[Tokens], song: Song
) -> None:
    engine = new_engine()
    for index in range(SLOTS):
        engine.add(song(f"before {index}", index + 5, 7, negative_prompt="words that stay" if index else ""))
    engine.add(song("after"))
    assert run(engine)["after"] == alone


def test_changing_prompt_changes_the_song_from_its_frame_on_and_not_before(
    new_engine: Callable[[], Engine], alone: list[Tokens], song: Song
) -> None:
    engine = new_engine()
    engine.add(song("changes", prompts=[(0, "the song 1"), (12, "a completely different one")]))
    engine.add(song("stays", prompts=[(0, "the song 1"), (12, "the song 1")]))
    songs = run(engine)
    # The frame before the change already has its last codebooks drawn after it.
    assert songs["changes"][: 12 - 3] == alone[: 12 - 3]
    assert songs["changes"][12:] != alone[12:]
    assert songs["stays"] == alone


def test_resumed_song_keeps_its_frames_and_goes_on_from_them(
    new_engine: Callable[[], Engine], alone: list[Tokens], song: Song
) -> None:
    for known in (1, 5, 20, FRAMES - 1):
        engine = new_engine()
        engine.add(song("resumed", known=alone[:known]))
        assert run(engine)["resumed"] == alone[known:]


def test_song_beyond_its_window_slides_and_resumes_alike(new_engine: Callable[[], Engine], song: Song) -> None:
    engine = new_engine()
    engine.add(song("long", frames=60, windows=SHORT_WINDOWS))
    whole = run(engine)["long"]
    assert len(whole) == 60
    for known in (15, 16, 17, 40):
        engine = new_engine()
        engine.add(song("resumed", frames=60, windows=SHORT_WINDOWS, known=whole[:known]))
        assert run(engine)["resumed"] == whole[known:]


def test_joining_and_sliding_requests_stall_nobody(new_engine: Callable[[], Engine], song: Song) -> None:
    engine = new_engine()
    engine.add(song("steady", frames=40))
    engine.step()
    engine.add(song("continues", frames=60, windows=SHORT_WINDOWS, known=[(1, 2, 3, 4)] * 30))
    for _ in range(40):
        assert "steady" in {output.request_id for output in engine.step()}


def test_runner_refuses_a_prefix_that_is_not_there(model: MusicGen) -> None:
    runner = TorchRunner(model.decoder, 1)
    runner.condition(0, SongCondition())
    with pytest.raises(RuntimeError, match="no prefix"):
        runner.fill_prefix(0, 0, 1)


def test_streamed_song_equals_the_whole_one(model: MusicGen, new_engine: Callable[[], Engine], song: Song) -> None:
    frames = 57
    engine = new_engine()
    engine.add(song("a", frames=frames))
    codec = AudioCodec(model.audio_encoder, 1)
    streamer = Streamer(codec, 4)
    pieces, song_frames = [], []
    while not engine.idle:
        for output in engine.step():
            assert isinstance(output, StepOutput)
            song_frames += output.frames
            pieces.append(streamer.push(output.frames, output.finished))
    streamed = np.concatenate([piece for piece in pieces if piece is not None])
    whole = codec.decode(torch.tensor(song_frames).T).numpy().T
    assert streamed.shape == (frames * 640, 1)
    assert np.abs(streamed - whole).max() <= 1e-4


def test_first_audio_comes_before_half_a_second_of_frames(model: MusicGen, alone: list[Tokens]) -> None:
    streamer = Streamer(AudioCodec(model.audio_encoder, 1), 4)
    first = next(index for index, frame in enumerate(alone) if streamer.push([frame], last=False) is not None)
    assert first < 25


class FailingRunner:
    """A runner that fails on demand; everything else of the engine is real."""

    def __init__(self) -> None:
        self.fail = threading.Event()
        self.released: list[int] = []
        self.fails_for: tuple[str, int] = ("", -1)

    def condition(self, slot: int, condition: Condition) -> None:
        self._fail_for("condition", slot)

    def fill_prefix(self, slot: int, first: int, count: int) -> None:
        self._fail_for("prefix", slot)

    def fill(self, slot: int, position: int, tokens: Sequence[Tokens]) -> None:
        self._fail_for("fill", slot)

    def _fail_for(self, what: str, slot: int) -> None:
        if self.fails_for == (what, slot):
            raise MemoryError("no memory left")

    def step(self, rows: Sequence[RowStep]) -> list[Tokens]:
        if self.fail.is_set():
            raise MemoryError("no memory left")
        return [(0,) for _ in rows]

    def release(self, slot: int) -> None:
        self.released.append(slot)


def silent(name: str, frames: int = FRAMES, deadline: float | None = None, known: int = 0) -> EngineRequest:
    timeline = Timeline(DelayPattern((0,)), 9, frames, Windows(10, 5), [(0,)] * known)
    return EngineRequest(name, timeline, [Cue(0, SongCondition())], SamplingParameters(1), deadline)


@pytest.fixture
def runner() -> FailingRunner:
    return FailingRunner()


@pytest.fixture
def thread(runner: FailingRunner) -> Iterator[EngineThread]:
    engine_thread = EngineThread(Engine(Scheduler(2), runner))
    yield engine_thread
    engine_thread.close()


def test_thread_hands_out_steps_until_the_last(thread: EngineThread) -> None:
    got: queue.Queue[StepOutput | Exception] = queue.Queue()
    thread.submit(silent("a", frames=3), got.put)
    outputs = [got.get(timeout=60) for _ in range(3)]
    assert [output.finished for output in outputs if isinstance(output, StepOutput)] == [False, False, True]


def test_failed_step_reaches_every_request_and_the_thread_lives_on(thread: EngineThread, runner: FailingRunner) -> None:
    got: queue.Queue[StepOutput | Exception] = queue.Queue()
    runner.fail.set()
    thread.submit(silent("a"), got.put)
    assert isinstance(got.get(timeout=60), MemoryError)
    runner.fail.clear()
    thread.submit(silent("b", frames=1), got.put)
    assert isinstance(got.get(timeout=60), StepOutput)


def test_cancelled_request_is_not_heard_of_again(thread: EngineThread) -> None:
    first: queue.Queue[StepOutput | Exception] = queue.Queue()
    second: queue.Queue[StepOutput | Exception] = queue.Queue()
    thread.submit(silent("endless", frames=10**6), first.put)
    first.get(timeout=60)
    thread.cancel("endless")
    thread.cancel("endless")
    thread.submit(silent("b", frames=2), second.put)
    assert second.get(timeout=60)
    count = first.qsize()
    assert second.get(timeout=60)
    assert first.qsize() == count


def test_closed_thread_takes_no_requests_and_tells_those_that_wait() -> None:
    engine_thread = EngineThread(Engine(Scheduler(1), FailingRunner()))
    got: queue.SimpleQueue[StepOutput | Exception] = queue.SimpleQueue()
    engine_thread.submit(silent("endless", frames=10**6), got.put)
    engine_thread.close()
    engine_thread.close()
    outputs = [got.get_nowait() for _ in range(got.qsize())]
    assert isinstance(outputs[-1], RuntimeError)
    with pytest.raises(RuntimeError, match="closed"):
        engine_thread.submit(silent("a"), lambda _: None)


def test_song_that_is_refused_hears_why_and_the_others_go_on(runner: FailingRunner) -> None:
    now = [0.0]
    engine = Engine(Scheduler(1, queue_limit=1, budget=50), runner, clock=lambda: now[0])
    engine.add(silent("runs", frames=3))
    engine.step()
    for request in (silent("waits", deadline=5.0), silent("too many"), silent("waits")):
        engine.add(request)
    first = engine.step()
    assert [(o.request_id, type(o.reason)) for o in first if isinstance(o, Refusal)] == [
        ("too many", QueueFull),
        ("waits", ValueError),
    ]
    assert engine.waiting == 1
    assert engine.busy == 1
    now[0] = 6.0
    late = [o for o in engine.step() if isinstance(o, Refusal)]
    assert [(o.request_id, type(o.reason)) for o in late] == [("waits", TooLate)]
    assert engine.idle


@dataclass(frozen=True)
class Prefix:
    prefix_length: int = 3


@pytest.mark.parametrize("what", ["condition", "prefix", "fill"])
def test_song_whose_own_part_fails_is_out_alone_and_its_slot_is_free(runner: FailingRunner, what: str) -> None:
    engine = Engine(Scheduler(2), runner)
    engine.add(silent("steady", frames=40))
    engine.step()
    runner.fails_for = (what, 1)
    unlucky = silent("unlucky", known=4)
    engine.add(EngineRequest("unlucky", unlucky.timeline, [Cue(0, Prefix())], unlucky.sampling))
    outputs = engine.step()
    assert [type(o.reason) for o in outputs if isinstance(o, Refusal)] == [MemoryError]
    assert [o.request_id for o in outputs if isinstance(o, StepOutput)] == ["steady"]
    assert runner.released == [1]
    runner.fails_for = ("", -1)
    engine.add(silent("next"))
    engine.step()
    assert engine.busy == 2
    assert {o.request_id for o in engine.step()} == {"steady", "next"}


def test_song_whose_next_passage_cannot_be_conditioned_is_out_alone(runner: FailingRunner) -> None:
    engine = Engine(Scheduler(2), runner)
    engine.add(silent("steady", frames=40))
    changing = silent("changes", frames=40)
    cues = [Cue(0, SongCondition()), Cue(3, SongCondition())]
    engine.add(EngineRequest("changes", changing.timeline, cues, changing.sampling))
    for _ in range(3):
        assert {o.request_id for o in engine.step()} == {"steady", "changes"}
    runner.fails_for = ("condition", 1)
    assert [(o.request_id, type(o)) for o in engine.step()] == [("changes", Refusal), ("steady", StepOutput)]
    assert [o.request_id for o in engine.step()] == ["steady"]


@pytest.mark.parametrize("field", ["guidance_scale", "temperature", "top_p"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_never_reaches_a_batch(field: str, value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        SamplingParameters(1, **{field: value})  # type: ignore[arg-type]


def test_sink_that_fails_loses_its_own_song_only(thread: EngineThread) -> None:
    calls: list[object] = []

    def broken(message: object) -> None:
        calls.append(message)
        raise OSError("nobody listens")

    thread.submit(silent("broken", frames=10**6), broken)
    got: queue.Queue[StepOutput | Exception] = queue.Queue()
    thread.submit(silent("sound", frames=30), got.put)
    outputs = [got.get(timeout=60) for _ in range(30)]
    assert isinstance(outputs[-1], StepOutput)
    assert outputs[-1].finished
    assert len(calls) == 1
    deadline = time.monotonic() + 60
    while thread.busy and time.monotonic() < deadline:
        time.sleep(0.001)
    assert thread.busy == 0


def test_slot_is_released_when_its_song_ends_or_is_cancelled(runner: FailingRunner) -> None:
    engine = Engine(Scheduler(2), runner)
    engine.add(silent("ends", frames=1))
    engine.add(silent("cancelled"))
    engine.step()
    assert runner.released == [0]
    engine.cancel("cancelled")
    engine.step()
    assert runner.released == [0, 1]


def test_metrics_show_slots_queue_steps_and_tokens(runner: FailingRunner) -> None:
    def value(name: str) -> float | None:
        return REGISTRY.get_sample_value(f"generation_engine_{name}", {"model": "measured"})

    engine_thread = EngineThread(Engine(Scheduler(1), runner), EngineMetrics("measured", slots=1, codebooks=4))
    got: queue.Queue[StepOutput | Exception] = queue.Queue()
    engine_thread.submit(silent("endless", frames=10**6), got.put)
    waited: queue.Queue[StepOutput | Exception] = queue.Queue()
    engine_thread.submit(silent("waits", frames=3), waited.put)
    got.get(timeout=60)
    deadline = time.monotonic() + 60
    while value("queue_depth") != 1 and time.monotonic() < deadline:
        got.get(timeout=60)
    assert (value("slots"), value("slots_busy"), value("queue_depth")) == (1, 1, 1)
    engine_thread.cancel("endless")
    for _ in range(3):
        waited.get(timeout=60)
    engine_thread.close()
    assert (value("slots"), value("slots_busy"), value("queue_depth")) == (0, 0, 0)
    steps = value("step_seconds_count")
    assert steps is not None
    assert value("tokens_total") == 4 * steps
