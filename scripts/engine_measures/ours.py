"""Our engine, measured: windows of steps, whole songs as in the product, first audio, and a step taken apart."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from engine_measures.costs import Cost, integrate, timed
from engine_measures.setting import FRAME_RATE, PROMPT, SMALL
from engine_measures.table import Parts, Result
from services.generation.engine.engine import Engine, RowStep, StepOutput
from services.generation.engine.engine_thread import EngineThread
from services.generation.engine.request import Cue, EngineRequest, SamplingParameters
from services.generation.engine.runtime import Runtime
from services.generation.engine.scheduler import Scheduler
from services.generation.engine.streamer import CHUNK_FRAMES, Streamer
from services.generation.engine.timeline import Timeline, Windows
from services.generation.musicgen.conditioning import Conditioner, SongCondition
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.fast_sampling import draw
from services.generation.runtimes.openvino_runner import OpenVinoRunner
from services.generation.runtimes.openvino_runtime import openvino_runtime
from services.generation.runtimes.precision import Precision


class Ours:
    """Our engine over one precision."""

    def __init__(self, precision: Precision, songs: int, threads: int, half_codec: bool) -> None:
        torch.manual_seed(1)
        self.model = MusicGen(SMALL).eval()
        self.runtime: Runtime = openvino_runtime(
            self.model, precision, songs, threads, half_codec=half_codec, keep_torch=True
        )
        self.conditioner = Conditioner(self.model, HashTokenizer(SMALL.text.vocabulary))
        self.tokens = np.random.default_rng(1)
        weights = sum(parameter.numel() for parameter in self.model.audio_encoder.decoder.parameters())
        self.codec_bytes = weights * (2 if half_codec else 4)

    def condition(self) -> SongCondition:
        """The prompt, encoded."""
        return self.conditioner.conditions([PROMPT])[0]

    def window(self, songs: int, position: int, steps: int) -> Cost:
        """One step of all songs at a position, sampling included."""
        self.take_slots(songs)
        return timed(lambda: self.runtime.runner.step(self.rows(songs, position)), steps)

    def take_slots(self, songs: int) -> None:
        """Condition so many slots."""
        condition = self.condition()
        for slot in range(songs):
            self.runtime.runner.condition(slot, condition)

    def rows(self, songs: int, position: int) -> list[RowStep]:
        """Some inputs at a position."""
        return [
            RowStep(slot, position, tuple(self.tokens.integers(0, 2_048, 4)), SamplingParameters(slot), position)
            for slot in range(songs)
        ]

    def parts(self, songs: int, position: int, steps: int) -> Parts:
        """A step of all songs at a position, taken apart by leaving things out."""
        runner = cast("OpenVinoRunner", self.runtime.runner)
        self.take_slots(songs)
        layers = timed(lambda: runner.logits(self.rows(songs, 0)), steps)
        attended = timed(lambda: runner.logits(self.rows(songs, position)), steps)
        conditional, unconditional = runner.logits(self.rows(songs, position))
        sampling = [SamplingParameters(slot) for slot in range(songs)]
        drawn = timed(lambda: draw(conditional, unconditional, sampling, [position] * songs), steps)
        return Parts(layers, attended.less(layers), self.chunk(steps).times(songs / CHUNK_FRAMES), drawn)

    def chunk(self, repeats: int) -> Cost:
        """One chunk of one stream through the codec."""
        state = self.runtime.codec.initial_state()
        codes = torch.randint(2_048, (4, CHUNK_FRAMES))
        return timed(lambda: self.runtime.codec.stream(codes, state, last=False), repeats, 3)

    def quick(self, name: str, songs: int, seconds: float, steps: int) -> Result:
        """From windows."""
        frames = round(seconds * FRAME_RATE)
        places = sorted({0, frames // 4, frames // 2, 3 * frames // 4, frames - 1})
        windows = [(place, self.window(songs, place, steps)) for place in places]
        decoder = integrate(windows, frames + 3)
        codec = self.chunk(steps).times(songs * frames / CHUNK_FRAMES)
        path = " ".join(f"{1e3 * cost.wall:.0f}" for _, cost in windows)
        note = f"ms a step along the song {path}; codec {codec.wall / (decoder.wall + codec.wall):.0%}"
        return Result(name, songs, seconds, decoder + codec, (decoder + codec).times(1 / (frames + 3)), note)

    def whole(self, name: str, songs: int, seconds: float) -> Result:
        """Whole songs through the engine's thread and each song's own, as in the product."""
        frames = round(seconds * FRAME_RATE)
        engine = Engine(Scheduler(songs), self.runtime.runner)
        thread = EngineThread(engine)
        heard: list[list[tuple[float, int]]] = [[] for _ in range(songs)]
        began, cpu = time.perf_counter(), time.process_time()

        def listen(index: int) -> None:
            condition = self.condition()
            outputs: queue.SimpleQueue[Any] = queue.SimpleQueue()
            timeline = Timeline(self.model.pattern, SMALL.decoder.pad_token, frames, Windows(1_500, 900))
            request = EngineRequest(str(index), timeline, [Cue(0, condition)], SamplingParameters(index))
            thread.submit(request, outputs.put)
            streamer = Streamer(self.runtime.codec, 4)
            while True:
                output = outputs.get()
                if not isinstance(output, StepOutput):
                    raise TypeError(f"The engine failed: {output}")
                audio = streamer.push(output.frames, output.finished)
                if audio is not None and len(audio):
                    heard[index].append((time.perf_counter() - began, len(audio)))
                if output.finished:
                    return

        listeners = [threading.Thread(target=listen, args=(index,)) for index in range(songs)]
        for listener in listeners:
            listener.start()
        for listener in listeners:
            listener.join()
        cost = Cost(time.perf_counter() - began, time.process_time() - cpu)
        thread.close()
        first = max(pieces[0][0] for pieces in heard)
        late = max(starvation(pieces) for pieces in heard)
        note = f"first audio after {first:.2f} s; a listener waits {late:.2f} s at most"
        return Result(name, songs, seconds, cost, cost.times(1 / (frames + 3)), note)

    def first_audio(self) -> Cost:
        """From admission to the first samples: prompt, first steps, first chunk."""
        wall, cpu = time.perf_counter(), time.process_time()
        timeline = Timeline(self.model.pattern, SMALL.decoder.pad_token, 100, Windows(1_500, 900))
        engine = Engine(Scheduler(1), self.runtime.runner)
        engine.add(EngineRequest("first", timeline, [Cue(0, self.condition())], SamplingParameters(1)))
        streamer = Streamer(self.runtime.codec, 4)
        while True:
            for output in engine.step():
                audio = streamer.push(output.frames, last=False) if isinstance(output, StepOutput) else None
                if audio is not None and len(audio):
                    return Cost(time.perf_counter() - wall, time.process_time() - cpu)

    def close(self) -> None:
        """Free it."""
        self.runtime.close()


def starvation(pieces: Sequence[tuple[float, int]]) -> float:
    """The longest that somebody who plays from the first piece on waits for sound, in seconds."""
    start, played, worst = pieces[0][0], 0.0, 0.0
    for came, samples in pieces:
        wait = came - (start + played)
        if wait > 0:
            start += wait
            worst = max(worst, wait)
        played += samples / SMALL.codec.sample_rate
    return worst
