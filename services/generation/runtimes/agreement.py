"""Does a quantised runtime still say what the model says? Measured on a user's own checkpoint, by teacher forcing.

Random weights prove nothing about music: they have no outliers, and their predictions are flat. So a song is drawn from
the float32 model, and the quantised one is given the same inputs, step by step. The distance of two predictions is the
total variation between them (guidance applied, temperature 1): the share of tokens that even the best pairing of their
draws would draw differently. Precisions whose mean distance stays below `MOST_DISTANCE` are offered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.generation.engine.engine import RowStep
from services.generation.engine.request import SamplingParameters
from services.generation.engine.runner import TorchRunner
from services.generation.engine.timeline import Timeline, Windows
from services.generation.musicgen.conditioning import SongCondition
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.sampler import guide, sample
from services.generation.runtimes.cpu_decoder import cpu_decoder
from services.generation.runtimes.decoder_weights import decoder_weights
from services.generation.runtimes.openvino_runner import OpenVinoRunner
from services.generation.runtimes.precision import MOST_DISTANCE, CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_caches import kernel_fits

_OFFERED = (
    Precision(WeightPrecision.INT8, CachePrecision.FLOAT16),
    Precision(WeightPrecision.INT8, CachePrecision.INT8),
    Precision(WeightPrecision.INT4, CachePrecision.FLOAT16),
)
_PREFILL = 64


@dataclass(frozen=True, slots=True)
class Agreement:
    """One precision against float32 over `predictions` predictions (steps times codebooks).

    `distance` is the mean total variation (0–1), `same_greedy` and `same_draws` the share of tokens that come out the
    same: the likeliest one, and the one drawn with the same noise. `error` is the root mean square error of the guided
    logits, relative to theirs.
    """

    precision: Precision
    predictions: int
    distance: float
    same_greedy: float
    same_draws: float
    error: float

    @property
    def offered(self) -> bool:
        """Whether it stays within the bound."""
        return self.distance <= MOST_DISTANCE


@dataclass(frozen=True, slots=True)
class _Song:
    """The steps of one teacher's song, the guided logits `[T, K, V]` and what was drawn `[T, K]`."""

    condition: SongCondition
    steps: list[RowStep]
    logits: Tensor
    drawn: Tensor
    live: Tensor


@torch.inference_mode()
def measure_agreement(
    model: MusicGen,
    conditions: Sequence[SongCondition],
    precisions: Sequence[Precision] = _OFFERED,
    *,
    seconds: float = 6.0,
    seed: int = 1,
    threads: int = 0,
    progress: Callable[[float], None] = lambda _done: None,
) -> list[Agreement]:
    """Each precision against the model's own float32, over a song of `seconds` for every condition.

    An int8 cache is left out for heads that it is not for. About 0.2 s of work for each second, precision and 100
    million weights; `progress` hears which share of it is done (0–1). ValueError without conditions.
    """
    if not conditions:
        raise ValueError("At least one condition is measured.")
    frames = max(1, round(seconds * model.configuration.codec.frame_rate))
    fitting = [
        one
        for one in precisions
        if one.cache is not CachePrecision.INT8 or kernel_fits(model.configuration.decoder, one)
    ]
    done = _Share(len(conditions) * (1 + len(fitting)), progress)
    songs = [_teach(model, condition, frames, seed + index, done) for index, condition in enumerate(conditions)]
    return [_measure(model, songs, precision, threads, done) for precision in fitting]


class _Share:
    """Which share of all songs was gone through, told as whole percents."""

    def __init__(self, songs: int, tell: Callable[[float], None]) -> None:
        self._songs, self._tell = songs, tell
        self._ended, self._told = 0, -1

    def song(self, share: float) -> None:
        """Of the song at hand, `share` is done (0–1); with 1 the next one begins."""
        percent = int(100 * (self._ended + share) / self._songs)
        self._ended += share >= 1
        if percent > self._told:
            self._told = percent
            self._tell(percent / 100)


def _teach(model: MusicGen, condition: SongCondition, frames: int, seed: int, done: _Share) -> _Song:
    """Draw a song from the float32 model and keep what it predicted."""
    runner = TorchRunner(model.decoder, 1)
    runner.condition(0, condition)
    for first in range(0, condition.prefix_length, _PREFILL):
        runner.fill_prefix(0, first, min(_PREFILL, condition.prefix_length - first))
    window = model.configuration.window_frames
    frames = min(frames, window)
    timeline = Timeline(model.pattern, model.configuration.decoder.pad_token, frames, Windows(window, window))
    sampling = SamplingParameters(seed)
    steps, logits, drawn, live = [], [], [], []
    while not timeline.finished:
        step = timeline.step
        row = RowStep(0, step, timeline.inputs(step), sampling, timeline.noise_step)
        conditional, unconditional = runner.predictions([row])
        tokens = sample(conditional, unconditional, [sampling], [row.noise_step])[0]
        steps.append(row)
        logits.append(_guided(conditional[0], unconditional[0], sampling))
        drawn.append(tokens)
        live.append(torch.tensor(model.pattern.live(step, frames)))
        timeline.accept(tokens.tolist())
        done.song(timeline.whole_frames / timeline.frames)
    return _Song(condition, steps, torch.stack(logits), torch.stack(drawn), torch.stack(live))


def _measure(model: MusicGen, songs: Sequence[_Song], precision: Precision, threads: int, done: _Share) -> Agreement:
    weights = decoder_weights(model.decoder, precision.weights)
    guidance_rows = model.configuration.decoder.guidance_rows
    decoder = cpu_decoder(model.configuration.decoder, weights, precision, guidance_rows, threads)
    runner = OpenVinoRunner(decoder, guidance_rows)
    distances, greedy, draws, wrong, size = [], [], [], 0.0, 0.0
    for song in songs:
        runner.condition(0, song.condition)
        for first in range(0, song.condition.prefix_length, _PREFILL):
            runner.fill_prefix(0, first, min(_PREFILL, song.condition.prefix_length - first))
        for index, row in enumerate(song.steps):
            conditional, unconditional = (torch.from_numpy(part[0]) for part in runner.logits([row]))
            live = song.live[index]
            theirs = _guided(conditional, unconditional, row.sampling)[live]
            truth = song.logits[index][live]
            tokens = sample(conditional[None], unconditional[None], [row.sampling], [row.noise_step])[0]
            distances.append((theirs.softmax(-1) - truth.softmax(-1)).abs().sum(-1) / 2)
            greedy.append(theirs.argmax(-1) == truth.argmax(-1))
            draws.append(tokens[live] == song.drawn[index][live])
            wrong += (theirs - truth).square().sum().item()
            size += truth.square().sum().item()
            done.song((index + 1) / len(song.steps))
    decoder.close()
    distance = torch.cat(distances)
    return Agreement(
        precision=precision,
        predictions=len(distance),
        distance=distance.mean().item(),
        same_greedy=torch.cat(greedy).float().mean().item(),
        same_draws=torch.cat(draws).float().mean().item(),
        error=(wrong / size) ** 0.5 if size else 0.0,
    )


def _guided(conditional: Tensor, unconditional: Tensor, sampling: SamplingParameters) -> Tensor:
    """Guided logits `[K, V]`."""
    return guide(conditional[None], unconditional[None], torch.tensor([sampling.guidance_scale]))[0]
