"""A style model with random weights, as its publishers have it: audiocraft's layout, T5 and MERT beside it.

There is no transformers model to hold it to. Its encoder is transformers' `HubertModel`, whose shape MERT has; of
the conditioner there is `ReferenceConditioner`, written from the paper's formulas (arXiv 2407.12563) with torch's own
layers; its decoder reads what stands in front of it, as a melody model's does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.support.audiocraft_checkpoints import write_audiocraft
from tests.support.checkpoints import DECODER, randomise

# 320 samples to a frame, as MERT has them, in three steps instead of seven.
ENCODER: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "conv_dim": [12, 12, 16],
    "conv_kernel": [10, 9, 8],
    "conv_stride": [5, 8, 8],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
# `m-a-p/MERT-v1-95M`.
REAL_ENCODER: dict[str, Any] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
}
SAMPLE_RATE = 24_000


def build_encoder(sizes: Mapping[str, Any] = ENCODER, seed: int = 5) -> Any:
    """transformers' HuBERT."""
    import transformers

    model: Any = transformers.HubertModel(transformers.HubertConfig(**sizes))
    randomise(model, seed)
    return model.eval()


def encoder_state(model: Any, *, old_names: bool = False) -> dict[str, Tensor]:
    """Its tensors; `old_names` spells the weight-normed convolution as torch did before 2.0, and MERT's file does."""
    state = {}
    for name, tensor in model.state_dict().items():
        if old_names:
            name = name.replace("parametrizations.weight.original0", "weight_g")  # noqa: PLW2901
            name = name.replace("parametrizations.weight.original1", "weight_v")  # noqa: PLW2901
        state[name] = tensor
    return state


def encoder_document(model: Any) -> dict[str, Any]:
    """A `config.json` as MERT's: HuBERT's fields, and some of its own."""
    return {
        **model.config.to_dict(),
        "model_type": "mert_model",
        "auto_map": {"AutoModel": "modeling_MERT.MERTModel"},
        "attention_relax": -1.0,
        "deepnorm": False,
        "feature_extractor_cqt": False,
        "sample_rate": SAMPLE_RATE,
    }


def write_encoder(folder: Path, model: Any) -> Path:
    """MERT's folder, pickled as its publishers have it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(encoder_document(model)))
    torch.save(encoder_state(model, old_names=True), folder / "pytorch_model.bin")
    return folder


class ReferenceConditioner(nn.Module):
    """The conditioner by its formulas, under audiocraft's names."""

    def __init__(
        self,
        hears: int = 24,
        size: int = 32,
        output: int = DECODER["hidden_size"],
        *,
        heads: int = 8,
        layers: int = 2,
        bins: int = 64,
        seed: int = 6,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(hears, size)
        each = [
            nn.TransformerEncoderLayer(
                size, heads, 4 * size, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        ]
        self.transformer = nn.ModuleDict({"layers": nn.ModuleList(each)})
        self._layers = each
        self.batch_norm = nn.BatchNorm1d(size, affine=False)
        self.output_proj = nn.Linear(size, output)
        generator = torch.Generator().manual_seed(seed)
        randomise(self, seed)
        with torch.no_grad():
            for layer in each:
                # audiocraft's have no biases but those of their norms.
                for bias in (
                    layer.self_attn.in_proj_bias,
                    layer.self_attn.out_proj.bias,
                    layer.linear1.bias,
                    layer.linear2.bias,
                ):
                    bias.zero_()
            assert self.batch_norm.running_mean is not None
            assert self.batch_norm.running_var is not None
            self.batch_norm.running_mean.normal_(0.0, 0.5, generator=generator)
            self.batch_norm.running_var.uniform_(0.5, 2.0, generator=generator)
        # Entries that get finer with each codebook, so that each of them matters.
        self.books = [torch.randn(bins, size, generator=generator) * 0.7**index for index in range(6)]
        self.eval()

    @torch.no_grad()
    def normed(self, vectors: Tensor) -> Tensor:
        """What is quantized, `[T, d]`."""
        x = self.embed(vectors)
        half = x.shape[1] // 2
        places = torch.empty_like(x)
        for position in range(len(x)):
            for index in range(half):
                angle = position / 10_000 ** (index / (half - 1))
                places[position, index], places[position, half + index] = math.cos(angle), math.sin(angle)
        x = (x + places)[None]
        for layer in self._layers:
            x = layer(x)
        normed: Tensor = self.batch_norm(x.transpose(1, 2)).transpose(1, 2)[0]
        return normed

    @torch.no_grad()
    def forward(self, vectors: Tensor, codebooks: int) -> Tensor:
        """An encoder's vectors to what stands in front of the song, `[ceil(T / 15), output]`."""
        left = self.normed(vectors)
        rounded = torch.zeros_like(left)
        for book in self.books[:codebooks]:
            for row in range(len(left)):
                nearest = book[(left[row] - book).square().sum(dim=1).argmin()]
                rounded[row] += nearest
                left[row] -= nearest
        out: Tensor = self.output_proj(rounded[::15])
        return out

    def state(self) -> dict[str, Tensor]:
        """Its tensors in audiocraft's checkpoint, below `self_wav`."""
        state = {name: tensor for name, tensor in self.state_dict().items() if "_bias" not in name}
        state = {
            name: tensor
            for name, tensor in state.items()
            if not name.startswith("transformer.") or not name.endswith(".bias") or ".norm" in name
        }
        for index, book in enumerate(self.books):
            place = f"rvq.vq.layers.{index}._codebook."
            state |= {
                f"{place}embed": book,
                f"{place}embed_avg": book,
                f"{place}cluster_size": torch.ones(len(book)),
                f"{place}inited": torch.ones(1),
            }
        return state


def style_settings(**changed: Any) -> dict[str, Any]:
    """What audiocraft's settings say about a style model (its `config/conditioner/style2music.yaml`)."""
    style = {
        "model_name": "mert",
        "transformer_scale": "default",
        "sample_rate": 32_000,
        "length": 3.0,
        "ds_factor": 15,
        "n_q_out": 6,
        "eval_q": 3,
        "bins": 1024,
        "batch_norm": True,
        **changed,
    }
    return {
        "conditioners": {
            "self_wav": {"model": "style", "style": style},
            "description": {"model": "t5", "t5": {"name": "t5-base"}},
        },
        "fuser": {"sum": [], "prepend": ["self_wav", "description"], "cross": [], "input_interpolate": []},
    }


def write_style_model(folder: Path, melody_folder: Path, reference: Any) -> Path:
    """The whole model, its decoder a melody model's; T5 and MERT stand beside it."""
    self_wav = ReferenceConditioner().state()
    write_audiocraft(melody_folder, folder, reference, self_wav=self_wav, more_settings=style_settings())
    write_encoder(folder.parent / "MERT-v1-95M", build_encoder())
    return folder
