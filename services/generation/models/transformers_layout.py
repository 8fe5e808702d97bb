"""The layout of `facebook/musicgen-*` as transformers keeps it: `config.json` to our configuration, names to ours.

Pure data: nothing here reads weights or imports torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.generation.models.parts import STYLE_TYPE
from services.generation.models.refusal import refuse
from services.generation.musicgen.configuration import (
    ChromaConfiguration,
    CodecConfiguration,
    DecoderConfiguration,
    MertConfiguration,
    MusicGenConfiguration,
    StyleConfiguration,
    TextConfiguration,
)

# The last one is ours: transformers has no style models, and MERT is HuBERT under a name of its own.
MODEL_TYPES = ("musicgen", "musicgen_melody", STYLE_TYPE)
_ENCODER_TYPES = ("mert_model", "hubert")
_WINDOW_SECONDS = 30
_TEXT_TOKENS = 512
# Where words are a prefix, they are in every cache.
_PREFIX_TEXT_TOKENS = 256
_SHORTEST_EXCERPT, _LONGEST_EXCERPT = 1.5, 30.0
# Every frame attends to every other: thirty seconds of MERT's 75 are 2,250.
_MOST_EXCERPT_FRAMES = 4_096
# Rows of a song: style and words, style, nothing; without a style words, nothing.
_STYLE_ROWS, _ROWS = 3, 2
# Positions are a cosine and a sine of at least two frequencies.
_LEAST_WIDTH = 4
_MOST_CHANNELS = 2
# EnCodec has 50 (32 kHz), 75 (24 kHz) and 150 (48 kHz). The caches of a song grow with it.
_LEAST_FRAME_RATE, _MOST_FRAME_RATE = 5.0, 200.0
# EnCodec's residual layers reach 1, 2, 4 … samples; each output is computed from as many as they reach.
_MOST_DILATION = 1_024

# Tensors of the files that the engine computes itself or has no use for.
_UNUSED = re.compile(
    r"embed_positions\.weights$|\.codebook\.(inited|cluster_size|embed_avg)$|^text_encoder\.encoder\.embed_tokens\.weight$"
    r"|^text_encoder\.decoder\.|^text_encoder\.lm_head\.|^style_encoder\.masked_spec_embed$"
)
_GAIN = re.compile(r"\.conv\.(weight_g|parametrizations\.weight\.original0)$")
_DIRECTION = re.compile(r"\.conv\.(weight_v|parametrizations\.weight\.original1)$")


def is_unused(name: str) -> bool:
    """Whether a tensor of this name may be there and is not read."""
    return _UNUSED.search(name) is not None


def normed_weights(name: str) -> tuple[str, bool] | None:
    """For a half of a weight-normed convolution: the name of the whole weight, and whether it is the gain half."""
    for pattern, is_gain in ((_GAIN, True), (_DIRECTION, False)):
        if pattern.search(name):
            return pattern.sub(".conv.weight", name), is_gain
    return None


def gain_shape(name: str, weight: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the gain of a whole weight `[out, in, kernel]`: one for each output; MERT's, one for each place."""
    return (1, 1, weight[2]) if name.startswith("style_encoder.") else (weight[0], 1, 1)


class _Reader:
    """Typed, bounded values of a JSON object; says which one is wrong."""

    def __init__(self, path: Path, name: str, values: object) -> None:
        self._path = path
        self._name = name
        if not isinstance(values, Mapping):
            raise refuse(path, f"it has no part “{name}”.")
        self._values: Mapping[str, Any] = values

    def size(self, key: str, most: int, default: int | None = None) -> int:
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise refuse(self._path, f"{self._name}.{key} is {value!r}, which no MusicGen has.")
        return value

    def sizes(self, key: str, most: int) -> tuple[int, ...]:
        value = self._values.get(key)
        if not isinstance(value, list) or not 1 <= len(value) <= 8:
            raise refuse(self._path, f"{self._name}.{key} is {value!r}, which no MusicGen has.")
        return tuple(_Reader(self._path, self._name, {key: one}).size(key, most) for one in value)

    def number(self, key: str, least: float, most: float, default: float) -> float:
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise refuse(self._path, f"{self._name}.{key} is {value!r}, which no MusicGen has.")
        return float(value)

    def expect(self, key: str, wanted: object, default: object) -> None:
        value = self._values.get(key, default)
        if value != wanted:
            raise refuse(self._path, f"{self._name}.{key} is {value!r}; the engine knows {wanted!r}.")

    def get(self, key: str, default: object = None) -> Any:
        return self._values.get(key, default)


