"""Style models against transformers' HuBERT, torch's own layers and the formulas of double guidance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from services.generation.engine.engine import RowStep
from services.generation.engine.request import SamplingParameters
from services.generation.engine.runner import TorchRunner
from services.generation.models.audiocraft_layout import language_model_state
from services.generation.models.checkpoint import load_model, open_checkpoint
from services.generation.models.tokenizer import read_tokenizer
from services.generation.models.transformers_layout import mert_configuration
from services.generation.musicgen.conditioning import Conditioner
from services.generation.musicgen.configuration import StyleConfiguration
from services.generation.musicgen.mert import Mert
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.sampler import guide, with_words
from services.generation.musicgen.style import StyleConditioner
from services.generation.musicgen.style_limits import style_excerpt
from services.shared.errors import AppError
from tests.support.style_models import (
    REAL_ENCODER,
    SAMPLE_RATE,
    ReferenceConditioner,
    build_encoder,
    encoder_document,
)

PROMPT = "warm soft piano with slow strings in the rain"


def excerpt(seconds: float = 3.0) -> np.ndarray:
    """A few seconds of something that changes."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(1).normal(0.0, 0.05, len(time))
    return (0.4 * np.sin(2 * np.pi * 220 * time * (1 + 0.2 * time)) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def model(style_folder: Path) -> MusicGen:
    return load_model(open_checkpoint(style_folder))


@pytest.fixture(scope="module")
def conditioner(model: MusicGen, style_folder: Path) -> Conditioner:
    tokenizer = read_tokenizer([style_folder / "text_encoder"], model.configuration.text.vocabulary)
    return Conditioner(model, tokenizer)


def vectors_of_both(ours: Mert, theirs: Any, wave: np.ndarray) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(wave)[None]).last_hidden_state[0]
    return ours(torch.from_numpy(wave)), expected


def test_the_encoder_of_a_pickle_hears_what_transformers_hubert_hears(model: MusicGen) -> None:
    assert model.style_encoder is not None
    found, expected = vectors_of_both(model.style_encoder, build_encoder(), excerpt())
    error = (found - expected).abs().max().item()
    print(f"\nworst error {error:.1e} of vectors up to {expected.abs().max():.1f}")
    assert found.shape == (224, 24)
    assert error <= 1e-4


@pytest.mark.slow
def test_the_encoder_at_its_real_size_hears_what_transformers_hubert_hears() -> None:
    theirs = build_encoder(REAL_ENCODER)
    ours = Mert(mert_configuration(Path("config.json"), encoder_document(theirs)))
    state = {name: tensor for name, tensor in theirs.state_dict().items() if name != "masked_spec_embed"}
    place = "encoder.pos_conv_embed.conv.parametrizations.weight.original"
    gain, direction = state.pop(f"{place}0"), state.pop(f"{place}1")
    state["encoder.pos_conv_embed.conv.weight"] = gain * direction / direction.norm(dim=(0, 1), keepdim=True)
    ours.load_state_dict(state)
    found, expected = vectors_of_both(ours, theirs, excerpt())
    error = (found - expected).abs().max().item()
    print(f"\nworst error {error:.1e} of vectors up to {expected.abs().max():.1f}")
    assert found.shape == (224, 768)
    assert error <= 1e-4


@pytest.mark.parametrize("codebooks", [1, 3, 6])
def test_what_stands_in_front_of_the_song_is_what_the_formulas_give(codebooks: int, conditioner: Conditioner) -> None:
    with torch.inference_mode():
        heard = build_encoder()(torch.from_numpy(excerpt())[None]).last_hidden_state[0]
    expected = ReferenceConditioner()(heard, codebooks)
    found = conditioner.style(excerpt(), codebooks)
    error = (found - expected).abs().max().item()
    print(f"\n{codebooks} codebooks: worst error {error:.1e} of vectors up to {expected.abs().max():.1f}")
    assert found.shape == (15, 48)
    assert error <= 1e-5


def test_each_codebook_lets_more_through_and_three_are_usual(conditioner: Conditioner) -> None:
    one, usual, all_of_them = (conditioner.style(excerpt(), codebooks) for codebooks in (1, None, 6))
    assert torch.equal(usual, conditioner.style(excerpt(), 3))
    assert not torch.allclose(one, usual)
    assert not torch.allclose(usual, all_of_them)


@pytest.mark.slow
def test_the_conditioner_at_its_real_size_is_what_the_formulas_give() -> None:
    theirs = ReferenceConditioner(768, 512, 1536, layers=8, bins=1024)
    encoder = mert_configuration(Path("config.json"), encoder_document(build_encoder(REAL_ENCODER)))
    ours = StyleConditioner(StyleConfiguration(encoder, 512, 8, 8, 2048, 1024))
    place = "condition_provider.conditioners.self_wav."
    renamed = language_model_state({f"{place}{name}": tensor for name, tensor in theirs.state().items()})
    own = {name.removeprefix("style_conditioner."): tensor for name, tensor in renamed.items()}
    ours.load_state_dict({name: tensor for name, tensor in own.items() if name in ours.state_dict()})
    heard = torch.randn(224, 768, generator=torch.Generator().manual_seed(2))
    error = (ours.normed(heard)[0] - theirs.normed(heard)).abs().max().item()
    print(f"\nbefore quantization: worst error {error:.1e}")
    assert error <= 1e-4
    with torch.inference_mode():
        projected = theirs.output_proj(ours(heard, 6))
    assert projected.shape == (15, 1536)
    assert (projected - theirs(heard, 6)).abs().max().item() <= 1e-4


