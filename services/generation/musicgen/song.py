"""One song on a MusicGen model, from request to finished file: what runs beside the engine's thread."""

from __future__ import annotations

import functools
import math
import queue
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.generation.backends.protocol import (
    GeneratedTrack,
    GenerationContext,
    GenerationPostponed,
    GenerationRequest,
    ModelDescription,
    ResumableContext,
    SourceContext,
)
from services.generation.engine.engine import Engine, StepOutput
from services.generation.engine.engine_thread import EngineThread
from services.generation.engine.metrics import EngineMetrics
from services.generation.engine.request import Cue, EngineRequest, SamplingParameters
from services.generation.engine.runtime import Runtime
from services.generation.engine.scheduler import QueueFull, Scheduler, TooLate
from services.generation.engine.streamer import Streamer
from services.generation.engine.timeline import Timeline, Tokens, Windows
from services.generation.mastering import LiveLimiter, Recording, write_master
from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.conditioning import Conditioner, TooManyWords
from services.generation.musicgen.live_song import LiveSong
from services.generation.musicgen.melody import window_melodies
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.sections import passages, with_tempo_and_key
from services.generation.musicgen.source_audio import before, beginning, read_source
from services.generation.musicgen.style_limits import fewer_codebooks, style_excerpt
from services.generation.musicgen.text_conditioner import Tokenizer
from services.generation.musicgen.token_record import TokenRecord
from services.shared.errors import AppError, ErrorCode

_STAGE = "playing"
_CHECK_SECONDS = 0.1
# Songs that wait for a slot of the engine, and how long they may: the ledger hands out no more than the worker's slots,
# so this only bounds what a mistake can do.
_QUEUE_LIMIT = 64
_WAIT_SECONDS = 600.0
# How far words push beyond a style, where nobody says it: what the model's authors show it with. At 1 the style drowns
# them.
_STYLE_BETA = 5.0


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model in memory with what belongs to it. `live_gain_db` brings the codec's level to what the limiter likes."""

    description: ModelDescription
    model: MusicGen
    tokenizer: Tokenizer
    live_gain_db: float = 0.0


