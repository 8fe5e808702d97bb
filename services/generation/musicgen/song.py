"""One song on a MusicGen model, from request to finished file: what runs beside the engine's thread."""

from __future__ import annotations

import math
import os
import queue
import time
import uuid

import numpy as np
import torch
from numpy.typing import NDArray

from services.generation.backends.protocol import (
    GeneratedTrack,
    GenerationContext,
    GenerationRequest,
    ModelDescription,
)
from services.generation.dc_blocker import DcBlocker
from services.generation.engine.engine import Engine, StepOutput
from services.generation.engine.engine_thread import EngineThread
from services.generation.engine.request import EngineRequest, SamplingParameters
from services.generation.engine.runner import Runner
from services.generation.engine.scheduler import Scheduler
from services.generation.engine.streamer import Streamer
from services.generation.mastering import LiveLimiter, LoudnessMeter, Recording, write_master
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer

_SLOTS = 4
_STAGE = "playing"
_CHECK_SECONDS = 0.1


class SongMaker:
    """A loaded model with its engine. `make` may be called from several threads at once.

    `live_gain_db` brings what the codec gives to a level at which the limiter has little to do.
    """

    def __init__(self, description: ModelDescription, model: MusicGen, live_gain_db: float, threads: int = 0) -> None:
        # The engine is bound by memory and the composer's kernels want a core too: half of them are enough.
        torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) // 2))
        self._description = description
        self._model = model
        self._live_gain_db = live_gain_db
        conditioner = model.conditioner(HashTokenizer(model.configuration.text))
        self._thread = EngineThread(Engine(Scheduler(_SLOTS), Runner(model, conditioner, _SLOTS)))
        self._warm_up()

    def close(self) -> None:
        """End the engine; songs in the making end with an error."""
        self._thread.close()

    def make(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        """Make one song; blocks until it is whole. Raises what `context.check` raises."""
        codec = self._model.configuration.codec
        total = round(request.duration_seconds * codec.sample_rate)
        frames = max(1, math.ceil(total / codec.hop_samples))
        song = _LiveSong(context, codec.sample_rate, codec.channels, total, self._live_gain_db)
        streamer = Streamer(self._model.audio_encoder, self._model.pattern)
        steps = self._model.pattern.steps(frames)
        began = time.monotonic()
        tokens: queue.SimpleQueue[StepOutput | Exception] = queue.SimpleQueue()
        engine_request = EngineRequest(
            id=uuid.uuid4().hex,
            prompt=request.prompt,
            steps=steps,
            sampling=_sampling(request),
            negative_prompt=request.negative_prompt,
        )
        context.check()
        context.start(codec.sample_rate, codec.channels, total)
        self._thread.submit(engine_request, tokens.put)
        try:
            for step in range(1, steps + 1):
                output = _next_output(tokens, context)
                audio = streamer.push(output.tokens, output.finished)
                if audio is not None:
                    song.play(audio)
                elapsed = time.monotonic() - began
                context.progress(0.97 * step / steps, _STAGE, elapsed / step * (steps - step))
        finally:
            self._thread.cancel(engine_request.id)
        return self._finish(request, context, song, steps, time.monotonic() - began)

    def _finish(
        self, request: GenerationRequest, context: GenerationContext, song: _LiveSong, steps: int, seconds: float
    ) -> GeneratedTrack:
        context.progress(0.98, "mastering")
        recording = song.finish()
        master = write_master(context.scratch / "master.flac", recording, measured=song.meter.result())
        return GeneratedTrack(
            master_path=master.path,
            duration_seconds=master.duration_seconds,
            sample_rate_hz=recording.sample_rate,
            channels=recording.channels,
            loudness_lufs=master.loudness_lufs,
            true_peak_dbtp=master.true_peak_dbtp,
            mastering_gain_db=master.gain_db,
            title=request.title,
            runtime="torch-cpu",
            precision="float32",
            metrics={"engine_steps": steps, "engine_seconds": round(seconds, 3)},
        )

    def _warm_up(self) -> None:
        """Run a few steps and the whole audio path once, so that nothing is compiled or allocated in a song."""
        outputs: queue.SimpleQueue[StepOutput | Exception] = queue.SimpleQueue()
        codec = self._model.configuration.codec
        streamer = Streamer(self._model.audio_encoder, self._model.pattern)
        steps = self._model.pattern.steps(4)
        request = EngineRequest(uuid.uuid4().hex, "warm up", steps, SamplingParameters(seed=0))
        self._thread.submit(request, outputs.put)
        for _ in range(steps):
            output = outputs.get()
            if isinstance(output, Exception):
                raise output
            streamer.push(output.tokens, output.finished)
        limiter = LiveLimiter(codec.sample_rate, codec.channels)
        limiter.process(np.zeros((codec.hop_samples, codec.channels), np.float32))


class _LiveSong:
    """The audio path of one song: constant part out, fixed gain, limiter, live channel, recording, meter."""

    def __init__(
        self, context: GenerationContext, sample_rate: int, channels: int, total_samples: int, gain_db: float
    ) -> None:
        self._context = context
        self._left = total_samples
        self._blocker = DcBlocker(sample_rate, channels)
        self._limiter = LiveLimiter(sample_rate, channels, gain_db)
        self._recording = Recording(context.scratch / "live.f32", sample_rate, channels)
        self._block = sample_rate // 2
        self.meter = LoudnessMeter(sample_rate, channels)

    def play(self, audio: NDArray[np.float32]) -> None:
        """Take what the codec gave, `[n, channels]`; what lies beyond the asked length is left out."""
        audio = audio[: self._left]
        self._left -= len(audio)
        self._publish(self._limiter.process(self._blocker.process(audio))[0])

    def finish(self) -> Recording:
        """Let the limiter's last samples out; the whole live audio."""
        self._publish(self._limiter.flush()[0])
        self._recording.close()
        return self._recording

    def _publish(self, audio: NDArray[np.float32]) -> None:
        self._recording.append(audio)
        self.meter.add(audio)
        for start in range(0, len(audio), self._block):
            self._context.audio(audio[start : start + self._block])


def _sampling(request: GenerationRequest) -> SamplingParameters:
    """The request's parameters over MusicGen's defaults."""
    defaults = SamplingParameters(request.seed)
    return SamplingParameters(
        seed=request.seed,
        guidance_scale=defaults.guidance_scale if request.guidance_scale is None else request.guidance_scale,
        temperature=defaults.temperature if request.temperature is None else request.temperature,
        top_k=defaults.top_k if request.top_k is None else request.top_k,
        top_p=defaults.top_p if request.top_p is None else request.top_p,
    )


def _next_output(tokens: queue.SimpleQueue[StepOutput | Exception], context: GenerationContext) -> StepOutput:
    while True:
        context.check()
        try:
            output = tokens.get(timeout=_CHECK_SECONDS)
        except queue.Empty:
            continue
        if isinstance(output, Exception):
            raise output
        return output