def test_the_three_rows_of_a_song_are_those_of_transformers_decoder(
    model: MusicGen, conditioner: Conditioner, style_folder: Path, reference: Callable[[str], Any]
) -> None:
    theirs = reference("melody")
    style = conditioner.style(excerpt())
    condition = conditioner.conditions([PROMPT], style=style)[0]
    ids = Tokenizer.from_file(str(style_folder / "text_encoder" / "tokenizer.json")).encode(PROMPT).ids
    inputs = torch.randint(2048, (40, 4), generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        words = theirs.enc_to_dec_proj(theirs.text_encoder(input_ids=torch.tensor([ids])).last_hidden_state)[0]
        silence = torch.zeros_like(style), torch.zeros_like(words)
        expected = []
        for prefix in ((style, words), (style, silence[1]), silence):
            answer = theirs.decoder(input_ids=inputs.T, encoder_hidden_states=torch.cat(prefix)[None]).logits
            expected.append(answer.reshape(4, -1, answer.shape[-1])[:, -len(inputs) :].transpose(0, 1))
    runner = TorchRunner(model.decoder, 2)
    runner.condition(1, condition)
    for first in range(0, condition.prefix_length, 7):
        runner.fill_prefix(1, first, min(7, condition.prefix_length - first))
    worst = guided_worst = 0.0
    sampling = SamplingParameters(1, guidance_scale=3.0, guidance_beta=5.0)
    for step in range(len(inputs)):
        row = RowStep(1, step, tuple(inputs[step].tolist()), sampling, step)
        logits = runner.logits([row])
        worst = max(worst, *((logits[3 + side] - expected[side][step]).abs().max().item() for side in range(3)))
        both, alone, nothing = (one[step] for one in expected)
        doubly = nothing + 3.0 * (alone + 5.0 * (both - alone) - nothing)
        conditional, unconditional = runner.predictions([row])
        guided = guide(conditional, unconditional, torch.tensor([3.0]))[0]
        guided_worst = max(guided_worst, (guided - doubly).abs().max().item())
    print(f"\nworst error {worst:.1e} of a row, {guided_worst:.1e} of what is drawn from")
    assert worst <= 1e-4
    assert guided_worst <= 1e-3


def test_without_a_style_a_song_is_led_by_its_words_alone(model: MusicGen, conditioner: Conditioner) -> None:
    prefix = conditioner.conditions([PROMPT])[0].prefix
    assert prefix is not None
    words = conditioner.text(PROMPT)
    assert prefix.shape == (3, 1 + len(words), 48)
    assert torch.equal(prefix[0, 1:], words)
    assert not prefix[:, 0].any()
    assert not prefix[1:].any()


def test_a_negative_prompt_stands_in_the_last_row(conditioner: Conditioner) -> None:
    style, unwanted = conditioner.style(excerpt()), conditioner.text("loud drums")
    prefix = conditioner.conditions([PROMPT], "loud drums", style=style)[0].prefix
    assert prefix is not None
    assert torch.equal(prefix[2, len(style) : len(style) + len(unwanted)], unwanted)
    assert not prefix[2, : len(style)].any()
    assert not prefix[1, len(style) :].any()


def test_double_guidance_of_one_song_leaves_the_others_of_its_batch_as_they_are() -> None:
    rows = torch.randn(3, 3, 4, 16, generator=torch.Generator().manual_seed(3))
    led = with_words(rows, [1.0, 5.0, 1.0])
    assert torch.equal(led[0], rows[0, 0])
    assert torch.equal(led[2], rows[2, 0])
    assert torch.allclose(led[1], rows[1, 1] + 5.0 * (rows[1, 0] - rows[1, 1]))
    assert torch.equal(with_words(rows[:, :2], [1.0, 5.0, 1.0]), rows[:, 0])


def test_text_models_follow_no_style(conditioner: Conditioner, model: MusicGen) -> None:
    from services.generation.models import debug
    from services.generation.musicgen.text_conditioner import HashTokenizer

    other = debug.build()
    theirs = Conditioner(other, HashTokenizer(other.configuration.text.vocabulary))
    with pytest.raises(ValueError, match="styles"):
        theirs.style(excerpt())
    with pytest.raises(ValueError, match="styles"):
        theirs.conditions([PROMPT], style=torch.zeros(3, 64))
    with pytest.raises(ValueError, match="melodies"):
        conditioner.conditions([PROMPT], melodies=[torch.zeros(3)])


def test_the_middle_of_a_long_track_is_heard_and_all_of_a_short_one() -> None:
    assert style_excerpt(10.0, 3.0) == (3.5, 6.5)
    assert style_excerpt(2.0, 3.0) == (0.0, 2.0)
    with pytest.raises(AppError, match=r"1\.4 seconds long"):
        style_excerpt(1.4, 3.0)
