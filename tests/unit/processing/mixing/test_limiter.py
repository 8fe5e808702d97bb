"""The true-peak limiter against independent meters of eight times the sample rate."""

import numpy as np
import pyebur128
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.adversarial import KINDS, adversarial, independent_peak
from tests.support.mixing import RATE, Audio, apply, insert, noise, points, sine

# Silence after a signal: the last tenth of its band rings as long when it is taken away.
_RINGING = 64


def true_peak_db(audio: Audio) -> float:
    """The highest point of the waveform at 8×, by SciPy: by FFT and by a filter of 1,025 taps."""
    return float(20 * np.log10(independent_peak(audio.T) + 1e-12))


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


def _excess_db(audio: Audio, number: int, **given: float) -> float:
    """How far the limited signal, up to its end and the ringing after it, is above one of two ceilings."""
    ceiling = -1.0 if number % 3 else -6.0
    padded = np.pad(audio, ((0, 0), (0, _RINGING)))
    return true_peak_db(apply("limiter", padded, ceiling_dbtp=ceiling, **given)) - ceiling


def _worst_of_ours(seeds: range) -> float:
    worst = max((_excess_db(_adversarial(seed), seed), seed) for seed in seeds)
    print(f"limiter: {worst[0]:+.3f} dB against its ceiling at the closest, signal {worst[1]}")
    return worst[0]


def _worst_of_masterings(numbers: range) -> float:
    """Mastering's signals, driven by up to 18 dB."""
    found = []
    for number in numbers:
        samples, rate = adversarial(number)
        audio = np.broadcast_to(samples.T.astype(np.float64), (2, len(samples)))
        found.append((_excess_db(audio, number, rate=rate, gain_db=number % 7 * 3.0), number))
    print(f"limiter: {max(found)[0]:+.3f} dB against its ceiling at the closest, mastering's signal {max(found)[1]}")
    return max(found)[0]


def test_true_peak_never_exceeds_the_ceiling_on_adversarial_signals() -> None:
    assert _worst_of_ours(range(24)) <= 0.0


@pytest.mark.parametrize("kind", range(KINDS))
def test_true_peak_never_exceeds_the_ceiling_on_the_signals_of_mastering(kind: int) -> None:
    assert _worst_of_masterings(range(kind, kind + 1)) <= 0.0


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_true_peak_never_exceeds_the_ceiling_on_a_thousand_signals() -> None:
    assert max(_worst_of_ours(range(24, 524)), _worst_of_masterings(range(KINDS, 512))) <= 0.0


def test_what_common_meters_read_too_high_stays_below_as_well() -> None:
    audio = np.clip(np.random.default_rng(3).standard_cauchy((2, RATE // 2)), -6.0, 6.0)
    meter = pyebur128.R128State(2, RATE, pyebur128.MeasurementMode.MODE_TRUE_PEAK)
    meter.add_frames(np.ascontiguousarray(apply("limiter", audio).T).ravel(), audio.shape[1])
    assert 20 * np.log10(max(pyebur128.get_true_peak(meter, side) for side in range(2))) <= -1.0


def test_meter_reads_what_is_between_the_samples() -> None:
    # A tone just below half the rate, where a short meter shows 4 dB too little.
    tone = np.sin(2 * np.pi * 0.48 * np.arange(RATE // 4)) * np.hanning(RATE // 4)
    assert true_peak_db(np.stack((tone, tone))) == pytest.approx(0.0, abs=0.1)


def test_alternation_out_of_silence_reads_high_and_is_held() -> None:
    # Every sample is far below the ceiling; between them a meter of any length finds more than its samples.
    audio = np.zeros((2, 20_000))
    audio[:, 10_000:] = np.where(np.arange(10_000) % 2, 0.4, -0.4)
    assert true_peak_db(audio) > 0.0
    assert true_peak_db(apply("limiter", audio)) <= -1.0


def test_what_is_limited_keeps_its_band_up_to_nearly_half_the_rate() -> None:
    hz = 19_500.0
    loud, tone = sine(440.0, RATE, level=1.2), sine(hz, RATE, level=0.01)
    middle = slice(RATE // 4, 3 * RATE // 4)
    out = apply("limiter", loud + tone)[0, middle]
    # The gain is steady there, so both tones are in it as they were.
    heard = np.abs(np.fft.rfft(out * np.hanning(out.size)))
    ratio = heard[round(hz * out.size / RATE)] / heard[round(440.0 * out.size / RATE)]
    assert 20 * np.log10(ratio) == pytest.approx(20 * np.log10(0.01 / 1.2), abs=0.1)


def test_quiet_sound_passes_bit_for_bit_and_only_late() -> None:
    audio = noise(10_000, level=0.05)
    unit = insert("limiter")
    late = audio.copy()
    unit.process(late, 0, None)
    assert unit.latency == round(0.005 * RATE) + 64
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
    assert true_peak_db(tail * np.hanning(tail.shape[1])) <= -20.0


def test_ceiling_that_jumps_is_kept_from_its_sample_on() -> None:
    at, lookahead = 20_000, round(0.005 * RATE)
    lane = points((0.0, -1.0, "hold"), (at / RATE, -20.0))
    out = apply("limiter", sine(997.0, 2 * at, level=1.0), automation={"ceiling_dbtp": lane})
    assert 20 * np.log10(np.abs(out[:, at:]).max()) <= -20.0
    before = out[:, : at - lookahead - 1]
    assert np.array_equal(before, apply("limiter", sine(997.0, 2 * at, level=1.0))[:, : at - lookahead - 1])


@settings(max_examples=20)
@given(seed=st.integers(2_000, 1_000_000), block=st.sampled_from([64, 441, 1_000, 8_192]))
def test_blocks_change_nothing(seed: int, block: int) -> None:
    audio = _adversarial(seed)
    assert np.array_equal(apply("limiter", audio, block=block), apply("limiter", audio, block=100_000))
