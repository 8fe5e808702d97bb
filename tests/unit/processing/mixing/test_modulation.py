"""Chorus, flanger, phaser, tremolo, bitcrusher and saturation."""

import numpy as np
import pytest

from tests.support.mixing import RATE, apply, impulse, insert, level_db, noise, points, sine


def test_chorus_that_does_not_move_is_a_delay() -> None:
    out = apply("chorus", impulse(4_000), depth_ms=0.0, delay_ms=10.0, mix=1.0)
    assert np.flatnonzero(np.abs(out[0]) > 1e-9).tolist() == [441]


def test_chorus_moves_as_far_as_its_depth() -> None:
    tone = sine(1_000.0, 4 * RATE)
    out = apply("chorus", tone, rate_hz=1.0, depth_ms=5.0, delay_ms=20.0, stereo_degrees=0.0, mix=1.0)
    clock = np.arange(4 * RATE) / RATE
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * (clock - 0.020 - 0.005 * np.sin(2 * np.pi * clock)))
    assert np.abs(out[0, RATE:] - expected[RATE:]).max() < 2e-3


def test_stereo_phase_makes_the_sides_differ() -> None:
    tone = sine(1_000.0, RATE)
    assert np.array_equal(*apply("flanger", tone, stereo_degrees=0.0))
    assert not np.array_equal(*apply("flanger", tone, stereo_degrees=90.0))


def test_flanger_is_a_comb() -> None:
    out = apply("flanger", impulse(1 << 14), depth_ms=0.0, delay_ms=1.0, feedback=0.0, mix=0.5)
    response = np.abs(np.fft.rfft(out[0]))
    hz = np.fft.rfftfreq(1 << 14, 1 / RATE)
    delay = 44.1 / RATE
    expected = np.abs(0.5 + 0.5 * np.exp(-2j * np.pi * hz * delay))
    assert np.abs(response - expected)[hz < 8_000].max() < 0.01


@pytest.mark.parametrize("stages", [4, 6, 8, 12])
def test_phaser_has_a_notch_for_each_pair_of_stages(stages: int) -> None:
    out = apply("phaser", impulse(1 << 16), stages=str(stages), depth_octaves=0.0, feedback=0.0, frequency_hz=1_000.0)
    response = 20 * np.log10(np.abs(np.fft.rfft(out[0])) + 1e-12)
    dips = (response[1:-1] < response[:-2]) & (response[1:-1] < response[2:]) & (response[1:-1] < -25)
    assert np.count_nonzero(dips) == stages // 2


def test_phaser_alone_is_an_all_pass() -> None:
    out = apply("phaser", impulse(1 << 14), depth_octaves=0.0, feedback=0.0, mix=1.0)
    assert np.abs(20 * np.log10(np.abs(np.fft.rfft(out[0])))).max() < 0.01


@pytest.mark.parametrize("shape", ["sine", "triangle", "square", "saw"])
def test_tremolo_swings_by_its_depth(shape: str) -> None:
    ones = np.ones((2, 2 * RATE))
    out = apply("tremolo", ones, rate_hz=5.0, depth=0.5, shape=shape)
    assert out.max() == pytest.approx(1.0, abs=1e-3)
    assert out.min() == pytest.approx(0.5, abs=1e-3)
    # No edge is steeper than a click would be.
    assert np.abs(np.diff(out)).max() < 0.01


def test_synced_tremolo_begins_loud_on_each_note() -> None:
    out = apply("tremolo", np.ones((2, 2 * RATE)), tempo=120.0, sync="1/4", depth=1.0)
    for beat in range(4):
        assert out[0, beat * RATE // 2] == pytest.approx(1.0, abs=1e-6)
        assert out[0, beat * RATE // 2 + RATE // 4] == pytest.approx(0.0, abs=1e-6)


def test_opposite_phases_pan() -> None:
    out = apply("tremolo", np.ones((2, RATE)), depth=1.0, stereo_degrees=180.0)
    assert np.allclose(out.sum(axis=0), 1.0)


def test_moving_rate_keeps_the_phase() -> None:
    lane = points((0.0, 1.0), (1.0, 9.0))
    out = apply("tremolo", np.ones((2, RATE)), automation={"rate_hz": lane}, depth=1.0)
    clock = np.arange(RATE) / RATE
    # The phase is the integral of the rate.
    expected = 0.5 + 0.5 * np.cos(2 * np.pi * (clock + 4 * clock**2))
    assert np.abs(out[0] - expected).max() < 1e-3


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_bitcrusher_rounds_to_its_steps(bits: int) -> None:
    audio = noise(5_000, level=0.3)
    out = apply("bitcrusher", audio, bits=float(bits), rate_hz=96_000.0)
    assert np.array_equal(out, np.rint(audio * 2 ** (bits - 1)) / 2 ** (bits - 1))


def test_bitcrusher_holds_samples_at_its_rate() -> None:
    audio = noise(4_410)
    out = apply("bitcrusher", audio, bits=24.0, rate_hz=RATE / 10)
    assert np.count_nonzero(np.diff(out[0])) == pytest.approx(441, abs=2)


@pytest.mark.parametrize("curve", ["soft", "tape", "tube", "hard"])
def test_saturation_leaves_quiet_sounds_alone(curve: str) -> None:
    tone = sine(1_000.0, RATE, level=1e-4)
    out = apply("saturation", tone, drive_db=0.0, curve=curve)
    assert np.abs(out[:, 5_000:-500] - tone[:, 5_000:-500]).max() < 1e-6


@pytest.mark.parametrize("curve", ["soft", "tape", "hard"])
def test_saturation_adds_odd_harmonics_and_bounds_the_peak(curve: str) -> None:
    tone = sine(1_000.0, RATE, level=1.0)
    out = apply("saturation", tone, drive_db=18.0, curve=curve)
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(out[0])) / RATE + 1e-12)
    assert np.abs(out).max() < 1.3
    assert spectrum[3_000] > -25
    assert spectrum[2_000] < -90


def test_tube_adds_even_harmonics_and_no_direct_current() -> None:
    out = apply("saturation", sine(1_000.0, 2 * RATE, level=0.8), drive_db=12.0, curve="tube")
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(out[0, RATE:])) / RATE + 1e-12)
    assert spectrum[2_000] > -40
    assert abs(out[0, RATE:].mean()) < 1e-3


def test_what_saturation_adds_does_not_fold_back() -> None:
    # The seventh harmonic of 5 kHz lies at 35 kHz; without oversampling it would come back at 9.1 kHz.
    out = apply("saturation", sine(5_000.0, RATE, level=1.0), drive_db=12.0, curve="soft")
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(out[0])) / RATE + 1e-12)
    print(f"alias of the seventh harmonic: {spectrum[9_100]:.0f} dB")
    assert spectrum[9_100] < -90


def test_saturation_is_as_late_as_it_says() -> None:
    unit = insert("saturation", drive_db=0.0)
    pulse = impulse(400, at=100, height=1e-4)
    unit.process(pulse, 0, None)
    assert int(np.argmax(np.abs(pulse[0]))) == 100 + unit.latency


def test_tone_and_output_shape_the_result() -> None:
    audio = noise(RATE, level=0.01)
    plain = apply("saturation", audio, drive_db=0.0)
    assert level_db(apply("saturation", audio, drive_db=0.0, output_db=-12.0)) == pytest.approx(
        level_db(plain) - 12, abs=0.01
    )
    assert level_db(apply("saturation", audio, drive_db=0.0, tone_hz=1_000.0)) < level_db(plain) - 8
