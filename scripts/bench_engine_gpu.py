"""How fast the MusicGen engine is on a GPU, beside transformers in the same run and against the memory's bandwidth.

    python scripts/bench_engine_gpu.py                   on a machine with torch and transformers, nothing else
    python scripts/bench_engine_gpu.py --tiny --device cpu     the same code at toy dimensions, anywhere

Random weights; windows of steps at several positions of 30 s songs, integrated over the whole (guidance on, sampling
and codec included); under eight minutes in all: what does not fit into `--minutes` is left out and said so.

"first s" is the last of all songs' first audio when they are admitted together; transformers, which does not stream,
sounds when its songs are whole. "GiB" is the most that was taken: of the device by a runtime of so many slots, on a
processor of the whole process. "roofline" is the share of the steps at which memory, as fast as it was read in the same
run, gives them weights and caches. Below each row of ours stands how its steps attend to their caches, and what each
way took at start-up, of songs at places spread over the cache; where that is not torch's own attention, "ours, masked"
are whole steps with that one.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.generation.engine.engine import RowStep  # noqa: E402
from services.generation.engine.request import SamplingParameters  # noqa: E402
from services.generation.engine.runtime import Runtime  # noqa: E402
from services.generation.engine.streamer import CHUNK_FRAMES  # noqa: E402
from services.generation.musicgen.codec import Codec  # noqa: E402
from services.generation.musicgen.conditioning import SongCondition  # noqa: E402
from services.generation.musicgen.configuration import (  # noqa: E402
    CodecConfiguration,
    DecoderConfiguration,
    MusicGenConfiguration,
    TextConfiguration,
)
from services.generation.musicgen.decoder import sinusoidal_positions  # noqa: E402
from services.generation.musicgen.model import MusicGen  # noqa: E402
from services.generation.runtimes.cuda_runtime import cuda_runtime  # noqa: E402
from services.generation.runtimes.precision import (  # noqa: E402
    CachePrecision,
    Precision,
    WeightPrecision,
    cache_bytes,
    weight_bytes,
)

FRAME_RATE = 50
SECONDS = 30
PROMPT_TOKENS = 16
# The text encoder is not measured: it runs once for a song.
_TEXT = TextConfiguration(64, 16, 8, 2, 32, 1)
_CODEC = CodecConfiguration(32_000, 1, 2_048, 128, 64, (8, 5, 4, 4))
SIZES = {
    "small": DecoderConfiguration(4, 2_048, 1_024, 16, 4_096, 24, max_positions=1_504),
    "medium": DecoderConfiguration(4, 2_048, 1_536, 24, 6_144, 48, max_positions=1_504),
    "large": DecoderConfiguration(4, 2_048, 2_048, 32, 8_192, 48, max_positions=1_504),
}
TINY = DecoderConfiguration(4, 64, 64, 2, 128, 2, max_positions=1_504)
TINY_CODEC = CodecConfiguration(32_000, 1, 64, 16, 4, (8, 5, 4, 4))


MASKED = "ours, masked"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `roofline` is the share of the bandwidth limit that the steps reach."""

    size: str
    songs: int
    who: str
    step_seconds: float
    codec_seconds: float
    first_audio_seconds: float
    memory_bytes: int
    roofline: float

    @property
    def real_time(self) -> float:
        """Seconds of audio in a second, all songs together."""
        steps = SECONDS * FRAME_RATE + 3
        return self.songs * SECONDS / (self.step_seconds * steps + self.codec_seconds)

    def __str__(self) -> str:
        return (
            f"{self.size:<8}{self.songs:>6} {self.who:<14}{1 / self.step_seconds:>9.1f}{1e3 * self.step_seconds:>9.2f}"
            f"{self.real_time:>9.1f}{self.first_audio_seconds:>9.2f}{self.memory_bytes / 2**30:>8.2f}"
            f"{self.roofline:>10.0%}"
        )


HEADER = (
    f"{'model':<8}{'songs':>6} {'':<14}{'steps/s':>9}{'ms/step':>9}{'× RT':>9}{'first s':>9}{'GiB':>8}{'roofline':>10}"
)


