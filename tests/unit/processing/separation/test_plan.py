"""Which tracks a separation writes, and that they sum to the mix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processing.separation.catalogue import SEPARATORS
from services.processing.separation.plan import plan_karaoke, plan_outputs
from services.shared.errors import AppError

MODELS = sorted(SEPARATORS)


def _rendered(outputs, mix, stems):  # type: ignore[no-untyped-def]
    return {
        out.name: out.mix_gain * mix + sum(g * s for g, s in zip(out.stem_gains, stems, strict=True)) for out in outputs
    }


@given(st.sampled_from(MODELS), st.sampled_from(["fold", "stem"]), st.integers(0, 2**32 - 1))
def test_all_stems_sum_to_the_mix_whatever_the_network_made(model: str, residual, seed: int) -> None:  # type: ignore[no-untyped-def]
    info = SEPARATORS[model]
    noise = np.random.default_rng(seed)
    mix, stems = noise.standard_normal(16), noise.standard_normal((len(info.stems), 16))
    made = _rendered(plan_outputs(info.stems, info.rest, None, residual), mix, stems)
    np.testing.assert_allclose(sum(made.values()), mix, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_accompaniment_is_the_mix_without_its_vocals(model: str) -> None:
    info = SEPARATORS[model]
    noise = np.random.default_rng(1)
    mix, stems = noise.standard_normal(16), noise.standard_normal((len(info.stems), 16))
    made = _rendered(plan_outputs(info.stems, info.rest, ["accompaniment"], "fold"), mix, stems)
    np.testing.assert_allclose(made["accompaniment"], mix - stems[info.stems.index("vocals")], atol=1e-12)


def test_dropped_residual_leaves_the_networks_stems_alone() -> None:
    info = SEPARATORS["htdemucs"]
    outputs = plan_outputs(info.stems, info.rest, None, "drop")
    assert [(out.mix_gain, out.stem_gains) for out in outputs] == [
        (0.0, tuple(float(i == j) for j in range(4))) for i in range(4)
    ]


def test_a_model_without_a_rest_gets_a_residual_track_so_that_nothing_is_lost() -> None:
    outputs = plan_outputs(("vocals", "drums"), "", None, "fold")
    assert [out.name for out in outputs] == ["vocals", "drums", "residual"]


def test_unknown_stem_is_refused_by_name_and_position() -> None:
    with pytest.raises(AppError) as caught:
        plan_outputs(("vocals", "accompaniment"), "accompaniment", ["vocals", "kazoo"], "fold")
    assert caught.value.violations[0].pointer == "/stems/1"
    assert "kazoo" in caught.value.message


@given(st.floats(0, 1))
def test_karaoke_keeps_the_vocals_at_the_guides_level(gain: float) -> None:
    (output,) = plan_karaoke(("drums", "bass", "other", "vocals"), gain)
    rest, voice = np.array([1.0, 2.0, 3.0, 0.0]), np.array([0.0, 0.0, 0.0, 5.0])
    mixed = output.mix_gain * (rest.sum() + voice.sum()) + np.dot(output.stem_gains, rest + voice)
    assert mixed == pytest.approx(rest.sum() + gain * 5.0)


def test_karaoke_needs_a_model_with_vocals() -> None:
    with pytest.raises(AppError, match="vocals"):
        plan_karaoke(("kick", "snare"), 0.0)
