"""In which numbers a runtime computes: of its weights, of its cache, and what those cost. Pure Python."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from services.generation.musicgen.configuration import DecoderConfiguration

# Mean total variation between a quantised model's predictions and its own in float32, up to which it is offered.
MOST_DISTANCE = 0.10


class WeightPrecision(Enum):
    """How the decoder's dense weights are kept. Embeddings, norms and positions are float32 throughout."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"
    INT4 = "int4"

    @property
    def bytes_per_weight(self) -> float:
        """Bytes that a weight takes, its share of the scales included."""
        return {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5 + 2.0 / 128}[self.value]


class CachePrecision(Enum):
    """How keys and values are kept. INT8 is our own kernel's, UINT8 the plugin's."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"
    UINT8 = "uint8"

    @property
    def bytes_per_number(self) -> float:
        """Bytes of a number, its share of scales and zero points included (heads of 64)."""
        return {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "int8": 1.0625, "uint8": 1.125}[self.value]


@dataclass(frozen=True, slots=True)
class Precision:
    """Weights and cache of one runtime; `str()` is what a track's `precision` says, as in `int8/float16`."""

    weights: WeightPrecision
    cache: CachePrecision

    def __str__(self) -> str:
        return f"{self.weights.value}/{self.cache.value}"


def dense_weights(configuration: DecoderConfiguration) -> int:
    """Weights that one step reads: all dense layers but the cross-attention's keys and values (once a request)."""
    size, layer = configuration.hidden_size, 4 * configuration.hidden_size**2
    if configuration.cross_attention:
        layer += 2 * size * size
    layer += 2 * size * configuration.feed_forward_size
    return configuration.layers * layer + configuration.codebooks * configuration.vocabulary * size


def weight_bytes(configuration: DecoderConfiguration, precision: WeightPrecision) -> float:
    """Bytes of weights that one step reads. The heads stay int8 where the rest is int4."""
    heads = configuration.codebooks * configuration.vocabulary * configuration.hidden_size
    head_bytes = max(precision.bytes_per_weight, 1.0)
    return (dense_weights(configuration) - heads) * precision.bytes_per_weight + heads * head_bytes


def cache_bytes(configuration: DecoderConfiguration, precision: CachePrecision, positions: int) -> float:
    """Bytes of keys and values of `positions` positions of one row, all layers."""
    return 2.0 * configuration.layers * configuration.hidden_size * positions * precision.bytes_per_number


def song_bytes(configuration: DecoderConfiguration, precision: CachePrecision) -> float:
    """Bytes of the caches of one song, all its rows."""
    return configuration.guidance_rows * cache_bytes(configuration, precision, configuration.cache_positions)
