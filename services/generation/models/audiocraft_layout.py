"""The layout that audiocraft's `export` writes, against transformers': names, shapes and settings.

`state_dict.bin` holds the language model (`emb.0.weight`, `transformer.layers.0.self_attn.in_proj_weight`, …) and
`compression_state_dict.bin` the codec (`decoder.model.0.conv.conv.weight_g`, …), each as `{"best_state": …, "xp.cfg":
YAML}`. The text encoder is not among them: audiocraft fetches it by name (`t5-base`). Names go by rules; only the
queries, keys and values of an attention are one tensor there and three here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

_LANGUAGE_MODEL = (
    (r"^emb\.(\d+)\.", r"decoder.model.decoder.embed_tokens.\1."),
    (r"^linears\.(\d+)\.", r"decoder.lm_heads.\1."),
    (r"^out_norm\.", r"decoder.model.decoder.layer_norm."),
    (r"^transformer\.layers\.(\d+)\.norm1\.", r"decoder.model.decoder.layers.\1.self_attn_layer_norm."),
    (r"^transformer\.layers\.(\d+)\.norm_cross\.", r"decoder.model.decoder.layers.\1.encoder_attn_layer_norm."),
    (r"^transformer\.layers\.(\d+)\.norm2\.", r"decoder.model.decoder.layers.\1.final_layer_norm."),
    (r"^transformer\.layers\.(\d+)\.linear1\.", r"decoder.model.decoder.layers.\1.fc1."),
    (r"^transformer\.layers\.(\d+)\.linear2\.", r"decoder.model.decoder.layers.\1.fc2."),
    (r"^transformer\.layers\.(\d+)\.self_attn\.", r"decoder.model.decoder.layers.\1.self_attn."),
    (r"^transformer\.layers\.(\d+)\.cross_attention\.", r"decoder.model.decoder.layers.\1.encoder_attn."),
    (r"^condition_provider\.conditioners\.description\.output_proj\.", "enc_to_dec_proj."),
    (r"^condition_provider\.conditioners\.self_wav\.output_proj\.", "audio_enc_to_dec_proj."),
)
# What a language model's file may hold beside weights: features of the melody conditioner, which are computed here.
_LANGUAGE_MODEL_UNUSED = re.compile(r"^condition_provider\.conditioners\.self_wav\.(chroma|demucs|stem)")
# musicgen-style hears a recording through MERT, a transformer and a quantizer of its own.
_STYLE = re.compile(r"^condition_provider\.conditioners\.self_wav\.(?!output_proj\.|chroma|demucs|stem)")
_CODEC = (
    (r"^(encoder|decoder)\.model\.(\d+)\.(?:conv\.conv|convtr\.convtr)\.", r"audio_encoder.\1.layers.\2.conv."),
    (r"^(encoder|decoder)\.model\.(\d+)\.block\.(\d+)\.conv\.conv\.", r"audio_encoder.\1.layers.\2.block.\3.conv."),
    (r"^(encoder|decoder)\.model\.(\d+)\.lstm\.", r"audio_encoder.\1.layers.\2.lstm."),
    (r"^quantizer\.vq\.layers\.(\d+)\._codebook\.", r"audio_encoder.quantizer.layers.\1.codebook."),
)
_PACKED = re.compile(r"^(.*\.(?:self_attn|encoder_attn)\.)in_proj_weight$")
_PARTS = ("q_proj", "k_proj", "v_proj")


def language_model_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """audiocraft's language model under transformers' names. ValueError for other names, and for style models."""
    if any(_STYLE.match(name) for name in state):
        raise ValueError("it is a style model (musicgen-style), whose conditioner is not built here")
    renamed = {
        _rename(name, _LANGUAGE_MODEL): tensor
        for name, tensor in state.items()
        if not _LANGUAGE_MODEL_UNUSED.match(name)
    }
    answer: dict[str, Tensor] = {}
    for name, tensor in renamed.items():
        packed = _PACKED.match(name)
        if packed is None:
            answer[name] = tensor
            continue
        if tensor.ndim != 2 or tensor.shape[0] % 3:
            raise ValueError(f"{name} has the shape {list(tensor.shape)}")
        for part, rows in zip(_PARTS, tensor.chunk(3), strict=True):
            answer[f"{packed[1]}{part}.weight"] = rows
    return answer


def codec_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """audiocraft's codec under transformers' names. ValueError for names that it does not have."""
    return {_rename(name, _CODEC): tensor for name, tensor in state.items()}


def transformers_configuration(
    model: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    codec: Mapping[str, Tensor] | None,
    codec_settings: Mapping[str, Any],
) -> dict[str, Any]:
    """A `config.json` for converted weights: sizes read off the tensors, the rest off audiocraft's settings.

    Without a codec's tensors its configuration is left to a folder of its own. ValueError when something is missing.
    """
    try:
        books = sum(bool(re.fullmatch(r"decoder\.lm_heads\.\d+\.weight", name)) for name in model)
        layers = sum(name.endswith(".fc1.weight") for name in model)
        vocabulary, width = model["decoder.lm_heads.0.weight"].shape
        feed_forward = model["decoder.model.decoder.layers.0.fc1.weight"].shape[0]
        language = settings["transformer_lm"]
        text_name = settings["conditioners"]["description"]["t5"]["name"]
        decoder = {
            "model_type": "musicgen_decoder",
            "vocab_size": int(vocabulary),
            "hidden_size": int(width),
            "num_hidden_layers": layers,
            "num_attention_heads": int(language["num_heads"]),
            "ffn_dim": int(feed_forward),
            "num_codebooks": books,
            "audio_channels": 2 if (settings.get("interleave_stereo_codebooks") or {}).get("use") else 1,
            "activation_function": str(language.get("activation", "gelu")),
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"the language model's settings or tensors lack {error}") from error
    document: dict[str, Any] = {
        "model_type": "musicgen",
        "decoder": decoder,
        "text_encoder": {"_name_or_path": str(text_name)},
    }
    if "audio_enc_to_dec_proj.weight" in model:
        document["model_type"] = "musicgen_melody"
        document["num_chroma"] = int(model["audio_enc_to_dec_proj.weight"].shape[1])
    if codec is None:
        document["audio_encoder"] = {"_name_or_path": str(codec_settings.get("pretrained", "encodec_32khz"))}
    else:
        document["audio_encoder"] = _codec_configuration(codec, codec_settings)
    return document


def _codec_configuration(codec: Mapping[str, Tensor], settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        seanet = settings["seanet"]
        books = [name for name in codec if name.endswith(".codebook.embed")]
        size, width = codec[books[0]].shape
        return {
            "model_type": "encodec",
            "sampling_rate": int(settings["sample_rate"]),
            "audio_channels": int(settings.get("channels", 1)),
            "codebook_size": int(size),
            "hidden_size": int(width),
            "num_filters": int(seanet["n_filters"]),
            "upsampling_ratios": [int(ratio) for ratio in seanet["ratios"]],
            "kernel_size": int(seanet.get("kernel_size", 7)),
            "last_kernel_size": int(seanet.get("last_kernel_size", 7)),
            "residual_kernel_size": int(seanet.get("residual_kernel_size", 3)),
            "num_residual_layers": int(seanet.get("n_residual_layers", 1)),
            "dilation_growth_rate": int(seanet.get("dilation_base", 2)),
            "compress": int(seanet.get("compress", 2)),
            "num_lstm_layers": int(seanet.get("lstm", 2)),
            "use_causal_conv": bool(seanet.get("causal", False)),
            "use_conv_shortcut": not seanet.get("true_skip", True),
            "norm_type": str(seanet.get("norm", "weight_norm")),
            "pad_mode": str(seanet.get("pad_mode", "reflect")),
            "normalize": bool((settings.get("encodec") or {}).get("renormalize", False)),
        }
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"the codec's settings or tensors lack {error}") from error


def _rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    raise ValueError(f"no MusicGen has a tensor {name}")