class SongMaker:
    """A loaded model with its engine. `make` may be called from several threads at once."""

    def __init__(self, installed: InstalledModel, runtime: Runtime) -> None:
        self._description = installed.description
        self._model = installed.model
        self._live_gain_db = installed.live_gain_db
        self._runtime = runtime
        # Audio to codes is torch's, whatever runs the decoder.
        self._codec = AudioCodec(installed.model.audio_encoder, installed.model.configuration.decoder.channels)
        self._conditioner = Conditioner(installed.model, installed.tokenizer)
        configuration = installed.model.configuration
        self._codebooks = configuration.decoder.codebooks
        self._windows = Windows(configuration.window_frames, configuration.stride_frames)
        self._record = TokenRecord(
            self._description.id, self._description.revision, self._codebooks, configuration.decoder.vocabulary
        )
        scheduler = Scheduler(
            runtime.slots,
            budget=runtime.budget,
            slot_positions=configuration.decoder.cache_positions,
            prefill_chunk=runtime.prefill_chunk,
            queue_limit=_QUEUE_LIMIT,
        )
        metrics = EngineMetrics(self._description.id, runtime.slots, self._codebooks)
        self._thread = EngineThread(Engine(scheduler, runtime.runner), metrics)
        try:
            self._warm_up()
        except BaseException:
            self.close()
            raise

    @property
    def busy(self) -> int:
        """Songs in the making."""
        return self._thread.busy

    def close(self) -> None:
        """End the engine and free what it holds; songs in the making end with an error."""
        self._thread.close()
        self._runtime.close()

    def make(self, request: GenerationRequest, context: GenerationContext) -> GeneratedTrack:
        """Make one song; blocks until it is whole.

        Raises what `context.check` raises, VALIDATION for a melody, style or source that cannot be read or is too
        short, UNAVAILABLE when too many songs wait, and `GenerationPostponed` when this one has waited for too long.
        """
        configuration = self._model.configuration
        codec = configuration.codec
        total = round(request.duration_seconds * codec.sample_rate)
        context.check()
        given = self._given(request, context)
        record = context.saved_tokens() if isinstance(context, ResumableContext) else b""
        saved = self._record.unpack(record) or []
        frames = len(given) + max(1, math.ceil(total / codec.hop_samples))
        # What the earlier attempt published stands; the last frame is made again, so that there is something to do.
        known = [*given, *saved][: frames - 1]
        timeline = Timeline(self._model.pattern, configuration.decoder.pad_token, frames, self._windows, known)
        began = time.monotonic()
        engine_request = EngineRequest(
            id=uuid.uuid4().hex,
            timeline=timeline,
            cues=self._cues(request, context, frames, len(given)),
            sampling=_sampling(request),
            deadline=began + _WAIT_SECONDS,
        )
        song = LiveSong(
            context,
            codec.sample_rate,
            configuration.channels,
            total,
            self._live_gain_db,
            skipped_samples=len(given) * codec.hop_samples,
        )
        context.start(codec.sample_rate, configuration.channels, total)
        run = _Run(
            context, self._record, Streamer(self._runtime.codec, self._codebooks), song, frames - len(given), began
        )
        run.replay(given, known[len(given) :], record)
        tokens: queue.SimpleQueue[StepOutput | Exception] = queue.SimpleQueue()
        self._thread.submit(engine_request, tokens.put)
        batch = _Average()
        try:
            while not (output := _next_output(tokens, context)).finished:
                run.take(output.frames, last=False)
                batch.add(self._thread.busy)
            run.take(output.frames, last=True)
        finally:
            self._thread.cancel(engine_request.id)
        return self._finish(request, context, song, run, batch)

    def _given(self, request: GenerationRequest, context: GenerationContext) -> list[Tokens]:
        """The frames of the track that the song goes on from: so much of its end as two windows share."""
        if not request.continue_from_id:
            return []
        configuration = self._model.configuration
        pointer = "/continue_from_id" if request.continue_at is None else "/continue_at"
        longest = (configuration.window_frames - configuration.stride_frames) / configuration.codec.frame_rate
        audio = read_source(
            _source(context, request.continue_from_id),
            configuration.codec.sample_rate,
            configuration.channels,
            before(request.continue_at, longest),
            "/continue_from_id",
            pointer,
        )
        whole = len(audio) // configuration.codec.hop_samples * configuration.codec.hop_samples
        if not whole:
            raise AppError.field(pointer, "The track has no audio before that second. Choose a later one.")
        codes = self._codec.encode(torch.from_numpy(audio[len(audio) - whole :].T.copy()))
        return [tuple(frame) for frame in codes.T.tolist()]

    def _cues(self, request: GenerationRequest, context: GenerationContext, frames: int, given: int) -> Sequence[Cue]:
        """The conditions of the song, each from its frame on: a new one with each passage, and each window's melody."""
        configuration = self._model.configuration
        rate = configuration.codec.frame_rate
        parts = passages(request.prompt, request.structure, request.bpm, request.duration_seconds)
        # The first passage also holds for what the song goes on from.
        beginnings = {0: parts[0]} | {given + round(part.seconds * rate): part for part in parts[1:]}
        melody_frames = {0}
        if request.melody_id:
            melody_frames |= set(self._windows.first_drawn(frames))
        places = sorted(frame for frame in beginnings.keys() | melody_frames if frame < frames)
        prompts, melodies, current = [], [], parts[0]
        wave = self._melody(request, context, frames)
        for frame in places:
            current = beginnings.get(frame, current)
            prompts.append(with_tempo_and_key(current.prompt, request.bpm, request.key))
            melodies.append(
                None
                if wave is None or configuration.chroma is None
                else window_melodies(
                    wave, configuration.chroma, configuration.codec, self._windows.start(frame), self._windows.frames
                )
            )
        style = self._style(request, context)
        try:
            conditions = self._conditioner.conditions(prompts, request.negative_prompt, melodies, context.check, style)
        except TooManyWords as error:
            raise AppError.field(
                "/structure" if request.structure else "/prompt",
                "The sections hold more words than this model keeps in mind. Shorten them, or what they share.",
            ) from error
        return [Cue(frame, condition) for frame, condition in zip(places, conditions, strict=True)]

    def _melody(
        self, request: GenerationRequest, context: GenerationContext, frames: int
    ) -> NDArray[np.float32] | None:
        if not request.melody_id:
            return None
        codec = self._model.configuration.codec
        # The last window hears its own 30 s from where it begins, the song's end or not.
        heard = (self._windows.start(frames - 1) + self._windows.frames) / codec.frame_rate
        path = _source(context, request.melody_id)
        return read_source(path, codec.sample_rate, 1, beginning(heard), "/melody_id")[:, 0]

    def _style(self, request: GenerationRequest, context: GenerationContext) -> Tensor | None:
        style = self._model.configuration.style
        if style is None or not request.style_id:
            return None
        if (request.style_codebooks or 0) > style.codebooks:
            raise AppError.field("/style_codebooks", fewer_codebooks(style.codebooks))
        excerpt = functools.partial(style_excerpt, longest_seconds=style.excerpt_seconds)
        path = _source(context, request.style_id)
        wave = read_source(path, style.encoder.sample_rate, 1, excerpt, "/style_id")[:, 0]
        context.check()
        return self._conditioner.style(wave, request.style_codebooks)

    def _finish(
        self,
        request: GenerationRequest,
        context: GenerationContext,
        song: LiveSong,
        run: _Run,
        batch: _Average,
    ) -> GeneratedTrack:
        seconds = max(1e-6, time.monotonic() - run.began)
        context.progress(0.98, "mastering")
        recording: Recording = song.finish()
        master = write_master(context.scratch / "master.flac", recording, measured=song.meter.result())
        first_audio = (song.first_audio_at or run.began) - run.began
        # What an earlier attempt made counts for its own speed, not for this one's.
        made_seconds = min(recording.duration_seconds, run.made / self._model.configuration.codec.frame_rate)
        return GeneratedTrack(
            master_path=master.path,
            duration_seconds=master.duration_seconds,
            sample_rate_hz=recording.sample_rate,
            channels=recording.channels,
            loudness_lufs=master.loudness_lufs,
            true_peak_dbtp=master.true_peak_dbtp,
            mastering_gain_db=master.gain_db,
            title=request.title,
            runtime=self._runtime.name,
            precision=self._runtime.precision,
            metrics={
                "engine_steps": run.made,
                "engine_seconds": round(seconds, 3),
                "steps_per_second": round(run.made / seconds, 2),
                "times_real_time": round(made_seconds / seconds, 3),
                "engine_first_audio_seconds": round(first_audio, 3),
                "batch_size": round(batch.value, 2),
                "resumed_frames": run.resumed,
                "runtime": self._runtime.name,
                "precision": self._runtime.precision,
            },
        )

    def _warm_up(self) -> None:
        """Run a few steps and the whole audio path once, so that nothing is compiled or allocated in a song."""
        outputs: queue.SimpleQueue[StepOutput | Exception] = queue.SimpleQueue()
        configuration = self._model.configuration
        streamer = Streamer(self._runtime.codec, self._codebooks)
        timeline = Timeline(self._model.pattern, configuration.decoder.pad_token, 4, self._windows)
        cues = [Cue(0, self._conditioner.conditions(["warm up"])[0])]
        self._thread.submit(EngineRequest(uuid.uuid4().hex, timeline, cues, SamplingParameters(seed=0)), outputs.put)
        finished = False
        while not finished:
            output = outputs.get()
            if isinstance(output, Exception):
                raise output
            finished = output.finished
            streamer.push(output.frames, finished)
        limiter = LiveLimiter(configuration.codec.sample_rate, configuration.channels)
        limiter.process(np.zeros((configuration.codec.hop_samples, configuration.channels), np.float32))


