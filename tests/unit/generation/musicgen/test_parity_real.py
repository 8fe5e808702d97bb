"""Against transformers at musicgen-small's real width (four layers) and the real 32 kHz codec, random weights."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
import torch

from services.generation.engine.engine import RowStep
from services.generation.engine.request import SamplingParameters
from services.generation.engine.runner import TorchRunner
from services.generation.models.checkpoint import load_model, open_checkpoint
from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.conditioning import SongCondition

REAL_CODEC: dict[str, Any] = {
    "num_filters": 64, "hidden_size": 128, "codebook_dim": 128, "codebook_size": 2048, "sampling_rate": 32_000,
    "upsampling_ratios": [8, 5, 4, 4], "use_causal_conv": False, "use_conv_shortcut": False,
    "target_bandwidths": [2.2], "normalize": False,
}  # fmt: skip
TINY_TEXT: dict[str, Any] = {"vocab_size": 64, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
STEPS = 200


def randomise(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.1, generator=generator)
            elif "original0" in name:
                parameter.uniform_(0.5, 1.0, generator=generator)
            else:
                parameter.normal_(0.0, parameter[0].numel() ** -0.5, generator=generator)
        for name, buffer in model.named_buffers():
            if name.endswith("codebook.embed"):
                buffer.normal_(0.0, 0.5, generator=generator)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_logits_and_codec_equal_transformers_at_real_dimensions(tmp_path: Path) -> None:
    import transformers

    configuration = transformers.MusicgenConfig(
        text_encoder=transformers.T5Config(**TINY_TEXT),
        audio_encoder=transformers.EncodecConfig(**REAL_CODEC),
        decoder=transformers.MusicgenDecoderConfig(num_codebooks=4, num_hidden_layers=4, dropout=0.0),
    )
    theirs: Any = transformers.MusicgenForConditionalGeneration(configuration).eval()
    randomise(theirs, 3)
    generator = torch.Generator().manual_seed(4)
    inputs = torch.randint(2048, (STEPS, 4), generator=generator)
    states = torch.randn(1, 12, 1024, generator=generator)
    codes = torch.randint(2048, (4, 50), generator=generator)
    audio = torch.randn(1, 640 * 25, generator=generator) * 0.3
    with torch.inference_mode():
        logits = theirs.decoder(input_ids=inputs.T.contiguous(), encoder_hidden_states=states).logits
        sound = theirs.audio_encoder.decode(codes[None, None], [None]).audio_values[0]
        latents = theirs.audio_encoder.encoder(audio[None])
    theirs.save_pretrained(tmp_path)
    del theirs
    gc.collect()
    model = load_model(open_checkpoint(tmp_path))
    runner = TorchRunner(model.decoder, 1)
    runner.condition(0, SongCondition(memories=(model.decoder.cross_memory(states[0]), None)))
    worst = 0.0
    for step in range(STEPS):
        mine = runner.logits([RowStep(0, step, tuple(inputs[step].tolist()), SamplingParameters(1), step)])[0]
        worst = max(worst, (mine - logits[:, step]).abs().max().item())
    codec = AudioCodec(model.audio_encoder, 1)
    decoded = (codec.decode(codes) - sound).abs().max().item()
    with torch.inference_mode():
        encoded = (model.audio_encoder.encoder(audio[None]) - latents).abs().max().item()
    state = codec.initial_state()
    pieces = [codec.stream(codes[:, a : a + 20], state, last=a == 40) for a in range(0, 50, 20)]
    streamed = (torch.cat(pieces, dim=1) - sound).abs().max().item()
    print(
        f"\nreal dimensions: logits {worst:.2e} over {STEPS} steps (up to {logits.abs().max():.1f}), decode "
        f"{decoded:.2e} (audio up to {sound.abs().max():.2f}), streamed {streamed:.2e}, encode {encoded:.2e} "
        f"(latents up to {latents.abs().max():.1f})"
    )
    assert worst <= 1e-4
    assert max(decoded, streamed, encoded) <= 1e-4
