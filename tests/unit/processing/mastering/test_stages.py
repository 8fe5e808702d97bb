"""Each stage of the chain by itself, against its formula or against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.mastering import band_limit, clipper, compressor
from services.processing.mastering.band_limit import BandLimit
from services.processing.mastering.clipper import KNEE, Clipper
from services.processing.mastering.compressor import Compressor
from services.processing.mastering.image import Image
from services.processing.mastering.presets import Filter, Glue
from services.processing.mastering.tone import Tone, section

RATE = 44_100


def noise(frames, channels=2, seed=1, level=0.2):
    return np.random.default_rng(seed).standard_normal((frames, channels)) * level


def pieces(samples, cuts):
    return np.split(samples, sorted(cuts))


def response_db(item, hz):
    _, response = scipy.signal.freqz_sos(section(item, RATE)[None], worN=[hz], fs=RATE)
    return float(20.0 * np.log10(np.abs(response[0])))


@pytest.mark.parametrize(
    ("item", "points"),
    [
        (Filter("bell", 1_000.0, 6.0, 1.4), {1_000.0: 6.0, 20.0: 0.0, 20_000.0: 0.0}),
        (Filter("low_shelf", 200.0, -4.0), {5.0: -4.0, 200.0: -2.0, 15_000.0: 0.0}),
        (Filter("high_shelf", 5_000.0, 3.0), {20.0: 0.0, 5_000.0: 1.5, 21_500.0: 3.0}),
        (Filter("low_cut", 80.0), {80.0: -3.01, 8.0: -40.0, 10_000.0: 0.0}),
        (Filter("high_cut", 8_000.0), {8_000.0: -3.01, 50.0: 0.0}),
    ],
)
def test_filters_have_their_gain_at_their_corner_and_none_far_away(item, points):
    for hz, expected in points.items():
        assert response_db(item, hz) == pytest.approx(expected, abs=0.1)


def test_filters_above_the_band_are_left_out():
    samples = noise(1_000)
    assert Tone([Filter("high_cut", 17_000.0)], 22_050, 2).process(samples) is samples


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 5_000), max_size=5))
def test_every_stage_does_the_same_however_the_audio_is_cut(cuts):
    samples = noise(5_000)
    glue = Glue(ratio=3.0, threshold_lu=0.0, attack_ms=5.0, release_ms=60.0)

    def through(parts):
        tone = Tone([Filter("bell", 900.0, 4.0)], RATE, 2)
        image = Image(0.8, 120.0, RATE, 2)
        glued = Compressor(glue, -20.0, RATE, 2)
        stream = (image.process(glued.process(tone.process(part))) for part in parts)
        return np.concatenate(list(BandLimit(2).run(Clipper(0.3, 2).run(stream))))

    assert through(pieces(samples, cuts)) == pytest.approx(through([samples]), abs=1e-5)


def test_neutral_images_and_mono_pass_bit_for_bit():
    samples, single = noise(500), noise(500, 1)
    assert Image(1.0, 0.0, RATE, 2).process(samples) is samples
    assert Image(0.5, 150.0, RATE, 1).process(single) is single


def test_width_scales_the_side_and_leaves_the_middle():
    samples = noise(500)
    made = Image(0.5, 0.0, RATE, 2).process(samples)
    assert made.sum(axis=1) == pytest.approx(samples.sum(axis=1))
    assert made[:, 0] - made[:, 1] == pytest.approx(0.5 * (samples[:, 0] - samples[:, 1]))


def test_lows_below_the_corner_become_mono():
    time = np.arange(RATE) / RATE
    for hz, share in ((40.0, 0.01), (150.0, 0.5), (1_500.0, 1.0)):
        wave = np.sin(2 * np.pi * hz * time)
        made = Image(1.0, 150.0, RATE, 2).process(np.stack([wave, -wave], axis=1))
        side = (made[RATE // 2 :, 0] - made[RATE // 2 :, 1]) / 2
        assert np.sqrt(2 * np.mean(side**2)) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("over_db", [-20.0, -3.0, 0.0, 2.0, 10.0])
def test_a_steady_tone_is_turned_down_as_the_static_curve_says(over_db):
    glue = Glue(ratio=4.0, threshold_lu=0.0, attack_ms=5.0, release_ms=50.0, knee_db=6.0)
    level_db = -24.0 + over_db
    wave = np.sqrt(2.0) * 10.0 ** (level_db / 20.0) * np.sin(2 * np.pi * 2_000.0 * np.arange(RATE) / RATE)
    made = Compressor(glue, -24.0, RATE, 1).process(wave[:, None])[RATE // 2 :, 0]
    gain = 20.0 * np.log10(np.sqrt(np.mean(made**2)) / np.sqrt(np.mean(wave[RATE // 2 :] ** 2)))
    assert gain == pytest.approx(compressor.gain_db(level_db, -24.0, 4.0, 6.0), abs=0.15)


def test_the_static_curve_bends_smoothly_from_one_to_its_ratio():
    assert compressor.gain_db(-40.0, -20.0, 4.0, 6.0) == 0.0
    assert compressor.gain_db(-20.0, -20.0, 4.0, 6.0) == pytest.approx(-0.75 * 9.0 / 12.0)
    assert compressor.gain_db(-8.0, -20.0, 4.0, 6.0) == pytest.approx(-9.0)
    levels = np.linspace(-30.0, -10.0, 401)
    steps = np.diff([compressor.gain_db(level, -20.0, 4.0, 6.0) for level in levels])
    assert np.abs(np.diff(steps)).max() < 0.005


def test_the_compressor_takes_its_attack_and_release_time():
    glue = Glue(ratio=1_000.0, threshold_lu=0.0, attack_ms=40.0, release_ms=200.0, knee_db=0.0)
    levels = np.repeat([0.01, 0.5, 0.01], RATE)
    wave = levels * np.sqrt(2.0) * np.sin(2 * np.pi * 3_000.0 * np.arange(3 * RATE) / RATE)
    made = Compressor(glue, -26.0, RATE, 1).process(wave[:, None])[:, 0]
    frames = RATE // 1_000

    def gain_db(milliseconds):
        part = slice(milliseconds * frames - 3 * frames, milliseconds * frames + 3 * frames)
        return 10.0 * np.log10(np.mean(made[part] ** 2) / np.mean(wave[part] ** 2))

    depth = gain_db(1_950)
    # One time constant is 63 %; the level itself needs 10 ms to be known.
    assert 0.45 < gain_db(1_040) / depth < 0.70
    assert 0.30 < gain_db(2_200 + 10) / depth < 0.50


def test_the_clipper_leaves_what_is_below_its_knee_bit_for_bit():
    samples = np.clip(noise(3_000), -0.3, 0.3)
    made = np.concatenate(list(Clipper(1.0, 2).run([samples])))
    assert (made == samples).all()


def test_the_clipper_rounds_tops_and_keeps_them_below_its_own():
    wave = np.sin(2 * np.pi * 200.0 * np.arange(RATE // 4) / RATE)[:, None]
    made = np.concatenate(list(Clipper(0.6, 1).run([wave])))
    assert len(made) == len(wave)
    expected = 0.6 * KNEE + 0.6 * (1 - KNEE) * np.tanh((1.0 - 0.6 * KNEE) / (0.6 * (1 - KNEE)))
    assert np.abs(made).max() == pytest.approx(expected, abs=0.01)


def test_what_the_clipper_makes_is_not_mirrored_into_the_song():
    # A tone whose third harmonic lies above half the sample rate: naive clipping mirrors it to 44.1 − 27 = 17.1 kHz.
    hz = 9_000.0
    wave = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)[:, None]
    made = np.concatenate(list(Clipper(0.6, 1).run([wave])))[:, 0]
    naive = np.clip(wave[:, 0], -0.6, 0.6)
    mirrored = []
    for signal in (made, naive):
        power = np.abs(np.fft.rfft(signal * np.blackman(len(signal)))) ** 2
        mirrored.append(10 * np.log10(power[17_000:17_200].sum() / power.sum()))
    assert mirrored[0] < -55.0
    assert mirrored[0] < mirrored[1] - 25.0


def test_the_band_limit_is_flat_and_steep_and_in_time():
    taps = band_limit.taps().astype(np.float64)
    frequencies, response = scipy.signal.freqz(taps, worN=4_096)
    levels = 20.0 * np.log10(np.abs(response) + 1e-12)
    share = frequencies / np.pi
    assert np.abs(levels[share < 0.9]).max() < 0.01
    assert levels[share > 0.98].max() < -70.0
    samples = noise(2_000)
    made = np.concatenate(list(BandLimit(2).run([samples[:1_500], samples[1_500:]])))
    expected = scipy.signal.fftconvolve(samples, taps[:143, None], mode="same")
    assert made == pytest.approx(expected, abs=1e-5)


def test_the_kernels_say_the_same_without_their_compiler():
    samples = noise(260, level=0.5)
    compiled, interpreted = samples.copy(), samples.copy()
    for block, kernel in ((compiled, compressor._compress), (interpreted, compressor._compress.py_func)):
        state = np.zeros(7)
        state[2] = 1.0
        kernel(block, 0.01, state, 22.0, (0.002, 0.1, 0.01), -20.0, 3.0, 6.0)
    assert compiled == pytest.approx(interpreted, abs=1e-9)

    taps = clipper.interpolation_filter(4).astype(np.float64)
    corrections = [np.zeros(260), np.zeros(260)]
    for correction, kernel in zip(corrections, (clipper._clip, clipper._clip.py_func), strict=True):
        kernel(samples[:, 0], taps, 0.4, 0.3, correction)
    assert corrections[0] == pytest.approx(corrections[1], abs=1e-9)

    row = samples[:, 0].astype(np.float32)
    outs = [np.zeros(100, dtype=np.float32), np.zeros(100, dtype=np.float32)]
    for out, kernel in zip(outs, (band_limit._convolve, band_limit._convolve.py_func), strict=True):
        kernel(row, band_limit.taps(), out)
    assert outs[0] == pytest.approx(outs[1], abs=1e-5)
