"""The step kernels at the sizes and kinds of other models (medium, large, stereo, melody, odd ones), through the runner
as the engine calls it: songs that join, leave, slide and change their prompts, teacher-forced beside torch."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest
import structlog
import torch
from structlog.testing import capture_logs
from torch import Tensor

from services.generation.engine.engine import RowStep
from services.generation.engine.request import SamplingParameters
from services.generation.engine.runner import TorchRunner
from services.generation.musicgen.conditioning import Conditioner, SongCondition
from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.decoder import Decoder
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.decoder_weights import DecoderWeights, decoder_weights
from services.generation.runtimes.dense_kernel import multiplies_bytes
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.openvino_runner import OpenVinoRunner
from services.generation.runtimes.plan import OPENVINO, Wish, plan_runtime
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.quantization import Int4Weight, Int8Weight
from services.generation.runtimes.selection import select_runtime
from services.generation.runtimes.step_decoder import StepDecoder, steps_fit
from tests.unit.generation.runtimes.conftest import TEXT, build

pytestmark = pytest.mark.skipif(not multiplies_bytes(), reason="This processor has no instruction for it.")

MACHINE = Machine(cores=2, memory_bytes=2**34, gpu=None, openvino=True, bfloat16=False)
SLOTS = 3
PREFIX = 40
# Of the logits' root mean square: from float32, and from float32 over the very weights that the bytes stand for, where
# only the inputs' and the cache's rounding is left.
BOUNDS = {
    Precision(WeightPrecision.INT8, CachePrecision.INT8): (0.03, 0.02),
    Precision(WeightPrecision.INT4, CachePrecision.FLOAT16): (0.3, 0.02),
}
KINDS = {"text": (0, 1), "stereo": (0, 2), "melody": (PREFIX, 1), "stereo melody": (PREFIX, 2)}
PRECISIONS = pytest.mark.parametrize("precision", BOUNDS, ids=str)


def with_weights(model: MusicGen, weights: DecoderWeights) -> Decoder:
    """A torch decoder that computes with what quantised weights stand for."""
    decoder = copy.deepcopy(model.decoder)
    state = decoder.state_dict()
    for name, weight in weights.dense.items():
        numbers = torch.from_numpy(weight.dequantize() if isinstance(weight, Int8Weight | Int4Weight) else weight)
        if name == "heads":
            for index, part in enumerate(numbers.chunk(decoder.configuration.codebooks)):
                state[f"lm_heads.{index}.weight"].copy_(part)
        elif name.endswith(".qkv"):
            for letter, part in zip("qkv", numbers.chunk(3), strict=True):
                state[f"model.decoder.{name.removesuffix('qkv')}{letter}_proj.weight"].copy_(part)
        else:
            state[f"model.decoder.{name}.weight"].copy_(numbers)
    return decoder


def conditions(model: MusicGen, *prompts: str) -> list[SongCondition]:
    """Of one song; melody models follow a melody too."""
    melodies = [torch.arange(10) * 5 % 12] * len(prompts) if model.configuration.chroma else None
    return Conditioner(model, HashTokenizer(TEXT.vocabulary)).conditions(prompts, "voices", melodies)


class Songs:
    """The same songs on several runners. What is drawn does not matter: all are given the same tokens."""

    def __init__(self, model: MusicGen, ours: OpenVinoRunner, references: Sequence[TorchRunner]) -> None:
        self._decoder = model.decoder.configuration
        self._ours, self._references = ours, references
        self._tokens = np.random.default_rng(4)

    def begin(self, slot: int, condition: SongCondition) -> None:
        """Let a song begin, or go on with another prompt: with a prefix, in uneven chunks."""
        for runner in (self._ours, *self._references):
            runner.condition(slot, condition)
            for first in range(0, condition.prefix_length, 7):
                runner.fill_prefix(slot, first, min(7, condition.prefix_length - first))

    def slide(self, slot: int, count: int) -> None:
        """Begin the slot's positions anew with so many known ones."""
        known = [tuple(row) for row in self._tokens.integers(0, 64, (count, self._decoder.codebooks)).tolist()]
        for runner in (self._ours, *self._references):
            runner.fill(slot, 0, known)

    def leave(self, slot: int) -> None:
        """End a song."""
        for runner in (self._ours, *self._references):
            runner.release(slot)

    def step(self, places: dict[int, int]) -> tuple[Tensor, list[Tensor]]:
        """One step of the slots at their places; logits `[2 · B, K, V]`, ours and the references'."""
        tokens = self._tokens.integers(0, 65, (len(places), self._decoder.codebooks)).tolist()
        rows = [
            RowStep(slot, place, tuple(drawn), SamplingParameters(1), place)
            for (slot, place), drawn in zip(places.items(), tokens, strict=True)
        ]
        mine = torch.from_numpy(np.concatenate(self._ours.logits(rows)))
        order = [2 * slot for slot in places] + [2 * slot + 1 for slot in places]
        return mine, [runner.logits(rows)[order] for runner in self._references]


