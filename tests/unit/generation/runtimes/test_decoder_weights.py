"""Quantised weights on disk: found again by what they were made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.decoder_weights import DecoderWeights, content_key, decoder_weights
from services.generation.runtimes.precision import WeightPrecision
from services.generation.runtimes.quantization import Int4Weight, Int8Weight


def expanded(weights: DecoderWeights) -> dict[str, np.ndarray]:
    return {
        name: weight.dequantize() if isinstance(weight, Int8Weight | Int4Weight) else weight
        for name, weight in weights.dense.items()
    }


@pytest.mark.parametrize("precision", [WeightPrecision.INT8, WeightPrecision.INT4])
def test_weights_read_from_the_cache_are_those_that_were_written(
    precision: WeightPrecision, model: MusicGen, tmp_path: Path
) -> None:
    made = decoder_weights(model.decoder, precision, tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    read = decoder_weights(model.decoder, precision, tmp_path)
    assert path.stat().st_mtime_ns == written
    assert expanded(read).keys() == expanded(made).keys()
    for name, weight in expanded(made).items():
        assert np.array_equal(expanded(read)[name], weight)
    assert read.plain.keys() == made.plain.keys()
    for name, array in made.plain.items():
        assert np.array_equal(read.plain[name], array)


def test_a_damaged_cache_file_is_made_anew(model: MusicGen, tmp_path: Path) -> None:
    made = decoder_weights(model.decoder, WeightPrecision.INT8, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    again = decoder_weights(model.decoder, WeightPrecision.INT8, tmp_path)
    assert np.array_equal(expanded(again)["heads"], expanded(made)["heads"])
    assert path.stat().st_size > 1000
    assert len(list(tmp_path.iterdir())) == 1


def test_other_weights_and_other_precisions_have_other_names(model: MusicGen, tmp_path: Path) -> None:
    decoder_weights(model.decoder, WeightPrecision.INT8, tmp_path)
    decoder_weights(model.decoder, WeightPrecision.INT4, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    first = {"a": np.zeros(3, np.float32), "b": np.ones(2, np.float32)}
    assert content_key(first) == content_key(dict(reversed(first.items())))
    assert content_key(first) != content_key({**first, "a": np.ones(3, np.float32)})
    assert content_key(first) != content_key({**first, "a": np.zeros((3, 1), np.float32)})


def test_heads_and_projections_lie_in_the_order_of_their_outputs(model: MusicGen) -> None:
    weights = expanded(decoder_weights(model.decoder, WeightPrecision.FLOAT32))
    heads = [head.weight.detach().numpy() for head in model.decoder.lm_heads]
    assert np.array_equal(weights["heads"], np.concatenate(heads))
    attention = model.decoder.model.decoder.layers[1].self_attn
    parts = [
        projection.weight.detach().numpy() for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
    ]
    assert np.array_equal(weights["layers.1.self_attn.qkv"], np.concatenate(parts))


def test_the_heads_keep_eight_bits_where_the_rest_has_four(model: MusicGen) -> None:
    weights = decoder_weights(model.decoder, WeightPrecision.INT4)
    assert isinstance(weights.dense["heads"], Int8Weight)
    assert isinstance(weights.dense["layers.0.fc1"], Int4Weight)
