"""A decoder's weights as a runtime wants them: dense layers quantised, the rest float32; kept on disk by content.

Quantising a model takes seconds to minutes, so the result is written once as safetensors, under a name that holds what
it was made from (the content of the weights, the precision, the version of the method).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import nn

from services.generation.runtimes.precision import WeightPrecision
from services.generation.runtimes.quantization import (
    INT4_GROUP,
    Int4Weight,
    Int8Weight,
    Weight,
    quantize_int4,
    quantize_int8,
)

_log = structlog.get_logger(__name__)

# Raised whenever the same weights would be quantised to other numbers.
METHOD_VERSION = "1"
# Projections that one product computes: their outputs lie side by side.
_FUSED_SELF_ATTENTION = ("q_proj", "k_proj", "v_proj")
# Run once for a request, by the conditioner, in torch.
_NOT_IN_A_STEP = ("encoder_attn.k_proj.weight", "encoder_attn.v_proj.weight")


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """`dense` by place (`layers.0.self_attn.qkv`, `heads`, …) and `plain` float32 arrays by name."""

    dense: Mapping[str, Weight]
    plain: Mapping[str, NDArray[np.float32]]


def decoder_weights(decoder: nn.Module, precision: WeightPrecision, cache: Path | None = None) -> DecoderWeights:
    """The weights of `musicgen.decoder.Decoder`, from the cache folder when they were made before."""
    state = {name: _array(parameter) for name, parameter in decoder.named_parameters()}
    if cache is None or precision in (WeightPrecision.FLOAT32, WeightPrecision.BFLOAT16):
        return _quantize(state, precision)
    path = cache / f"{content_key(state)}-{precision.value}-{METHOD_VERSION}.safetensors"
    if path.exists():
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            _log.warning("quantised_weights_unreadable", path=str(path), error=str(error))
    weights = _quantize(state, precision)
    try:
        _write(weights, path)
    except OSError as error:  # a folder that is read-only or full costs time at the next start, nothing else
        _log.warning("quantised_weights_not_cached", path=str(path), error=str(error))
    else:
        _log.info("quantised_weights_cached", path=str(path), size_bytes=path.stat().st_size)
    return weights


def decoder_key(decoder: nn.Module) -> str:
    """The `content_key` of `musicgen.decoder.Decoder`, before a runtime has taken its weights over."""
    return content_key({name: _array(parameter) for name, parameter in decoder.named_parameters()})


def content_key(state: Mapping[str, NDArray[np.float32]]) -> str:
    """A name for what these weights hold: the same for the same tensors, wherever they were read from."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(f"{name} {state[name].shape} {state[name].dtype}\n".encode())
        digest.update(np.ascontiguousarray(state[name]).data)
    return digest.hexdigest()[:32]


def _array(parameter: nn.Parameter) -> NDArray[np.float32]:
    return parameter.detach().float().numpy()


def _quantize(state: Mapping[str, NDArray[np.float32]], precision: WeightPrecision) -> DecoderWeights:
    dense: dict[str, Weight] = {}
    plain: dict[str, NDArray[np.float32]] = {}
    body, heads = _quantizers(precision)
    prefix = "model.decoder."
    for name, array in state.items():
        if name.endswith(_NOT_IN_A_STEP):
            continue
        short = name.removeprefix(prefix).removesuffix(".weight")
        if array.ndim != 2 or short.startswith(("embed_tokens", "lm_heads")):
            plain[name.removeprefix(prefix)] = array
        elif not short.endswith(tuple(f"self_attn.{part}" for part in _FUSED_SELF_ATTENTION)):
            dense[short] = body(array)
    layers = 1 + max(int(name.split(".")[1]) for name in dense if name.startswith("layers."))
    for layer in range(layers):
        place = f"layers.{layer}.self_attn"
        parts = [state[f"{prefix}{place}.{part}.weight"] for part in _FUSED_SELF_ATTENTION]
        dense[f"{place}.qkv"] = body(np.concatenate(parts))
    heads_there = [name for name in plain if name.startswith("lm_heads")]
    head_names = sorted(heads_there, key=lambda name: int(name.split(".")[1]))
    dense["heads"] = heads(np.concatenate([plain.pop(name) for name in head_names]))
    return DecoderWeights(dense, plain)


def _quantizers(
    precision: WeightPrecision,
) -> tuple[Callable[[NDArray[np.float32]], Weight], Callable[[NDArray[np.float32]], Weight]]:
    """How the body and how the heads are quantised."""
    if precision is WeightPrecision.INT8:
        return quantize_int8, quantize_int8
    if precision is WeightPrecision.INT4:
        # The heads decide the token directly and are two per cent of the weights: they stay int8. So does what is not
        # made of whole groups.
        return _int4_where_it_fits, quantize_int8
    return _as_it_is, _as_it_is


def _int4_where_it_fits(weight: NDArray[np.float32]) -> Weight:
    return quantize_int8(weight) if weight.shape[1] % INT4_GROUP else quantize_int4(weight)


def _as_it_is(weight: NDArray[np.float32]) -> Weight:
    return weight


def _write(weights: DecoderWeights, path: Path) -> None:
    tensors: dict[str, NDArray[np.generic]] = {f"plain:{name}": array for name, array in weights.plain.items()}
    for name, weight in weights.dense.items():
        if isinstance(weight, Int8Weight):
            tensors |= {f"int8:{name}:values": weight.values, f"int8:{name}:scales": weight.scales}
        elif isinstance(weight, Int4Weight):
            tensors |= {f"int4:{name}:values": weight.packed, f"int4:{name}:scales": weight.scales}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, temporary)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _read(path: Path) -> DecoderWeights:
    dense: dict[str, Weight] = {}
    plain: dict[str, NDArray[np.float32]] = {}
    tensors = load_file(path)
    for name, array in tensors.items():
        kind, _, place = name.partition(":")
        if kind == "plain":
            plain[place] = array
        elif place.endswith(":values"):
            place = place.removesuffix(":values")
            scales = tensors[f"{kind}:{place}:scales"]
            if kind == "int8":
                dense[place] = Int8Weight(array, scales)
            else:
                inputs = 2 * array.size // scales.shape[0]
                dense[place] = Int4Weight(array, scales, inputs)
    return DecoderWeights(dense, plain)
