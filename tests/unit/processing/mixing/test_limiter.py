"""The true-peak limiter against an independent meter of eight times the sample rate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from tests.support.mixing import RATE, Audio, apply, insert, noise, points, sine


def true_peak_db(audio: Audio) -> float:
    """The highest point of the waveform at 8×, by scipy's polyphase filter (long, so that it hides nothing)."""
    margin = np.zeros((2, 256))
    padded = np.concatenate((margin, audio, margin), axis=1)
    return float(20 * np.log10(np.abs(resample_poly(padded, 8, 1, axis=1, window=("kaiser", 10.0))).max() + 1e-12))


def _adversarial(seed: int) -> Audio:
    """Loud music-like noise, clicks, square waves, or a sine at a quarter of the rate whose samples miss its peaks."""
    random = np.random.default_rng(seed)
    frames = int(random.integers(800, 6_000))
    clock = np.arange(frames)
    kind = seed % 6
    level = 10 ** (random.uniform(-6, 24) / 20)
    if kind == 0:
        made = random.standard_normal((2, frames))
    elif kind == 1:
        made = np.tile(np.sin(np.pi / 2 * clock + np.pi / 4), (2, 1))
    elif kind == 2:
        made = np.where(random.random((2, frames)) < 0.01, 1.0, 0.0) * random.choice([-1, 1], (2, frames))
    elif kind == 3:
        made = np.sign(np.sin(2 * np.pi * random.uniform(20, 15_000) / RATE * clock + np.zeros((2, 1))))
    elif kind == 4:
        made = np.sin(2 * np.pi * random.uniform(0.2, 0.45) * clock + random.uniform(0, 6, (2, 1))) * (
            clock > frames // 2
        )
    else:
        made = np.where(clock % 2, 1.0, -1.0) * np.sin(2 * np.pi * clock / random.uniform(30, 400)) * np.ones((2, 1))
    return level * made


def _worst_over(seeds: range) -> float:
    worst = -np.inf
    for seed in seeds:
        ceiling = -1.0 if seed % 3 else -6.0
        out = apply("limiter", _adversarial(seed), ceiling_dbtp=ceiling)
        worst = max(worst, true_peak_db(out) - ceiling)
    return worst


def test_true_peak_never_exceeds_the_ceiling_on_adversarial_signals() -> None:
    worst = _worst_over(range(60))
    print(f"limiter: at most {worst:+.3f} dB over its ceiling")
    assert worst <= 0.0


@pytest.mark.slow
def test_true_peak_never_exceeds_the_ceiling_on_a_thousand_signals() -> None:
    worst = _worst_over(range(60, 1_060))
    print(f"limiter: at most {worst:+.3f} dB over its ceiling")
    assert worst <= 0.0


def test_quiet_sound_passes_bit_for_bit_and_only_late() -> None:
    audio = noise(10_000, level=0.05)
    unit = insert("limiter")
    late = audio.copy()
    unit.process(late, 0, None)
    assert unit.latency == round(0.005 * RATE) + 8
    assert np.array_equal(late[:, unit.latency :], audio[:, : -unit.latency])


def test_gain_goes_back_to_exactly_one() -> None:
    audio = sine(440.0, 3 * RATE, level=0.2)
    audio[:, 5_000:6_000] *= 10
    out = apply("limiter", audio, release_ms=20.0)
    assert np.abs(out[:, 5_000:6_000]).max() < 0.9
    assert np.array_equal(out[:, RATE:], audio[:, RATE:])


def test_input_gain_makes_it_louder_up_to_the_ceiling() -> None:
    out = apply("limiter", sine(440.0, RATE, level=0.5), gain_db=20.0, ceiling_dbtp=-3.0)
    assert -3.4 < true_peak_db(out) <= -3.0


def test_moving_ceiling_is_kept() -> None:
    lane = points((0.2, -1.0), (0.8, -20.0))
    out = apply("limiter", sine(997.0, RATE, level=1.0), automation={"ceiling_dbtp": lane})
    tail = out[:, round(0.85 * RATE) :]
    assert true_peak_db(tail) <= -19.9


@settings(max_examples=20)
@given(seed=st.integers(2_000, 1_000_000), block=st.sampled_from([64, 441, 1_000, 8_192]))
def test_blocks_change_nothing(seed: int, block: int) -> None:
    audio = _adversarial(seed)
    assert np.array_equal(apply("limiter", audio, block=block), apply("limiter", audio, block=100_000))
