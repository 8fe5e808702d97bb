"""How fast the MusicGen engine is on this machine's processor, beside transformers in the same run.

    python scripts/bench_engine.py            whole songs, about half an hour of an idle machine
    python scripts/bench_engine.py --quick    windows of steps at several positions, integrated; a few minutes

musicgen-small's real dimensions (24 layers of 1,024, T5-base, EnCodec 32 kHz), random weights, the same ones for both;
30 s of audio, guidance 3, top-k 250, codec included. transformers computes in float32, its fastest here. CPU seconds
stand beside wall-clock ones: on a machine that others use too, they and the ratios mean more.

"limit" is the share of the speed at which memory, as fast as it was read in the same run, gives a step its weights, its
caches and the codec's weights. Below each of our lines stands where a step in the middle of the song goes.
"""

from __future__ import annotations

import argparse
import gc
import os
import queue
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.generation.engine.engine import Engine, RowStep, StepOutput  # noqa: E402
from services.generation.engine.engine_thread import EngineThread  # noqa: E402
from services.generation.engine.request import Cue, EngineRequest, SamplingParameters  # noqa: E402
from services.generation.engine.runtime import Runtime  # noqa: E402
from services.generation.engine.scheduler import Scheduler  # noqa: E402
from services.generation.engine.streamer import CHUNK_FRAMES, Streamer  # noqa: E402
from services.generation.engine.timeline import Timeline, Windows  # noqa: E402
from services.generation.musicgen.conditioning import Conditioner, SongCondition  # noqa: E402
from services.generation.musicgen.configuration import (  # noqa: E402
    CodecConfiguration,
    DecoderConfiguration,
    MusicGenConfiguration,
    TextConfiguration,
)
from services.generation.musicgen.model import MusicGen  # noqa: E402
from services.generation.musicgen.text_conditioner import HashTokenizer  # noqa: E402
from services.generation.runtimes.fast_sampling import draw  # noqa: E402
from services.generation.runtimes.machine import Machine  # noqa: E402
from services.generation.runtimes.openvino_runner import OpenVinoRunner  # noqa: E402
from services.generation.runtimes.openvino_runtime import openvino_runtime  # noqa: E402
from services.generation.runtimes.precision import (  # noqa: E402
    CachePrecision,
    Precision,
    WeightPrecision,
    cache_bytes,
    weight_bytes,
)

FRAME_RATE = 50
PROMPT = "warm lo-fi hip hop with dusty piano and soft drums on a rainy evening"
PROMPT_TOKENS = 16
SMALL = MusicGenConfiguration(
    text=TextConfiguration(32_128, 768, 64, 12, 3_072, 12),
    decoder=DecoderConfiguration(4, 2_048, 1_024, 16, 4_096, 24, max_positions=1_504),
    codec=CodecConfiguration(32_000, 1, 2_048, 128, 64, (8, 5, 4, 4)),
)


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