class _Run:
    """A song's way from frames to its listeners and to the record that another worker could go on from."""

    def __init__(
        self,
        context: GenerationContext,
        record: TokenRecord,
        streamer: Streamer,
        song: LiveSong,
        frames: int,
        began: float,
    ) -> None:
        self._context = context
        self._record = record
        self._streamer = streamer
        self._song = song
        self._frames = frames
        self.began = began
        self.made = 0
        self.resumed = 0

    def replay(self, given: Sequence[Tokens], resumed: Sequence[Tokens], record: bytes) -> None:
        """Sound what is known before anything is made, so that the codec stands where the song goes on.

        `record` is what earlier attempts left: where it is not just what is resumed (another model's, or with a broken
        end that further frames would stand behind), it is begun anew.
        """
        self.resumed = len(resumed)
        kept = self._record.header + self._record.pack(resumed)
        if record != kept:
            self._save(kept, restart=True)
        known = [*given, *resumed]
        for start in range(0, len(known), 50):
            self._context.check()
            self._sound(known[start : start + 50], last=False)

    def take(self, frames: Sequence[Tokens], last: bool) -> None:
        """Take frames that the engine made."""
        if frames:
            self.made += len(frames)
            self._save(self._record.pack(frames))
        self._sound(frames, last)
        elapsed = time.monotonic() - self.began
        done = self.resumed + self.made
        remaining = elapsed / max(1, self.made) * (self._frames - done)
        self._context.progress(0.97 * done / self._frames, _STAGE, remaining)

    def _sound(self, frames: Sequence[Tokens], last: bool) -> None:
        audio = self._streamer.push(frames, last)
        if audio is not None:
            self._song.play(audio)

    def _save(self, data: bytes, restart: bool = False) -> None:
        """Before its audio is heard: what somebody heard is never made anew."""
        if isinstance(self._context, ResumableContext):
            self._context.save_tokens(data, restart=restart)


