"""All runtimes behind the engine: the same songs as the torch reference, whoever joins, leaves or is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from services.generation.engine.engine import Engine, RowStep, StepOutput
from services.generation.engine.request import Cue, EngineRequest, SamplingParameters
from services.generation.engine.runtime import Runtime, torch_runtime
from services.generation.engine.scheduler import Scheduler
from services.generation.engine.timeline import Timeline, Tokens, Windows
from services.generation.musicgen.conditioning import SongCondition
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.cuda_runtime import cuda_runtime
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.openvino_runtime import openvino_runtime, release_dense_weights
from services.generation.runtimes.plan import Wish
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.selection import select_runtime
from tests.unit.generation.runtimes.conftest import build, condition, in_the_manner

FLOAT32 = Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32)
SLOTS = 3


def on_openvino(model: MusicGen) -> Runtime:
    return openvino_runtime(model, FLOAT32, SLOTS, 1, half_codec=False, keep_torch=True)


def on_slots(model: MusicGen) -> Runtime:
    return cuda_runtime(model, FLOAT32, SLOTS, torch.device("cpu"))


RUNTIMES = pytest.mark.parametrize("build_runtime", [on_openvino, on_slots])
Builder = Callable[[MusicGen], Runtime]


def request(
    model: MusicGen, name: str, song: SongCondition, frames: int, sampling: SamplingParameters, known: int = 0
) -> EngineRequest:
    generator = torch.Generator().manual_seed(len(name))
    given = torch.randint(64, (known, 4), generator=generator).tolist()
    timeline = Timeline(model.pattern, model.configuration.decoder.pad_token, frames, Windows(60, 40), given)
    return EngineRequest(name, timeline, [Cue(0, song)], sampling)


def songs(model: MusicGen) -> list[EngineRequest]:
    """Five requests: greedy, drawn, without guidance, with a negative prompt, resumed and longer than a window."""
    return [
        request(model, "greedy", condition(model, "slow piano"), 30, SamplingParameters(1, temperature=0.0)),
        request(model, "drawn", condition(model, "fast drums and bass"), 50, SamplingParameters(2, top_k=20)),
        request(model, "unguided", condition(model, "choir"), 25, SamplingParameters(3, guidance_scale=1.0)),
        request(model, "negative", condition(model, "strings", "noise"), 33, SamplingParameters(4, top_p=0.8)),
        request(model, "resumed", condition(model, "guitar"), 80, SamplingParameters(5), known=37),
    ]


def run(runtime: Runtime, requests: list[EngineRequest], cancelled: str = "") -> dict[str, list[Tokens]]:
    """Requests join one by one, every seven steps; one is cancelled after twenty."""
    engine = Engine(Scheduler(runtime.slots, prefill_chunk=16), runtime.runner)
    waiting, made, step = list(requests), {one.id: [] for one in requests}, 0
    while waiting or not engine.idle:
        if waiting and step % 7 == 0:
            engine.add(waiting.pop(0))
        if step == 20 and cancelled:
            engine.cancel(cancelled)
        for output in engine.step():
            assert isinstance(output, StepOutput), output
            made[output.request_id] += output.frames
        step += 1
    return made


@RUNTIMES
def test_songs_that_join_and_leave_are_those_of_the_reference_alone(build_runtime: Builder, model: MusicGen) -> None:
    runtime = build_runtime(model)
    made = run(runtime, songs(model))
    for one in songs(model):
        alone = run(torch_runtime(model, 1), [one])
        assert made[one.id] == alone[one.id], one.id
    runtime.close()


@RUNTIMES
def test_a_cancelled_song_disturbs_nobody(build_runtime: Builder, model: MusicGen) -> None:
    whole = run(build_runtime(model), songs(model))
    made = run(build_runtime(model), songs(model), cancelled="drawn")
    begun, song = made.pop("drawn"), whole.pop("drawn")
    assert 0 < len(begun) < len(song)
    assert begun == song[: len(begun)]
    assert made == whole


@RUNTIMES
def test_melody_models_read_their_prefix_in_every_runtime(build_runtime: Builder, melody_model: MusicGen) -> None:
    runtime = build_runtime(melody_model)
    sampling = SamplingParameters(6, top_k=30)
    made = run(runtime, [request(melody_model, "melody", condition(melody_model, "flute"), 40, sampling)])
    alone = run(
        torch_runtime(melody_model, 1),
        [request(melody_model, "melody", condition(melody_model, "flute"), 40, sampling)],
    )
    assert made == alone


def styled_songs(model: MusicGen) -> list[EngineRequest]:
    """Four requests that need all three rows, those of words alone, those of the style, and one."""
    greedy = SamplingParameters(4, temperature=0.0, guidance_scale=1.0)
    return [
        request(model, "doubly", in_the_manner(model, "flute", 1), 30, SamplingParameters(1, guidance_beta=4.0)),
        request(model, "words", condition(model, "fast drums"), 40, SamplingParameters(2, top_k=20)),
        request(
            model,
            "pushed",
            in_the_manner(model, "choir", 2),
            25,
            SamplingParameters(3, guidance_scale=1.0, guidance_beta=3.0),
        ),
        request(model, "alone", in_the_manner(model, "strings", 3, "noise"), 30, greedy, known=11),
    ]


@RUNTIMES
def test_songs_of_one_two_and_three_rows_share_a_style_models_engine(
    build_runtime: Builder, style_model: MusicGen
) -> None:
    runtime = build_runtime(style_model)
    whole = run(runtime, styled_songs(style_model))
    for one in styled_songs(style_model):
        assert whole[one.id] == run(torch_runtime(style_model, 1), [one])[one.id], one.id
    made = run(runtime, styled_songs(style_model), cancelled="words")
    begun, song = made.pop("words"), whole.pop("words")
    assert 0 < len(begun) < len(song)
    assert begun == song[: len(begun)]
    assert made == whole
    runtime.close()


def test_the_word_and_the_style_both_lead_a_song(style_model: MusicGen) -> None:
    def song(style: int, prompt: str, beta: float) -> list[Tokens]:
        sampling = SamplingParameters(1, temperature=0.0, guidance_beta=beta)
        asked = request(style_model, "one", in_the_manner(style_model, prompt, style), 20, sampling)
        return run(torch_runtime(style_model, 1), [asked])["one"]

    songs = [song(1, "flute", 4.0), song(2, "flute", 4.0), song(1, "drums", 4.0), song(1, "flute", 1.0)]
    assert all(one != other for index, one in enumerate(songs) for other in songs[:index])


@RUNTIMES
def test_a_condition_may_change_between_two_steps(build_runtime: Builder, model: MusicGen) -> None:
    first, second = condition(model, "slow piano"), condition(model, "many more words about loud guitars " * 8)

    def two(runtime: Runtime) -> dict[str, list[Tokens]]:
        song = request(model, "two", first, 40, SamplingParameters(7, temperature=0.0))
        song = EngineRequest("two", song.timeline, [Cue(0, first), Cue(20, second)], song.sampling)
        return run(runtime, [song])

    assert two(build_runtime(model)) == two(torch_runtime(model, 1))


@RUNTIMES
def test_teacher_forced_logits_stay_within_a_hundred_thousandth(build_runtime: Builder, model: MusicGen) -> None:
    runtime, reference = build_runtime(model), torch_runtime(model, SLOTS)
    song = condition(model, "slow piano")
    for runner in (runtime.runner, reference.runner):
        runner.condition(1, song)
    generator = torch.Generator().manual_seed(8)
    worst = 0.0
    for step in range(100):
        tokens = tuple(torch.randint(65, (4,), generator=generator).tolist())
        row = RowStep(1, step, tokens, SamplingParameters(1), step)
        expected = reference.runner.logits([row])  # type: ignore[attr-defined]
        answer = runtime.runner.logits([row])  # type: ignore[attr-defined]
        pair = answer[0] if isinstance(answer, torch.Tensor) else [torch.from_numpy(part[0]) for part in answer]
        worst = max(worst, *((pair[side] - expected[2 + side]).abs().max().item() for side in range(2)))
    print(f"\n{runtime.name}: worst error {worst:.1e}")
    assert worst <= 1e-5


@RUNTIMES
def test_the_codec_of_a_runtime_streams_what_the_reference_decodes(build_runtime: Builder, model: MusicGen) -> None:
    runtime, reference = build_runtime(model), torch_runtime(model, 1)
    codes = torch.randint(64, (4, 64), generator=torch.Generator().manual_seed(4))
    pieces = []
    for codec in (runtime.codec, reference.codec):
        state = codec.initial_state()
        parts = [codec.stream(codes[:, first : first + 20], state, last=False) for first in range(0, 60, 20)]
        pieces.append(torch.cat([*parts, codec.stream(codes[:, 60:], state, last=True)], dim=1))
    assert (pieces[0] - pieces[1]).abs().max() <= 1e-5


def test_auto_gives_a_small_model_the_reference_and_a_wish_for_int8_openvino(model: MusicGen, tmp_path: Path) -> None:
    machine = Machine(cores=1, memory_bytes=2**34, gpu=None, openvino=True, bfloat16=False)
    assert select_runtime(model, machine=machine).name == "torch-cpu"
    own = build()
    wished = select_runtime(own, Wish(weights="int8", slots=2), cache=tmp_path, machine=machine)
    assert (wished.name, wished.precision, wished.slots) == ("openvino", "int8/float16", 2)
    assert len(list(tmp_path.iterdir())) == 1
    made = run(wished, [request(own, "one", condition(own, "slow piano"), 20, SamplingParameters(1))])
    assert len(made["one"]) == 20
    wished.close()


def test_a_runtime_that_cannot_be_built_gives_way_to_the_reference(model: MusicGen) -> None:
    # There is no GPU here, whatever the machine says.
    from services.generation.runtimes.machine import Gpu

    machine = Machine(cores=2, memory_bytes=2**34, gpu=Gpu("imaginary", 2**36, True), openvino=False, bfloat16=False)
    runtime = select_runtime(model, machine=machine)
    assert (runtime.name, runtime.precision) == ("torch-cpu", "float32")


def test_released_weights_leave_what_conditions_songs() -> None:
    own = build()
    before = condition(own, "slow piano").memories[0]
    held = sum(parameter.numel() for parameter in own.decoder.parameters())
    release_dense_weights(own.decoder)
    after = condition(own, "slow piano").memories[0]
    assert before is not None
    assert after is not None
    assert torch.equal(before.keys, after.keys)
    assert sum(parameter.numel() for parameter in own.decoder.parameters()) < held / 4
