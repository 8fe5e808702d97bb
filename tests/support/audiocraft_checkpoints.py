"""transformers' random models in audiocraft's layout.

Written from its format by rules of their own (fairseq-like attention in one tensor, SEANet's Sequential, `vq.layers`),
so that the mapping is tested both ways.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor


def audiocraft_state(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Language model and codec of transformers' tensors, under audiocraft's names."""
    model: dict[str, Tensor] = {}
    codec: dict[str, Tensor] = {}
    attention = re.compile(r"decoder\.model\.decoder\.layers\.(\d+)\.(self|encoder)_attn\.(\w)_proj\.weight")
    packed: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name.startswith("text_encoder."):
            continue
        if name.startswith("audio_encoder."):
            half = name.removeprefix("audio_encoder.")
            half = half.replace("parametrizations.weight.original0", "weight_g")
            half = half.replace("parametrizations.weight.original1", "weight_v")
            if half.startswith("quantizer."):
                half = half.replace("quantizer.layers.", "quantizer.vq.layers.").replace(".codebook.", "._codebook.")
            else:
                side, _, index, rest = half.split(".", 3)
                kind = "convtr" if side == "decoder" and int(index) in (3, 6, 9, 12) else "conv"
                if not rest.startswith("lstm."):
                    rest = rest.replace("conv.", f"{kind}.{kind}.")
                half = f"{side}.model.{index}.{rest}"
            codec[half] = tensor
            continue
        if found := attention.fullmatch(name):
            packed.setdefault((found[1], found[2]), {})[found[3]] = tensor
            continue
        for ours, theirs in (
            (r"^decoder\.model\.decoder\.embed_tokens\.(\d+)", r"emb.\1"),
            (r"^decoder\.lm_heads\.(\d+)", r"linears.\1"),
            (r"^decoder\.model\.decoder\.layer_norm", "out_norm"),
            (r"^enc_to_dec_proj", "condition_provider.conditioners.description.output_proj"),
            (r"^audio_enc_to_dec_proj", "condition_provider.conditioners.self_wav.output_proj"),
            (r"^decoder\.model\.decoder\.layers", "transformer.layers"),
            (r"\.self_attn_layer_norm", ".norm1"),
            (r"\.encoder_attn_layer_norm", ".norm_cross"),
            (r"\.final_layer_norm", ".norm2"),
            (r"\.fc([12])", r".linear\1"),
            (r"(self)_attn\.out_proj", r"\1_attn.out_proj"),
            (r"encoder_attn\.out_proj", "cross_attention.out_proj"),
        ):
            name = re.sub(ours, theirs, name)  # noqa: PLW2901
        model[name] = tensor
    for (layer, side), parts in packed.items():
        place = "self_attn" if side == "self" else "cross_attention"
        model[f"transformer.layers.{layer}.{place}.in_proj_weight"] = torch.cat([parts[part] for part in "qkv"])
    return model, codec


def write_audiocraft(
    source: Path,
    target: Path,
    reference: Any,
    *,
    codec: bool = True,
    self_wav: dict[str, Tensor] | None = None,
    more_settings: dict[str, Any] | None = None,
) -> Path:
    """The model of a folder as audiocraft exports it, with its T5 beside it.

    `self_wav` stands where the melody conditioner was, with its `more_settings`.
    """
    document = json.loads((source / "config.json").read_text())
    model, codec_state = audiocraft_state(load_file(source / "model.safetensors"))
    melody = document["model_type"] == "musicgen_melody"
    stereo = document["decoder"]["audio_channels"] == 2
    if melody:
        model["condition_provider.conditioners.self_wav.chroma.fbanks"] = torch.zeros(12, 3)
    settings = {
        "transformer_lm": {"n_q": 4, "card": 2048, "dim": 48, "num_heads": 4, "num_layers": 3, "activation": "gelu"},
        "conditioners": {"description": {"model": "t5", "t5": {"name": "t5-base"}}},
        "interleave_stereo_codebooks": {"use": stereo},
        "channels": 2 if stereo else 1,
    }
    if self_wav is not None:
        place = "condition_provider.conditioners.self_wav."
        model = {name: tensor for name, tensor in model.items() if not name.startswith(place)}
        model |= {f"{place}{name}": tensor for name, tensor in self_wav.items()}
        settings |= more_settings or {}
    codec_settings = {
        "sample_rate": 32_000,
        "channels": 1,
        "seanet": {"dimension": 16, "n_filters": 4, "ratios": [8, 5, 4, 4], "lstm": 2, "norm": "weight_norm",
                   "causal": False, "true_skip": True, "n_residual_layers": 1, "pad_mode": "reflect"},
        "rvq": {"n_q": 4, "bins": 2048},
        "encodec": {"renormalize": False},
    }  # fmt: skip
    target.mkdir(parents=True)
    torch.save({"best_state": model, "xp.cfg": yaml.safe_dump(settings), "version": "1.3.0"}, target / "state_dict.bin")
    content = (
        {"best_state": codec_state, "xp.cfg": yaml.safe_dump(codec_settings)}
        if codec
        else {"pretrained": "facebook/encodec_32khz"}
    )
    torch.save(content, target / "compression_state_dict.bin")
    reference.text_encoder.save_pretrained(target.parent / "t5-base")
    shutil.copyfile(source / "tokenizer.json", target.parent / "t5-base" / "tokenizer.json")
    return target
