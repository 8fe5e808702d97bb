"""Quantised runtimes at musicgen-small's real dimensions: teacher-forced logits against float32, reported by precision.

Random weights: this says that the arithmetic is right and how its error grows over 24 layers, nothing about music.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.decoder import Decoder, DecoderCache
from services.generation.runtimes.cpu_decoder import cpu_decoder
from services.generation.runtimes.decoder_weights import decoder_weights
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_decoder import CrossRow

SMALL = DecoderConfiguration(4, 2_048, 1_024, 16, 4_096, 24, max_positions=1_504)
STEPS = 16
# Root mean square error of the logits, relative to theirs.
BOUNDS = {
    Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32): 1e-4,
    Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT16): 2e-3,
    Precision(WeightPrecision.FLOAT32, CachePrecision.INT8): 2e-2,
    Precision(WeightPrecision.BFLOAT16, CachePrecision.BFLOAT16): 0.05,
    Precision(WeightPrecision.INT8, CachePrecision.FLOAT16): 0.1,
    Precision(WeightPrecision.INT8, CachePrecision.INT8): 0.1,
    Precision(WeightPrecision.INT4, CachePrecision.FLOAT16): 0.7,
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_logits_at_real_dimensions_stay_within_each_precisions_bound() -> None:
    torch.manual_seed(1)
    decoder = Decoder(SMALL).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, parameter.shape[1] ** -0.5)
    memory = decoder.cross_memory(torch.randn(16, SMALL.hidden_size))
    cross = CrossRow(memory.keys.numpy(), memory.values.numpy())
    cache = DecoderCache.empty(SMALL, 2)
    cache.set_cross(0, memory)
    tokens = torch.randint(2_049, (STEPS, 4))
    expected = np.stack(
        [decoder.step(one[None].expand(2, -1), {0: step}, cache).numpy() for step, one in enumerate(tokens)]
    )
    print()
    for precision, bound in BOUNDS.items():
        runtime = cpu_decoder(SMALL, decoder_weights(decoder, precision.weights), precision, 2)
        runtime.set_cross(0, cross)
        logits = []
        for step, one in enumerate(tokens):
            embedded = runtime.embed(one[None].expand(2, -1).numpy())[:, None]
            logits.append(runtime.run([0, 1], embedded, [step, step])[:, 0])
        runtime.close()
        wrong = np.stack(logits) - expected
        error = float(np.sqrt(np.square(wrong).mean() / np.square(expected).mean()))
        same = float((np.stack(logits).argmax(-1) == expected.argmax(-1)).mean())
        print(f"{precision!s:<20} error {error:.2e}, worst {np.abs(wrong).max():.2e}, same likeliest {same:.1%}")
        assert error <= bound, precision
