"""The tiny random model: every path of the engine in milliseconds and without weights. What it makes is noise.

The weights are drawn by name from a counter-based generator, so that they are the same on every machine and whatever
the order of construction.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import nn

from services.generation.musicgen.configuration import (
    CodecConfiguration,
    DecoderConfiguration,
    MusicGenConfiguration,
    TextConfiguration,
)
from services.generation.musicgen.model import MusicGen

REVISION = "debug-1"
_SEED = 2306_05284
_SECONDS = 30

CONFIGURATION = MusicGenConfiguration(
    text=TextConfiguration(
        vocabulary=512, hidden_size=32, head_size=8, heads=4, feed_forward_size=64, layers=1, max_tokens=64
    ),
    decoder=DecoderConfiguration(
        codebooks=4,
        vocabulary=128,
        hidden_size=64,
        heads=4,
        feed_forward_size=128,
        layers=2,
        max_positions=_SECONDS * 50 + 4,
    ),
    codec=CodecConfiguration(
        sample_rate=32_000,
        channels=1,
        codebook_size=128,
        hidden_size=16,
        filters=4,
        ratios=(8, 5, 4, 4),
        lstm_layers=1,
    ),
)


def _draw(name: str, parameter: nn.Parameter) -> torch.Tensor:
    if parameter.ndim == 1:
        return torch.ones_like(parameter) if name.endswith("weight") else torch.zeros_like(parameter)
    philox = np.random.Philox(key=_SEED, counter=[0, zlib.crc32(name.encode()), 0, 0])
    uniform = (philox.random_raw(parameter.numel()) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    is_embedding = "embed" in name or "shared" in name
    fan_in = 1 if is_embedding else parameter[0].numel()
    if ".conv.weight" in name and "decoder.layers" in name:
        fan_in = max(1, fan_in // 2)
    spread = np.sqrt(3.0 / fan_in)
    values = ((2.0 * uniform - 1.0) * spread).astype(np.float32)
    return torch.from_numpy(values).view(parameter.shape)


def build() -> MusicGen:
    """The model, in memory, in evaluation mode."""
    model = MusicGen(CONFIGURATION)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(_draw(name, parameter))
    return model.eval()