class Peer:
    """transformers' MusicGen in float32."""

    def __init__(self) -> None:
        import transformers

        transformers.logging.set_verbosity_error()
        torch.manual_seed(1)
        text, decoder, codec = SMALL.text, SMALL.decoder, SMALL.codec
        configuration = transformers.MusicgenConfig(
            text_encoder=transformers.T5Config(
                vocab_size=text.vocabulary, d_model=text.hidden_size, d_kv=text.head_size, d_ff=text.feed_forward_size,
                num_layers=text.layers, num_heads=text.heads,
            ),
            audio_encoder=transformers.EncodecConfig(
                sampling_rate=32_000, audio_channels=1, num_filters=codec.filters, hidden_size=codec.hidden_size,
                codebook_dim=codec.hidden_size, codebook_size=codec.codebook_size, upsampling_ratios=list(codec.ratios),
                use_causal_conv=False, use_conv_shortcut=False, target_bandwidths=[2.2], normalize=False,
            ),
            decoder=transformers.MusicgenDecoderConfig(
                vocab_size=decoder.vocabulary, hidden_size=decoder.hidden_size, num_hidden_layers=decoder.layers,
                num_attention_heads=decoder.heads, ffn_dim=decoder.feed_forward_size, num_codebooks=4,
            ),
        )  # fmt: skip
        self.model: Any = transformers.MusicgenForConditionalGeneration(configuration).eval()
        self.model.decoder.load_state_dict(MusicGen(SMALL).decoder.state_dict(), strict=False)
        self.model.generation_config.decoder_start_token_id = 2_048
        self.model.generation_config.pad_token_id = 2_048
        self.model.generation_config.bos_token_id = 2_048
        self._cache = (transformers.DynamicCache, transformers.EncoderDecoderCache)

    @torch.inference_mode()
    def generate(self, songs: int, frames: int) -> None:
        """As its users call it."""
        ids = torch.randint(3, 32_000, (songs, PROMPT_TOKENS))
        self.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=250, guidance_scale=3.0,
            max_new_tokens=frames + 3,
        )  # fmt: skip

    @torch.inference_mode()
    def window(self, songs: int, position: int, steps: int) -> Cost:
        """One forward pass of the decoder over a cache that is `position` long (and grows by a few)."""
        dynamic, paired = self._cache
        rows, decoder = 2 * songs, SMALL.decoder
        memory = paired(dynamic(), dynamic())
        states = torch.randn(rows, PROMPT_TOKENS, decoder.hidden_size)
        tokens = torch.randint(2_048, (rows * 4, 1))

        def step() -> None:
            self.model.decoder(
                input_ids=tokens, encoder_hidden_states=states, past_key_values=memory, use_cache=True,
                encoder_attention_mask=torch.ones(rows, PROMPT_TOKENS),
            )  # fmt: skip

        if position:
            shape = (rows, decoder.heads, position, decoder.head_size)
            for layer in range(decoder.layers):
                memory.self_attention_cache.update(torch.randn(shape), torch.randn(shape), layer)
        return timed(step, steps)

    @torch.inference_mode()
    def codec(self, songs: int, seconds: float) -> Cost:
        """A part of the songs' length through the codec, scaled up."""
        part = min(seconds, 5.0)
        codes = torch.randint(2_048, (1, songs, 4, round(part * FRAME_RATE)))
        work = timed(lambda: self.model.audio_encoder.decode(codes, [None] * songs), 1, 1)
        return work.times(seconds / part)

    def quick(self, songs: int, seconds: float, steps: int) -> Result:
        """From windows, with what `generate` adds to a forward pass (measured over its first steps)."""
        frames = round(seconds * FRAME_RATE)
        places = sorted({0, frames // 4, frames // 2, 3 * frames // 4, frames - 1})
        windows = [(place, self.window(songs, place, steps)) for place in places]
        forward = integrate(windows, frames + 3)
        codec = self.codec(songs, seconds)
        early = 12
        begun = timed(lambda: self.generate(songs, early), 1, 1)
        overhead = begun.wall / (early + 3) - windows[0][1].wall
        # What generate does once (prompt, codec) is in it too, so it is bounded by what a loop can cost.
        extra = Cost(min(max(0.0, overhead), 0.005 * songs), min(max(0.0, overhead), 0.005 * songs)).times(frames + 3)
        path = " ".join(f"{1e3 * cost.wall:.0f}" for _, cost in windows)
        note = f"ms a forward pass along the song {path}; codec {codec.wall / (forward.wall + codec.wall):.0%}"
        return Result(
            "transformers float32", songs, seconds, forward + codec + extra, forward.times(1 / (frames + 3)), note
        )

    def whole(self, songs: int, seconds: float) -> Result:
        """Whole songs."""
        frames = round(seconds * FRAME_RATE)
        self.generate(songs, 4)
        cost = timed(lambda: self.generate(songs, frames), 1, 0)
        return Result("transformers float32", songs, seconds, cost, cost.times(1 / (frames + 3)), "")


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


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="windows of steps instead of whole songs")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--songs", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--precision", nargs="+", default=["int8", "int4"], choices=["int8", "int4", "bfloat16"])
    parser.add_argument("--cache", default="float16", choices=[cache.value for cache in CachePrecision])
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--steps", type=int, default=12, help="steps of a window")
    parser.add_argument("--no-peer", action="store_true", help="leave transformers out")
    arguments = parser.parse_args()
    machine = Machine.probe()
    threads = arguments.threads or machine.cores
    torch.set_num_threads(threads)
    mode = "windows of steps, integrated" if arguments.quick else "whole songs"
    print(f"{machine.cores} cores, load {os.getloadavg()[0]:.1f} before, {mode}, {arguments.seconds:g} s songs")
    speed = bandwidth()
    print(f"memory is read at {speed / 1e9:.1f} GB/s")
    print(
        f"\n{'':<24}{'songs':>5}{'wall s':>9}{'cpu s':>9}{'ms/step':>9}{'cpu ms':>9}{'× RT':>8}{'limit':>8}", flush=True
    )
    theirs: dict[int, Result] = {}
    if not arguments.no_peer:
        peer = Peer()
        for songs in arguments.songs:
            theirs[songs] = (
                peer.quick(songs, arguments.seconds, arguments.steps)
                if arguments.quick
                else peer.whole(songs, arguments.seconds)
            )
            show(theirs[songs])
        del peer
        gc.collect()
    firsts = []
    results: list[Result] = []
    for name in arguments.precision:
        cache = CachePrecision.BFLOAT16 if name == "bfloat16" else CachePrecision(arguments.cache)
        precision = Precision(WeightPrecision(name), cache)
        ours = Ours(precision, max(arguments.songs), threads, machine.bfloat16)
        # Weights are packed and kernels made in the first steps.
        ours.first_audio()
        for songs in arguments.songs:
            result = (
                ours.quick(f"ours {precision}", songs, arguments.seconds, arguments.steps)
                if arguments.quick
                else ours.whole(f"ours {precision}", songs, arguments.seconds)
            )
            limit = step_limit(precision, songs, arguments.seconds, speed, ours.codec_bytes)
            show(result, limit)
            middle = round(arguments.seconds * FRAME_RATE / 2)
            print(ours.parts(songs, middle, arguments.steps).line(limit.wall), flush=True)
            results.append(result)
        first = ours.first_audio()
        firsts.append(f"{name}: {first.wall:.2f} s ({first.cpu:.2f} s of CPU)")
        ours.close()
        del ours
        gc.collect()
    print(f"\nfirst audio after admission, alone: {', '.join(firsts)}")
    for result in results:
        same, one = theirs.get(result.songs), theirs.get(1)
        if same:
            print(
                f"{result.name}, {result.songs} songs: {same.cost.wall / result.cost.wall:.1f} × "
                f"transformers' batch of {result.songs} (by CPU time {same.cost.cpu / result.cost.cpu:.1f})"
            )
        if one and result.songs > 1:
            print(
                f"{result.name}, {result.songs} songs: {result.songs * one.cost.wall / result.cost.wall:.1f} × "
                f"{result.songs} runs of transformers (by CPU time {result.songs * one.cost.cpu / result.cost.cpu:.1f})"
            )
    print(f"load {os.getloadavg()[0]:.1f} after")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
