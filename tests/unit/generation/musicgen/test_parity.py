"""Against transformers on the same weights, read from the folder that it wrote. Measured errors are printed (-s)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from services.generation.engine.engine import Engine, RowStep, StepOutput
from services.generation.engine.request import Cue, EngineRequest, SamplingParameters
from services.generation.engine.runner import TorchRunner
from services.generation.engine.scheduler import Scheduler
from services.generation.engine.timeline import Timeline, Tokens, Windows
from services.generation.models.checkpoint import load_model, open_checkpoint
from services.generation.models.tokenizer import read_tokenizer
from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.conditioning import Conditioner, SongCondition
from services.generation.musicgen.configuration import ChromaConfiguration
from services.generation.musicgen.delay_pattern import DelayPattern
from services.generation.musicgen.melody import chroma_filters, pitch_classes
from services.generation.musicgen.model import MusicGen

PROMPT = "warm soft piano with slow strings in the rain"
STEPS = 200
KINDS = ("mono", "stereo", "melody", "stereo-melody")
MELODY = torch.arange(30) * 5 % 12


@pytest.fixture(scope="session")
def ours(folder: Callable[[str], Path]) -> Callable[[str], MusicGen]:
    loaded: dict[str, MusicGen] = {}

    def get(kind: str) -> MusicGen:
        if kind not in loaded:
            loaded[kind] = load_model(open_checkpoint(folder(kind)))
        return loaded[kind]

    return get


def ids_of(folder: Path) -> Tensor:
    return torch.tensor([Tokenizer.from_file(str(folder / "tokenizer.json")).encode(PROMPT).ids])


def condition_of(model: MusicGen, folder: Path, kind: str) -> SongCondition:
    tokenizer = read_tokenizer([folder], model.configuration.text.vocabulary)
    melodies = [MELODY] if "melody" in kind else None
    return Conditioner(model, tokenizer).conditions([PROMPT], melodies=melodies)[0]


def chroma() -> Tensor:
    return torch.nn.functional.one_hot(MELODY, 12).float()[None]


@torch.inference_mode()
def reference_logits(model: Any, folder: Path, kind: str, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Teacher-forced logits `[T, K, V]` of transformers, with the prompt and with its null condition."""
    ids = ids_of(folder)
    states = model.text_encoder(input_ids=ids).last_hidden_state
    states = model.enc_to_dec_proj(states)
    answers = []
    books = inputs.shape[1]
    for row in range(2):
        text = states if row == 0 else torch.zeros_like(states)
        if "melody" in kind:
            tones = chroma() if row == 0 else torch.zeros_like(chroma())
            if row == 1:
                tones[..., 0] = 1.0
            tones = model.audio_enc_to_dec_proj(tones)[:, : model.config.chroma_length]
            text = torch.cat([tones, text], dim=1)
        logits = model.decoder(input_ids=inputs.T.reshape(books, -1), encoder_hidden_states=text).logits
        answers.append(logits.reshape(books, -1, logits.shape[-1])[:, -len(inputs) :].transpose(0, 1))
    return answers[0], answers[1]


@pytest.mark.parametrize("kind", KINDS)
def test_logits_equal_transformers_at_every_step_of_a_teacher_forced_run(
    kind: str, ours: Callable[[str], MusicGen], reference: Callable[[str], Any], folder: Callable[[str], Path]
) -> None:
    model = ours(kind)
    books = model.configuration.decoder.codebooks
    inputs = torch.randint(2048, (STEPS, books), generator=torch.Generator().manual_seed(7))
    expected = reference_logits(reference(kind), folder(kind), kind, inputs)
    runner = TorchRunner(model.decoder, 2)
    condition = condition_of(model, folder(kind), kind)
    runner.condition(1, condition)
    for first in range(0, condition.prefix_length, 7):
        runner.fill_prefix(1, first, min(7, condition.prefix_length - first))
    worst = 0.0
    for step in range(STEPS):
        row = RowStep(1, step, tuple(inputs[step].tolist()), SamplingParameters(1), step)
        logits = runner.logits([row])
        worst = max(worst, *((logits[2 + side] - expected[side][step]).abs().max().item() for side in range(2)))
    spread = expected[0].abs().max().item()
    print(f"\n{kind}: worst logit error over {STEPS} steps {worst:.2e} (logits up to {spread:.1f})")
    assert worst <= 1e-4


