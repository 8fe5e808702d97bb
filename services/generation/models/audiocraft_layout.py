"""The layout that audiocraft's `export` writes, against transformers': names, shapes and settings.

`state_dict.bin` holds the language model (`emb.0.weight`, `transformer.layers.0.self_attn.in_proj_weight`, …) and
`compression_state_dict.bin` the codec (`decoder.model.0.conv.conv.weight_g`, …), each as `{"best_state": …, "xp.cfg":
YAML}`. The text encoder is not among them: audiocraft fetches it by name (`t5-base`). Names go by rules; only the
queries, keys and values of an attention are one tensor there and three here.

transformers has no style models (musicgen-style), so theirs is a layout of our own beside its names: the conditioner's
layers are under `style_conditioner`, and its encoder (MERT), which audiocraft fetches by name too, is a part like T5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.generation.models.parts import STYLE_TYPE

_STYLE_LAYER = r"condition_provider\.conditioners\.self_wav\.transformer\.layers\.(\d+)\."
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
    (r"^condition_provider\.conditioners\.self_wav\.(embed|batch_norm)\.", r"style_conditioner.\1."),
    (rf"^{_STYLE_LAYER}norm1\.", r"style_conditioner.layers.\1.self_attn_layer_norm."),
    (rf"^{_STYLE_LAYER}norm2\.", r"style_conditioner.layers.\1.final_layer_norm."),
    (rf"^{_STYLE_LAYER}linear([12])\.", r"style_conditioner.layers.\1.fc\2."),
    (rf"^{_STYLE_LAYER}self_attn\.", r"style_conditioner.layers.\1.self_attn."),
    (
        r"^condition_provider\.conditioners\.self_wav\.rvq\.vq\.layers\.(\d+)\._codebook\.",
        r"style_conditioner.quantizer.layers.\1.codebook.",
    ),
)
# What a language model's file may hold beside weights: features of the melody conditioner, which are computed here, and
# a count of training steps.
_LANGUAGE_MODEL_UNUSED = re.compile(
    r"^condition_provider\.conditioners\.self_wav\.(chroma|demucs|stem|batch_norm\.num_batches_tracked)"
)
# Attention heads of a style conditioner's transformer, by its scale.
_STYLE_HEADS = {"xsmall": 8, "default": 8, "large": 16}
_CODEC = (
    (r"^(encoder|decoder)\.model\.(\d+)\.(?:conv\.conv|convtr\.convtr)\.", r"audio_encoder.\1.layers.\2.conv."),
    (r"^(encoder|decoder)\.model\.(\d+)\.block\.(\d+)\.conv\.conv\.", r"audio_encoder.\1.layers.\2.block.\3.conv."),
    (r"^(encoder|decoder)\.model\.(\d+)\.lstm\.", r"audio_encoder.\1.layers.\2.lstm."),
    (r"^quantizer\.vq\.layers\.(\d+)\._codebook\.", r"audio_encoder.quantizer.layers.\1.codebook."),
)
_PACKED = re.compile(r"^(.*\.(?:self_attn|encoder_attn)\.)in_proj_weight$")
_PARTS = ("q_proj", "k_proj", "v_proj")


def language_model_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """audiocraft's language model under transformers' names. ValueError for other names."""
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
        layers = sum(name.startswith("decoder.") and name.endswith(".fc1.weight") for name in model)
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
    if any(name.startswith("style_conditioner.") for name in model):
        document["model_type"] = STYLE_TYPE
        document["style_conditioner"] = _style_configuration(model, settings)
        document["style_encoder"] = {"_name_or_path": "m-a-p/MERT-v1-95M"}
    elif "audio_enc_to_dec_proj.weight" in model:
        document["model_type"] = "musicgen_melody"
        document["num_chroma"] = int(model["audio_enc_to_dec_proj.weight"].shape[1])
    if codec is None:
        document["audio_encoder"] = {"_name_or_path": str(codec_settings.get("pretrained", "encodec_32khz"))}
    else:
        document["audio_encoder"] = _codec_configuration(codec, codec_settings)
    return document


def _style_configuration(model: Mapping[str, Tensor], settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        style = settings["conditioners"]["self_wav"]["style"]
        if style["model_name"] != "mert":
            raise ValueError(f"its style conditioner hears through {style['model_name']!r}; the engine knows MERT")
        # Where its conditions are read: as ours are, in front of the song, the style first.
        places = settings["fuser"]
        if list(places["prepend"]) != ["self_wav", "description"] or places.get("cross"):
            raise ValueError("its decoder does not read style and words in front of the song")
        width = model["style_conditioner.embed.weight"].shape[0]
        books = [name for name in model if re.fullmatch(r"style_conditioner\.quantizer\..*\.codebook\.embed", name)]
        return {
            "hidden_size": int(width),
            "num_attention_heads": _STYLE_HEADS[style.get("transformer_scale", "default")],
            "num_hidden_layers": sum(
                name.startswith("style_conditioner.") and name.endswith(".fc1.weight") for name in model
            ),
            "ffn_dim": int(model["style_conditioner.layers.0.fc1.weight"].shape[0]),
            "codebook_size": int(model[books[0]].shape[0]),
            "num_codebooks": len(books),
            "usual_codebooks": int(style.get("eval_q", 3)),
            "stride": int(style["ds_factor"]),
            "excerpt_seconds": float(style["length"]),
        }
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"the style conditioner's settings or tensors lack {error}") from error


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