class Bench:
    """Everything that is measured on one device."""

    def __init__(self, device: torch.device, steps: int) -> None:
        self._device = device
        self._steps = steps
        self.dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        self.precision = (
            Precision(WeightPrecision.BFLOAT16, CachePrecision.BFLOAT16)
            if device.type == "cuda"
            else Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32)
        )
        self.bandwidth = self._bandwidth()

    def fits(self, model: MusicGen, songs: int) -> bool:
        """Whether weights and caches of so many songs fit, with room for transformers' copies of one layer's cache."""
        if self._device.type != "cuda":
            return True
        decoder = model.configuration.decoder
        needed = weight_bytes(decoder, self.precision.weights)
        needed += 2 * songs * cache_bytes(decoder, self.precision.cache, decoder.max_positions + 256)
        return needed < 0.85 * torch.cuda.get_device_properties(self._device).total_memory

    def ours(
        self, size: str, model: MusicGen, songs: int, codec_seconds: float, *, masked: bool = False
    ) -> tuple[Row, str]:
        """Our engine with so many slots, and how it attends: as it chose, or as torch does."""
        self.let_go()
        runtime = cuda_runtime(model, self.precision, songs, self._device, list if masked else None)
        places = self._places(model)
        costs = [self._window(runtime, model, songs, place) for place in places]
        first = self._first(runtime, model, songs)
        row = self._row(size, model, songs, MASKED if masked else "ours", places, costs, codec_seconds, first)
        runtime.close()
        self.let_go()
        return row, runtime.attention

    def peer(self, model: MusicGen) -> Any:
        """transformers' decoder on the device, with our weights in the same precision."""
        import transformers

        decoder = model.configuration.decoder
        configuration = transformers.MusicgenDecoderConfig(
            vocab_size=decoder.vocabulary, hidden_size=decoder.hidden_size, num_hidden_layers=decoder.layers,
            num_attention_heads=decoder.heads, ffn_dim=decoder.feed_forward_size, num_codebooks=decoder.codebooks,
        )  # fmt: skip
        usual = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with self._device:
                peer: Any = transformers.MusicgenForCausalLM(configuration)
        finally:
            torch.set_default_dtype(usual)
        peer.eval()
        peer.load_state_dict(model.decoder.state_dict(), strict=False)
        return peer

    @torch.inference_mode()
    def theirs(self, size: str, model: MusicGen, peer: Any, songs: int, codec_seconds: float) -> Row:
        """transformers' decoder over a cache of each length; its loop around it is left out."""
        import transformers

        self.let_go()
        decoder = model.configuration.decoder
        rows = 2 * songs
        states = torch.randn(rows, PROMPT_TOKENS, decoder.hidden_size, device=self._device, dtype=self.dtype)
        tokens = torch.randint(decoder.vocabulary, (rows * decoder.codebooks, 1), device=self._device)
        places, costs = self._places(model), []
        for place in places:
            memory = transformers.EncoderDecoderCache(transformers.DynamicCache(), transformers.DynamicCache())
            if place:
                shape = (rows, decoder.heads, place, decoder.head_size)
                for layer in range(decoder.layers):
                    past = torch.randn(shape, device=self._device, dtype=self.dtype)
                    memory.self_attention_cache.update(past, past.clone(), layer)

            def step(memory: Any = memory) -> None:
                peer(
                    input_ids=tokens, encoder_hidden_states=states, past_key_values=memory, use_cache=True
                ).logits.float().cpu()

            costs.append(self._timed(step))
        return self._row(size, model, songs, "transformers", places, costs, codec_seconds, None)

    @torch.inference_mode()
    def codec_chunk(self, model: MusicGen) -> float:
        """Seconds that the codec takes for one second of one song, streamed."""
        runtime = cuda_runtime(model, self.precision, 1, self._device)
        state = runtime.codec.initial_state()
        codes = torch.randint(model.configuration.codec.codebook_size, (4, CHUNK_FRAMES))
        taken = self._timed(lambda: runtime.codec.stream(codes, state, last=False))
        runtime.close()
        return taken * FRAME_RATE / CHUNK_FRAMES

    def _places(self, model: MusicGen) -> list[int]:
        last = model.configuration.decoder.max_positions - self._steps - 8
        return [0, last // 3, 2 * last // 3, last]

    def _window(self, runtime: Runtime, model: MusicGen, songs: int, place: int) -> float:
        condition = self._condition(model)
        for slot in range(songs):
            runtime.runner.condition(slot, condition)
        return self._timed(lambda: runtime.runner.step(self._rows(model, songs, place)))

    @staticmethod
    def _rows(model: MusicGen, songs: int, place: int) -> list[RowStep]:
        decoder = model.configuration.decoder
        tokens = np.random.default_rng(place).integers(0, decoder.vocabulary, (songs, decoder.codebooks)).tolist()
        return [RowStep(slot, place, tuple(tokens[slot]), SamplingParameters(slot), place) for slot in range(songs)]

    def _first(self, runtime: Runtime, model: MusicGen, songs: int) -> float:
        """Conditions, the first chunk's steps and its decoding, of all songs; graphs recorded already."""
        codes = torch.zeros(model.configuration.decoder.codebooks, CHUNK_FRAMES, dtype=torch.long)

        def work() -> None:
            for slot in range(songs):
                runtime.runner.condition(slot, self._condition(model))
            for place in range(CHUNK_FRAMES + 3):
                runtime.runner.step(self._rows(model, songs, place))
            for _ in range(songs):
                runtime.codec.stream(codes, runtime.codec.initial_state(), last=False)

        return self._timed(work, 2)

    @staticmethod
    def _condition(model: MusicGen) -> SongCondition:
        states = torch.randn(PROMPT_TOKENS, model.configuration.decoder.hidden_size)
        return SongCondition((model.decoder.cross_memory(states), None))

    def _row(
        self, size: str, model: MusicGen, songs: int, who: str, places: list[int], costs: list[float],
        codec_seconds: float, first: float | None,
    ) -> Row:  # fmt: skip
        steps = SECONDS * FRAME_RATE + 3
        mean = float(np.interp(np.arange(steps), places, costs).mean())
        decoder = model.configuration.decoder
        moved = weight_bytes(decoder, self.precision.weights)
        moved += 2 * songs * cache_bytes(decoder, self.precision.cache, steps // 2)
        codec = codec_seconds * SECONDS * songs
        # Without a stream, the first audio is the whole.
        heard = mean * steps + codec if first is None else first
        return Row(size, songs, who, mean, codec, heard, self._used(), moved / self.bandwidth / mean)

    def _used(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated()
        # Linux counts in KiB.
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def _timed(self, work: Callable[[], object], repeats: int = 0) -> float:
        for _ in range(2):
            work()
        taken = []
        for _ in range(repeats or self._steps):
            self._wait()
            began = time.perf_counter()
            work()
            self._wait()
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    def let_go(self) -> None:
        """Memory of what was measured before does not count for what comes next."""
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def _bandwidth(self) -> float:
        """Bytes a second that the device reads: a sum over half a gigabyte (64 MiB on a processor)."""
        count = 2**27 if self._device.type == "cuda" else 2**24
        numbers = torch.ones(count, device=self._device)
        return count * 4 / min(self._timed(numbers.sum, 1) for _ in range(5))


def build(configuration: DecoderConfiguration, codec: CodecConfiguration) -> MusicGen:
    """A model with random weights of a plausible spread, on the processor; of one noise, so that it takes seconds."""
    with torch.device("meta"):
        model = MusicGen(MusicGenConfiguration(_TEXT, configuration, codec)).eval()
    model.to_empty(device="cpu")
    positions = sinusoidal_positions(configuration.cache_positions, configuration.hidden_size)
    model.decoder.model.decoder.positions = positions
    # A prime, so that rows of a weight differ.
    noise = torch.randn(1_048_573, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.02
            flat = parameter.view(-1)
            for start in range(0, len(flat), len(noise)):
                part = flat[start : start + len(noise)]
                torch.mul(noise[: len(part)], spread, out=part)
            if parameter.ndim == 1 and name.endswith("norm.weight"):
                parameter.add_(1.0)
    if not isinstance(model.audio_encoder, Codec):
        raise TypeError("The codec is EnCodec's.")
    return model


def targets(ours: dict[tuple[str, int], Row], ratios: dict[tuple[str, int], float]) -> list[str]:
    """What was asked of an H100-class card, where it was measured."""
    lines = []
    one, many = ours.get(("medium", 1)), ours.get(("medium", 32))
    if one:
        lines.append(f"medium, one song: {one.real_time:.1f} × real time (asked: 8), {one.roofline:.0%} (asked: 60 %)")
    if many:
        lines.append(f"medium, 32 songs: {many.real_time:.1f} × real time in total (asked: 60)")
    lines += [
        f"{size}, one song: {ratio:.1f} × transformers (asked: 15)"
        for (size, songs), ratio in ratios.items()
        if songs == 1
    ]
    return lines


def main(given: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--songs", type=int, nargs="+", default=[1, 4, 16, 32, 64])
    parser.add_argument("--steps", type=int, default=12, help="steps of a window")
    parser.add_argument("--minutes", type=float, default=7.0, help="begin nothing after this")
    parser.add_argument("--tiny", action="store_true", help="toy dimensions, to try the script itself")
    parser.add_argument("--no-peer", action="store_true", help="leave transformers out")
    arguments = parser.parse_args(given)
    device = torch.device(arguments.device)
    began = time.perf_counter()
    bench = Bench(device, arguments.steps)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "processor"
    print(f"{name}, torch {torch.__version__}, {bench.precision}, memory is read at {bench.bandwidth / 1e9:.0f} GB/s")
    print(HEADER, flush=True)
    whos = ["ours", *([] if arguments.no_peer else ["transformers"]), MASKED]
    left_out: list[str] = []
    ours: dict[tuple[str, int], Row] = {}
    ratios: dict[tuple[str, int], float] = {}
    chosen: dict[tuple[str, int], str] = {}

    def late(what: str) -> bool:
        if time.perf_counter() - began <= 60 * arguments.minutes:
            return False
        left_out.append(what)
        return True

    for size in ["tiny"] if arguments.tiny else arguments.sizes:
        if late(size):
            continue
        model = build(TINY, TINY_CODEC) if arguments.tiny else build(SIZES[size], _CODEC)
        codec_seconds = bench.codec_chunk(model)
        peer: Any = None
        for who, songs in product(whos, arguments.songs):
            what = f"{who} {size} × {songs}"
            if who == MASKED and chosen.get((size, songs), "masked").startswith("masked"):
                continue
            if not bench.fits(model, songs):
                left_out.append(f"{what} (memory)")
                continue
            if late(what):
                continue
            if who == "ours":
                ours[size, songs], chosen[size, songs] = bench.ours(size, model, songs, codec_seconds)
                print(f"{ours[size, songs]}\n{'':15}attention: {chosen[size, songs]}", flush=True)
                continue
            if who == MASKED:
                print(bench.ours(size, model, songs, codec_seconds, masked=True)[0], flush=True)
                continue
            peer = bench.peer(model) if peer is None else peer
            row = bench.theirs(size, model, peer, songs, codec_seconds)
            mine = ours.get((size, songs))
            if mine is None:
                print(row, flush=True)
                continue
            ratios[size, songs] = mine.real_time / row.real_time
            print(f"{row}  ours is {ratios[size, songs]:.1f} × as fast", flush=True)
        del model, peer
        bench.let_go()
    if device.type == "cuda":
        print("\n".join(targets(ours, ratios)))
    print(f"{time.perf_counter() - began:.0f} s in all" + (f"; left out: {', '.join(left_out)}" if left_out else ""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