def run(model: MusicGen, condition: SongCondition, frames: int, sampling: SamplingParameters) -> list[Tokens]:
    configuration = model.configuration
    timeline = Timeline(model.pattern, configuration.decoder.pad_token, frames, Windows(1500, 900))
    engine = Engine(Scheduler(2, prefill_chunk=16), TorchRunner(model.decoder, 2))
    engine.add(EngineRequest("song", timeline, [Cue(0, condition)], sampling))
    made: list[Tokens] = []
    while not engine.idle:
        for output in engine.step():
            assert isinstance(output, StepOutput)
            made += output.frames
    return made


@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("kind", KINDS)
def test_greedy_tokens_equal_transformers_generate_with_and_without_guidance(
    kind: str,
    scale: float,
    ours: Callable[[str], MusicGen],
    reference: Callable[[str], Any],
    folder: Callable[[str], Path],
) -> None:
    model, theirs = ours(kind), reference(kind)
    longest = model.pattern.longest
    frames = 40
    theirs.generation_config.pad_token_id = 2048
    theirs.generation_config.bos_token_id = 2048
    theirs.generation_config.decoder_start_token_id = 2048
    captured: list[Tensor] = []

    passes = 2 if "stereo" in kind else 1

    def capture(audio_codes: Tensor, *_: Any, **__: Any) -> Any:
        """Stands where the codec would: the tokens are what is compared."""
        captured.append(audio_codes)
        if len(captured) == passes:
            raise StopIteration
        return SimpleNamespace(audio_values=torch.zeros(1, 1, 640))

    ids = ids_of(folder(kind))
    more: dict[str, Any] = {"input_features": chroma()} if "melody" in kind else {}
    decode, theirs.audio_encoder.decode = theirs.audio_encoder.decode, capture
    try:
        theirs.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            guidance_scale=scale if scale > 1 else None,
            max_length=frames + longest + 1,
            **more,
        )
    except StopIteration:
        pass
    finally:
        theirs.audio_encoder.decode = decode
    condition = condition_of(model, folder(kind), kind)
    mine = run(model, condition, frames, SamplingParameters(0, guidance_scale=scale, temperature=0.0))
    columns = torch.tensor(mine)
    # Of stereo the left channel's codebooks are decoded first, then the right one's.
    assert len(captured) == passes
    for index, codes in enumerate(captured):
        expected = codes[0, 0].T
        count = min(len(expected), frames)
        assert count >= frames - longest
        assert torch.equal(columns[:count, index::passes], expected[:count])


def test_prompt_gives_the_same_conditioning_as_transformers(
    ours: Callable[[str], MusicGen], reference: Callable[[str], Any], folder: Callable[[str], Path]
) -> None:
    model, theirs = ours("mono"), reference("mono")
    tokenizer = read_tokenizer([folder("mono")], model.configuration.text.vocabulary)
    ids = ids_of(folder("mono"))
    assert tokenizer.encode(PROMPT) == ids[0].tolist()
    with torch.inference_mode():
        expected = theirs.enc_to_dec_proj(theirs.text_encoder(input_ids=ids).last_hidden_state)[0]
    error = (Conditioner(model, tokenizer).text(PROMPT) - expected).abs().max().item()
    print(f"\nconditioning: worst error {error:.2e}")
    assert error <= 1e-5