def model_configuration(path: Path, document: Mapping[str, Any]) -> MusicGenConfiguration:
    """The configuration of a `config.json`. Refuses other architectures and sizes that no MusicGen has."""
    kind = document.get("model_type")
    if kind not in MODEL_TYPES:
        raise refuse(path, f"it describes a model of type {kind!r}, not a MusicGen.")
    melody, styled = kind == "musicgen_melody", kind == STYLE_TYPE
    top = _Reader(path, "config", document)
    decoder = _Reader(path, "decoder", document.get("decoder"))
    decoder.expect("activation_function", "gelu", "gelu")
    decoder.expect("scale_embedding", wanted=False, default=False)
    codec = codec_configuration(path, document.get("audio_encoder"))
    prefixed = melody or styled
    text = text_configuration(path, document.get("text_encoder"), _PREFIX_TEXT_TOKENS if prefixed else _TEXT_TOKENS)
    codebooks = decoder.size("num_codebooks", 32, 4)
    channels = decoder.size("audio_channels", 2, 1)
    if codebooks % channels:
        raise refuse(path, f"{codebooks} codebooks cannot be shared by {channels} channels.")
    if codec.channels * channels > _MOST_CHANNELS:
        raise refuse(path, f"a decoder of {channels} channels cannot have a codec of {codec.channels}.")
    hidden, heads = decoder.size("hidden_size", 8192, 1024), decoder.size("num_attention_heads", 128, 16)
    if hidden % heads or hidden % 2 or hidden < _LEAST_WIDTH:
        raise refuse(path, f"decoder.hidden_size {hidden} cannot be shared by {heads} heads.")
    chroma = (
        ChromaConfiguration(bins=top.size("num_chroma", 64, 12), frames=top.size("chroma_length", 2000, 235))
        if melody
        else None
    )
    style = style_configuration(path, document) if styled else None
    heard = chroma.frames if chroma else style.vectors if style else 0
    vocabulary = decoder.size("vocab_size", 65_535, 2048)
    if vocabulary != codec.codebook_size:
        raise refuse(path, f"the decoder has {vocabulary} tokens and the codec {codec.codebook_size} codes.")
    return MusicGenConfiguration(
        text=text,
        decoder=DecoderConfiguration(
            codebooks=codebooks,
            vocabulary=vocabulary,
            hidden_size=hidden,
            heads=heads,
            feed_forward_size=decoder.size("ffn_dim", 65_536, 4096),
            layers=decoder.size("num_hidden_layers", 128, 24),
            max_positions=round(_WINDOW_SECONDS * codec.frame_rate) + codebooks // channels - 1,
            prefix_positions=heard + text.max_tokens if prefixed else 0,
            channels=channels,
            guidance_rows=_STYLE_ROWS if styled else _ROWS,
        ),
        codec=codec,
        chroma=chroma,
        style=style,
        window_seconds=_WINDOW_SECONDS,
    )


def text_configuration(path: Path, values: object, max_tokens: int = _TEXT_TOKENS) -> TextConfiguration:
    """The configuration of a T5 encoder."""
    text = _Reader(path, "text_encoder", values)
    text.expect("model_type", "t5", "t5")
    activation = text.get("feed_forward_proj", "relu")
    if activation not in ("relu", "gated-gelu"):
        raise refuse(path, f"text_encoder.feed_forward_proj is {activation!r}; the engine knows relu and gated-gelu.")
    epsilon = text.get("layer_norm_epsilon", 1e-6)
    if not isinstance(epsilon, float) or not 0.0 < epsilon < 0.1:
        raise refuse(path, f"text_encoder.layer_norm_epsilon is {epsilon!r}.")
    buckets = text.size("relative_attention_num_buckets", 1024, 32)
    distance = text.size("relative_attention_max_distance", 65_536, 128)
    # A quarter of the buckets are exact distances; what is farther shares the others up to the largest distance.
    if buckets < 4 or distance <= buckets // 4:
        raise refuse(path, f"text_encoder has {buckets} buckets for distances up to {distance}, which no T5 has.")
    return TextConfiguration(
        vocabulary=text.size("vocab_size", 1_000_000, 32_128),
        hidden_size=text.size("d_model", 8192, 768),
        head_size=text.size("d_kv", 1024, 64),
        heads=text.size("num_heads", 256, 12),
        feed_forward_size=text.size("d_ff", 65_536, 3072),
        layers=text.size("num_layers", 128, 12),
        max_tokens=max_tokens,
        relative_buckets=buckets,
        relative_distance=distance,
        gated=activation == "gated-gelu",
        epsilon=epsilon,
    )


def style_configuration(path: Path, document: Mapping[str, Any]) -> StyleConfiguration:
    """The configuration of a style conditioner and of the encoder that it hears through."""
    encoder = mert_configuration(path, document.get("style_encoder"))
    style = _Reader(path, "style_conditioner", document.get("style_conditioner"))
    hidden, heads = style.size("hidden_size", 8192), style.size("num_attention_heads", 128)
    if hidden % heads or hidden % 2 or hidden < _LEAST_WIDTH:
        raise refuse(path, f"style_conditioner.hidden_size {hidden} cannot be shared by {heads} heads.")
    codebooks = style.size("num_codebooks", 32)
    configuration = StyleConfiguration(
        encoder=encoder,
        hidden_size=hidden,
        heads=heads,
        layers=style.size("num_hidden_layers", 128),
        feed_forward_size=style.size("ffn_dim", 65_536),
        codebook_size=style.size("codebook_size", 65_535),
        codebooks=codebooks,
        usual_codebooks=style.size("usual_codebooks", codebooks),
        stride=style.size("stride", 1_000),
        excerpt_seconds=style.number("excerpt_seconds", _SHORTEST_EXCERPT, _LONGEST_EXCERPT, 3.0),
    )
    frames = encoder.frames(configuration.excerpt_samples)
    if frames > _MOST_EXCERPT_FRAMES:
        raise refuse(path, f"style_encoder makes {frames:,} frames of an excerpt, which no MusicGen has.")
    return configuration