class _Average:
    """The mean of what was added; 0 without."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        self._sum += value
        self._count += 1

    @property
    def value(self) -> float:
        return self._sum / max(1, self._count)


def _source(context: GenerationContext, track_id: str) -> Path:
    if not isinstance(context, SourceContext):
        raise AppError(ErrorCode.INTERNAL, "This worker cannot read other tracks.")
    return context.source(track_id)


def _sampling(request: GenerationRequest) -> SamplingParameters:
    """The request's parameters over MusicGen's defaults."""
    defaults = SamplingParameters(request.seed, guidance_beta=_STYLE_BETA if request.style_id else 1.0)
    return SamplingParameters(
        seed=request.seed,
        guidance_scale=defaults.guidance_scale if request.guidance_scale is None else request.guidance_scale,
        temperature=defaults.temperature if request.temperature is None else request.temperature,
        top_k=defaults.top_k if request.top_k is None else request.top_k,
        top_p=defaults.top_p if request.top_p is None else request.top_p,
        guidance_beta=defaults.guidance_beta if request.guidance_beta is None else request.guidance_beta,
    )


def _next_output(outputs: queue.SimpleQueue[StepOutput | Exception], context: GenerationContext) -> StepOutput:
    while True:
        context.check()
        try:
            output = outputs.get(timeout=_CHECK_SECONDS)
        except queue.Empty:
            continue
        if isinstance(output, TooLate):
            raise GenerationPostponed from output
        if isinstance(output, QueueFull):
            raise AppError(ErrorCode.UNAVAILABLE, "Too many songs wait for this model. Try again soon.") from output
        if isinstance(output, Exception):
            raise output
        return output