def test_codec_decodes_as_transformers_does(ours: Callable[[str], MusicGen], reference: Callable[[str], Any]) -> None:
    codes = torch.randint(2048, (4, 75), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = reference("mono").audio_encoder.decode(codes[None, None], [None]).audio_values[0]
    mine = AudioCodec(ours("mono").audio_encoder, 1).decode(codes)
    error = (mine - expected).abs().max().item()
    print(f"\ncodec decode: worst error {error:.2e} (audio up to {expected.abs().max():.2f})")
    assert mine.shape == expected.shape
    assert error <= 1e-4


@pytest.mark.parametrize("samples", [640 * 40, 640 * 40 + 123, 501])
def test_codec_encodes_as_transformers_does(
    samples: int, ours: Callable[[str], MusicGen], reference: Callable[[str], Any]
) -> None:
    audio = torch.randn(1, samples, generator=torch.Generator().manual_seed(5)) * 0.3
    theirs = reference("mono").audio_encoder
    with torch.inference_mode():
        latents = theirs.encoder(audio[None])
        expected = theirs.quantizer.encode(latents, theirs.config.target_bandwidths[0])[:, 0]
    codec = ours("mono").audio_encoder
    with torch.inference_mode():
        error = (codec.encoder(audio[None]) - latents).abs().max().item()
    print(f"\ncodec encode: worst latent error {error:.2e}")
    assert error <= 1e-4
    assert torch.equal(AudioCodec(codec, 1).encode(audio), expected)


def test_stereo_takes_its_channels_from_alternating_codebooks(ours: Callable[[str], MusicGen]) -> None:
    codec = ours("stereo").audio_encoder
    codes = torch.randint(2048, (8, 30), generator=torch.Generator().manual_seed(3))
    stereo = AudioCodec(codec, 2)
    whole = stereo.decode(codes)
    assert torch.equal(whole[0], codec.decode(codes[0::2])[0])
    assert torch.equal(whole[1], codec.decode(codes[1::2])[0])
    state = stereo.initial_state()
    pieces = [stereo.stream(codes[:, a : a + 7], state, last=a + 7 >= 30) for a in range(0, 30, 7)]
    assert (torch.cat(pieces, dim=1) - whole).abs().max() <= 1e-4
    audio = torch.randn(2, 640 * 10, generator=torch.Generator().manual_seed(1)) * 0.3
    encoded = stereo.encode(audio)
    assert torch.equal(encoded[0::2], codec.encode(audio[:1]))
    assert torch.equal(encoded[1::2], codec.encode(audio[1:]))


def test_delay_patterns_are_transformers_own(reference: Callable[[str], Any]) -> None:
    for kind, pattern in (("mono", DelayPattern.interleaved(4, 1)), ("stereo", DelayPattern.interleaved(8, 2))):
        books = len(pattern.delays)
        start = torch.full((books, 1), 2048)
        frames = 12
        _, mask = reference(kind).decoder.build_delay_pattern_mask(start, 2048, frames + pattern.longest + 1)
        live = torch.tensor([pattern.live(step, frames) for step in range(pattern.steps(frames))]).T
        # The mask holds the start token in front; −1 is to be predicted, the pad token is not.
        assert torch.equal(mask[:, 1 : 1 + live.shape[1]] == -1, live[:, : mask.shape[1] - 1])


def test_chroma_filters_are_librosas() -> None:
    from transformers.audio_utils import chroma_filter_bank

    expected = chroma_filter_bank(num_frequency_bins=16_384, num_chroma=12, sampling_rate=32_000, tuning=0.0)
    mine = chroma_filters(32_000, 16_384).numpy()
    error = np.abs(mine - expected).max()
    print(f"\nchroma filters: worst error {error:.2e}")
    assert mine.shape == expected.shape
    assert error <= 1e-6


@pytest.mark.parametrize(("midi", "name"), [(60, 0), (69, 9), (66, 6), (71, 11)])
def test_strongest_pitch_class_is_the_note_that_sounds(midi: int, name: int) -> None:
    time = np.arange(32_000 * 2) / 32_000
    wave = np.sin(2 * np.pi * 440.0 * 2 ** ((midi - 69) / 12) * time).astype(np.float32)
    classes = pitch_classes(wave, 32_000, ChromaConfiguration())
    assert set(classes[2:-2].tolist()) == {name}