def mert_configuration(path: Path, values: object) -> MertConfiguration:
    """The configuration of a MERT in the shape of `m-a-p/MERT-v1-95M`, as its hub's `config.json` says it."""
    mert = _Reader(path, "style_encoder", values)
    if mert.get("model_type") not in _ENCODER_TYPES:
        raise refuse(path, f"style_encoder.model_type is {mert.get('model_type')!r}; the engine knows MERT.")
    mert.expect("feat_extract_norm", "group", "group")
    mert.expect("feat_extract_activation", "gelu", "gelu")
    mert.expect("hidden_act", "gelu", "gelu")
    for key in ("conv_bias", "do_stable_layer_norm", "feature_extractor_cqt", "deepnorm", "conv_pos_batch_norm"):
        mert.expect(key, wanted=False, default=False)
    mert.expect("feat_proj_layer_norm", wanted=True, default=True)
    mert.expect("attention_relax", -1.0, -1.0)
    widths, kernels, strides = (mert.sizes(key, 8192) for key in ("conv_dim", "conv_kernel", "conv_stride"))
    if not len(widths) == len(kernels) == len(strides):
        raise refuse(path, "style_encoder's convolutions have widths, kernels and strides of different counts.")
    hidden, heads = mert.size("hidden_size", 8192, 768), mert.size("num_attention_heads", 128, 12)
    groups = mert.size("num_conv_pos_embedding_groups", 8192, 16)
    if hidden % heads or hidden % groups:
        raise refuse(path, f"style_encoder.hidden_size {hidden} cannot be shared by {heads} heads, or {groups} groups.")
    configuration = MertConfiguration(
        hidden_size=hidden,
        heads=heads,
        layers=mert.size("num_hidden_layers", 128, 12),
        feed_forward_size=mert.size("intermediate_size", 65_536, 3072),
        widths=widths,
        kernels=kernels,
        strides=strides,
        position_kernel=mert.size("num_conv_pos_embeddings", 1_024, 128),
        position_groups=groups,
        epsilon=mert.number("layer_norm_eps", 1e-12, 0.1, 1e-5),
        sample_rate=mert.size("sample_rate", 192_000, 24_000),
    )
    if configuration.frames(round(_SHORTEST_EXCERPT * configuration.sample_rate)) < 1:
        raise refuse(path, "style_encoder makes nothing of so short an excerpt as a style may be.")
    return configuration


def codec_configuration(path: Path, values: object) -> CodecConfiguration:
    """The configuration of an EnCodec in the shape of `facebook/encodec_32khz`."""
    codec = _Reader(path, "audio_encoder", values)
    codec.expect("model_type", "encodec", "encodec")
    codec.expect("use_causal_conv", wanted=False, default=True)
    codec.expect("use_conv_shortcut", wanted=False, default=True)
    codec.expect("norm_type", "weight_norm", "weight_norm")
    codec.expect("pad_mode", "reflect", "reflect")
    codec.expect("normalize", wanted=False, default=False)
    hidden = codec.size("hidden_size", 4096, 128)
    codec.expect("codebook_dim", hidden, hidden)
    configuration = CodecConfiguration(
        sample_rate=codec.size("sampling_rate", 192_000),
        channels=codec.size("audio_channels", 2, 1),
        codebook_size=codec.size("codebook_size", 65_535, 1024),
        hidden_size=hidden,
        filters=codec.size("num_filters", 1024, 32),
        ratios=codec.sizes("upsampling_ratios", 64),
        kernel_size=codec.size("kernel_size", 63, 7),
        last_kernel_size=codec.size("last_kernel_size", 63, 7),
        residual_kernel_size=codec.size("residual_kernel_size", 63, 3),
        residual_layers=codec.size("num_residual_layers", 16, 1),
        dilation_growth=codec.size("dilation_growth_rate", 16, 2),
        compress=codec.size("compress", 64, 2),
        lstm_layers=codec.size("num_lstm_layers", 16, 2),
    )
    if not _LEAST_FRAME_RATE <= configuration.frame_rate <= _MOST_FRAME_RATE:
        raise refuse(path, f"the codec has {configuration.frame_rate:g} frames a second, which no MusicGen has.")
    if configuration.compress > configuration.filters:
        raise refuse(path, "audio_encoder.compress leaves nothing of num_filters.")
    if configuration.dilation_growth ** (configuration.residual_layers - 1) > _MOST_DILATION:
        raise refuse(path, "audio_encoder.dilation_growth_rate and num_residual_layers reach further than any codec.")
    return configuration
