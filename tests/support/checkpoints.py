"""transformers' MusicGen with random weights at small dimensions, and its tokenizer, as folders on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import UnigramTrainer

TEXT: dict[str, Any] = {
    "vocab_size": 160, "d_model": 24, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 3, "dropout_rate": 0.0,
}  # fmt: skip
# `facebook/encodec_32khz` but for its width: 4 codebooks of 2,048 at 50 frames a second.
CODEC: dict[str, Any] = {
    "sampling_rate": 32_000,
    "audio_channels": 1,
    "num_filters": 4,
    "hidden_size": 16,
    "codebook_dim": 16,
    "codebook_size": 2048,
    "upsampling_ratios": [8, 5, 4, 4],
    "use_causal_conv": False,
    "use_conv_shortcut": False,
    "target_bandwidths": [2.2],
    "normalize": False,
}
DECODER: dict[str, Any] = {
    "vocab_size": 2048,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "ffn_dim": 96,
    "num_codebooks": 4,
    "activation_function": "gelu",
    "dropout": 0.0,
    "pad_token_id": 2048,
    "bos_token_id": 2048,
}
_TEXT = "warm soft piano with slow strings and a loud electric guitar over fast drums in the rain , lo-fi hip hop"
WORDS = tuple(_TEXT.split(" "))


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Weights with a spread at which every layer matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.1, generator=generator)
            elif "original0" in name:
                parameter.uniform_(0.5, 1.5, generator=generator)
            else:
                spread = 1.0 if "embed" in name or "shared" in name else parameter[0].numel() ** -0.5
                parameter.normal_(0.0, spread, generator=generator)
        for name, buffer in model.named_buffers():
            if name.endswith("codebook.embed"):
                buffer.normal_(0.0, 1.0, generator=generator)


def write_tokenizer(folder: Path) -> Tokenizer:
    """A small T5 tokenizer, trained here: Unigram over SentencePiece's spaces, with T5's special tokens."""
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(left=False, right=True)])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    trainer = UnigramTrainer(vocab_size=120, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    tokenizer.train_from_iterator([" ".join([*WORDS[i:], *WORDS[:i]]) for i in range(len(WORDS))], trainer)
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def build_reference(kind: str, seed: int = 1) -> Any:
    """transformers' model of a kind: mono, stereo, melody or stereo-melody."""
    import transformers

    decoder = {**DECODER, **({"num_codebooks": 8, "audio_channels": 2} if "stereo" in kind else {})}
    parts = {
        "text_encoder": transformers.T5Config(**TEXT),
        "audio_encoder": transformers.EncodecConfig(**CODEC),
    }
    if "melody" in kind:
        configuration = transformers.MusicgenMelodyConfig(
            decoder=transformers.MusicgenMelodyDecoderConfig(**decoder), **parts, chroma_length=20
        )
        model: Any = transformers.MusicgenMelodyForConditionalGeneration(configuration)
    else:
        configuration = transformers.MusicgenConfig(decoder=transformers.MusicgenDecoderConfig(**decoder), **parts)
        model = transformers.MusicgenForConditionalGeneration(configuration)
    randomise(model, seed)
    return model.eval()


def write_checkpoint(model: Any, folder: Path) -> Path:
    """The model and a tokenizer, as transformers writes them."""
    model.save_pretrained(folder, safe_serialization=True)
    write_tokenizer(folder)
    return folder