def errors(model: MusicGen, precision: Precision, steps: int) -> tuple[float, float]:
    """Three songs come and go on the kernels: errors against float32, and against float32 over the same weights."""
    weights = decoder_weights(model.decoder, precision.weights)
    decoder = StepDecoder(model.configuration.decoder, weights, precision, 2 * SLOTS, 2)
    references = [TorchRunner(one, SLOTS) for one in (model.decoder, with_weights(model, weights))]
    songs = Songs(model, OpenVinoRunner(decoder), references)
    first, later = conditions(model, "slow piano", "a choir, and loud drums")
    songs.begin(0, first)
    joined = {0: 0}
    wrong, size = torch.zeros(2), torch.zeros(2)
    for step in range(steps):
        if step == steps // 6:
            songs.begin(1, conditions(model, "strings over fast guitar and a long, long drone")[0])
            joined[1] = step
        if step == steps // 3:
            songs.begin(0, later)
        if step == steps // 2:
            songs.begin(2, conditions(model, "bells")[0])
            songs.slide(2, 11)
            joined[2] = step - 11
        if step == 2 * steps // 3:
            songs.leave(1)
            del joined[1]
            songs.slide(0, 5)
            joined[0] = step - 5
        if step == 5 * steps // 6:
            songs.begin(1, conditions(model, "another")[0])
            joined[1] = step
        mine, theirs = songs.step({slot: step - began for slot, began in joined.items()})
        assert torch.isfinite(mine).all()
        for index, logits in enumerate(theirs):
            wrong[index] += (mine - logits).square().sum()
            size[index] += logits.square().sum()
    decoder.close()
    from_float, from_bytes = (wrong / size).sqrt().tolist()
    print(f"\n{precision}: error {from_float:.2%}, from the weights as they are kept {from_bytes:.2%}")
    return from_float, from_bytes


@PRECISIONS
@pytest.mark.parametrize("kind", KINDS)
def test_songs_of_every_kind_that_come_and_go_give_torchs_logits(kind: str, precision: Precision) -> None:
    most = BOUNDS[precision]
    from_float, from_bytes = errors(build(*KINDS[kind]), precision, 36)
    assert from_float <= most[0]
    assert from_bytes <= most[1]


@PRECISIONS
@pytest.mark.parametrize(
    ("hidden_size", "heads", "feed_forward_size"),
    [(384, 12, 640), (256, 16, 1_152)],
    ids=["heads of 32", "heads of 16"],
)
def test_odd_sizes_of_whole_panels_give_torchs_logits(
    hidden_size: int, heads: int, feed_forward_size: int, precision: Precision
) -> None:
    model = build(hidden_size=hidden_size, heads=heads, feed_forward_size=feed_forward_size, layers=3)
    most = BOUNDS[precision]
    from_float, from_bytes = errors(model, precision, 24)
    assert from_float <= most[0]
    assert from_bytes <= most[1]


WIDE = {
    "medium": (0, 1, 1_536, 24, 6_144),
    "medium melody": (PREFIX, 1, 1_536, 24, 6_144),
    "stereo large": (0, 2, 2_048, 32, 8_192),
}


@pytest.mark.slow
@PRECISIONS
@pytest.mark.parametrize("name", WIDE)
def test_real_widths_give_torchs_logits(name: str, precision: Precision) -> None:
    prefix, channels, hidden_size, heads, feed_forward_size = WIDE[name]
    model = build(prefix, channels, hidden_size=hidden_size, heads=heads, feed_forward_size=feed_forward_size, layers=1)
    most = BOUNDS[precision]
    from_float, from_bytes = errors(model, precision, 18)
    assert from_float <= most[0]
    assert from_bytes <= most[1]


@pytest.mark.parametrize(("hidden_size", "heads", "layers"), [(1_024, 16, 24), (1_536, 24, 48), (2_048, 32, 48)])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("prefix", [0, 491])
def test_every_published_size_runs_on_the_kernels(
    hidden_size: int, heads: int, layers: int, channels: int, prefix: int
) -> None:
    configuration = DecoderConfiguration(
        4 * channels, 2_048, hidden_size, heads, 4 * hidden_size, layers, 1_503, prefix, channels
    )
    for wish in (Wish(most=1), Wish(most=4), Wish(weights="int4", most=1), Wish(weights="int4", most=8)):
        plan = plan_runtime(configuration, MACHINE, wish)
        assert plan.runtime == OPENVINO
        assert steps_fit(configuration, plan.precision)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stereo", "melody"])
def test_auto_runs_medium_widths_on_the_kernels_and_says_so(kind: str) -> None:
    prefix, channels = KINDS[kind]
    model = build(prefix, channels, hidden_size=1_536, heads=24, feed_forward_size=6_144, layers=1)
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as logs:
        runtime = select_runtime(model, Wish(most=4), machine=MACHINE)
    said = {entry["event"]: entry for entry in logs}
    assert (said["runtime_selected"]["runtime"], said["runtime_selected"]["precision"]) == (OPENVINO, "int8/int8")
    assert said["decoder_selected"]["decoder"] == "step kernel"
    assert isinstance(runtime.runner, OpenVinoRunner)
    assert isinstance(runtime.runner._decoder, StepDecoder)
    songs = Songs(model, runtime.runner, [])
    songs.begin(0, conditions(model, "slow piano")[0])
    assert torch.isfinite(songs.step({0: 0})[0]).all()
    runtime.close()
