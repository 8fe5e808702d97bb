"""The engine on the tiny random model: rows never disturb each other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generation.engine.engine import Engine, StepOutput
from services.generation.engine.engine_thread import EngineThread
from services.generation.engine.request import EngineRequest, SamplingParameters
from services.generation.engine.runner import Runner
from services.generation.engine.scheduler import Scheduler
from services.generation.engine.streamer import Streamer
from services.generation.models import debug
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer

SLOTS = 3
STEPS = 24


@pytest.fixture(scope="module")
def model() -> MusicGen:
    return debug.build()


@pytest.fixture(scope="module")
def new_engine(model: MusicGen) -> Callable[[], Engine]:
    conditioner = model.conditioner(HashTokenizer(model.configuration.text))
    return lambda: Engine(Scheduler(SLOTS), Runner(model, conditioner, SLOTS))


def song(name: str, seed: int = 1, steps: int = STEPS, **sampling: float) -> EngineRequest:
    return EngineRequest(name, f"the song {seed}", steps, SamplingParameters(seed, **sampling))  # type: ignore[arg-type]


def run(engine: Engine) -> dict[str, list[tuple[int, ...]]]:
    tokens: dict[str, list[tuple[int, ...]]] = {}
    while not engine.idle:
        for output in engine.step():
            tokens.setdefault(output.request_id, []).append(output.tokens)
    return tokens


@pytest.fixture(scope="module")
def alone(new_engine: Callable[[], Engine]) -> list[tuple[int, ...]]:
    engine = new_engine()
    engine.add(song("a"))
    return run(engine)["a"]


def test_request_gets_as_many_steps_as_it_asked_for(alone: list[tuple[int, ...]]) -> None:
    assert len(alone) == STEPS


def test_codebooks_are_delayed_against_each_other(alone: list[tuple[int, ...]], model: MusicGen) -> None:
    pad = model.configuration.decoder.pad_token
    assert [token == pad for token in alone[0]] == [False, True, True, True]
    assert [token == pad for token in alone[-1]] == [True, True, True, False]
    assert all(0 <= token < pad for tokens in alone[3:-3] for token in tokens)


def test_same_seed_gives_the_same_tokens_and_another_seed_others(
    new_engine: Callable[[], Engine], alone: list[tuple[int, ...]]
) -> None:
    engine = new_engine()
    engine.add(song("again"))
    engine.add(EngineRequest("other", "the song 1", STEPS, SamplingParameters(2)))
    tokens = run(engine)
    assert tokens["again"] == alone
    assert tokens["other"] != alone


@settings(max_examples=12, deadline=None)
@given(
    arrivals=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40), st.integers(0, 99)), max_size=6),
    cancels=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=4),
    joins_at=st.integers(0, 10),
)
def test_tokens_do_not_depend_on_who_else_joins_leaves_or_is_cancelled(
    new_engine: Callable[[], Engine],
    alone: list[tuple[int, ...]],
    arrivals: list[tuple[int, int, int]],
    cancels: list[tuple[int, int]],
    joins_at: int,
) -> None:
    engine = new_engine()
    tokens: list[tuple[int, ...]] = []
    for turn in range(400):
        if turn == joins_at:
            engine.add(song("mine"))
        for index, (at, steps, seed) in enumerate(arrivals):
            if at == turn:
                engine.add(song(f"n{index}", seed, steps, temperature=seed % 2, top_k=seed))
        for at, index in cancels:
            if at == turn:
                engine.cancel(f"n{index}")
        if turn > 30 and engine.idle:
            break
        tokens += [output.tokens for output in engine.step() if output.request_id == "mine"]
    assert tokens == alone


def test_prompt_negative_prompt_and_guidance_all_matter(
    new_engine: Callable[[], Engine], alone: list[tuple[int, ...]]
) -> None:
    engine = new_engine()
    engine.add(EngineRequest("prompt", "something else", STEPS, SamplingParameters(1)))
    engine.add(EngineRequest("negative", "the song 1", STEPS, SamplingParameters(1), negative_prompt="noise"))
    engine.add(EngineRequest("unguided", "the song 1", STEPS, SamplingParameters(1, guidance_scale=1.0)))
    results = run(engine)
    assert all(tokens != alone for tokens in results.values())


def test_request_that_was_prepared_in_a_used_slot_starts_fresh(
    new_engine: Callable[[], Engine], alone: list[tuple[int, ...]]
) -> None:
    engine = new_engine()
    for index in range(SLOTS):
        engine.add(song(f"before {index}", index + 5, steps=7))
    engine.add(song("after"))
    assert run(engine)["after"] == alone


def test_runner_refuses_a_request_without_a_slot(model: MusicGen) -> None:
    runner = Runner(model, model.conditioner(HashTokenizer(model.configuration.text)), 1)
    with pytest.raises(RuntimeError, match="no slot"):
        runner.step([song("a")])


def test_streamed_song_equals_the_whole_one(model: MusicGen, new_engine: Callable[[], Engine]) -> None:
    frames = 57
    engine = new_engine()
    engine.add(song("a", steps=model.pattern.steps(frames)))
    steps = run(engine)["a"]
    streamer = Streamer(model.audio_encoder, model.pattern)
    pieces = [streamer.push(tokens, last=index == len(steps) - 1) for index, tokens in enumerate(steps)]
    streamed = np.concatenate([piece for piece in pieces if piece is not None])
    codes = torch.tensor([[steps[t + k][k] for t in range(frames)] for k in range(4)])
    whole = model.audio_encoder.decode(codes).numpy().T
    assert streamed.shape == (frames * 640, 1)
    assert np.abs(streamed - whole).max() <= 1e-4


def test_first_audio_comes_before_half_a_second_of_tokens(model: MusicGen, alone: list[tuple[int, ...]]) -> None:
    streamer = Streamer(model.audio_encoder, model.pattern)
    first = next(index for index, tokens in enumerate(alone) if streamer.push(tokens, last=False) is not None)
    assert first < 25


class StubRunner:
    """A runner that fails on demand; everything else of the engine is real."""

    def __init__(self) -> None:
        self.fail = threading.Event()

    def admit(self, request: EngineRequest) -> None:
        pass

    def step(self, requests: Sequence[EngineRequest]) -> list[tuple[int, ...]]:
        if self.fail.is_set():
            raise MemoryError("no memory left")
        return [(0,) for _ in requests]


@pytest.fixture
def runner() -> StubRunner:
    return StubRunner()


@pytest.fixture
def thread(runner: StubRunner) -> Iterator[EngineThread]:
    engine_thread = EngineThread(Engine(Scheduler(2), runner))
    yield engine_thread
    engine_thread.close()


def test_thread_hands_out_tokens_until_the_last(thread: EngineThread) -> None:
    got: queue.Queue[StepOutput | Exception] = queue.Queue()
    thread.submit(song("a", steps=3), got.put)
    outputs = [got.get(timeout=5) for _ in range(3)]
    assert [output.finished for output in outputs if isinstance(output, StepOutput)] == [False, False, True]


def test_failed_step_reaches_every_request_and_the_thread_lives_on(thread: EngineThread, runner: StubRunner) -> None:
    got: queue.Queue[StepOutput | Exception] = queue.Queue()
    runner.fail.set()
    thread.submit(song("a"), got.put)
    assert isinstance(got.get(timeout=5), MemoryError)
    runner.fail.clear()
    thread.submit(song("b", steps=1), got.put)
    assert isinstance(got.get(timeout=5), StepOutput)


def test_cancelled_request_is_not_heard_of_again(thread: EngineThread) -> None:
    first: queue.Queue[StepOutput | Exception] = queue.Queue()
    second: queue.Queue[StepOutput | Exception] = queue.Queue()
    thread.submit(song("endless", steps=10**9), first.put)
    first.get(timeout=5)
    thread.cancel("endless")
    thread.cancel("endless")
    thread.submit(song("b", steps=2), second.put)
    assert second.get(timeout=5)
    count = first.qsize()
    assert second.get(timeout=5)
    assert first.qsize() == count


def test_closed_thread_takes_no_requests_and_tells_those_that_wait() -> None:
    engine_thread = EngineThread(Engine(Scheduler(1), StubRunner()))
    got: queue.SimpleQueue[StepOutput | Exception] = queue.SimpleQueue()
    engine_thread.submit(song("endless", steps=10**9), got.put)
    engine_thread.close()
    engine_thread.close()
    outputs = [got.get_nowait() for _ in range(got.qsize())]
    assert isinstance(outputs[-1], RuntimeError)
    with pytest.raises(RuntimeError, match="closed"):
        engine_thread.submit(song("a"), lambda _: None)
