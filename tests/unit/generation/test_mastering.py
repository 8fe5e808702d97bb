"""The live limiter, the meter and the mastered files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyebur128
import pytest
import scipy.signal
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generation import mastering
from services.generation.mastering import LiveLimiter, Measurement, Recording

RATE = 44_100


def noise(seconds: float, level: float, channels: int = 2, seed: int = 0) -> np.ndarray:
    """White noise that hits the ceiling now and then."""
    draw = np.random.default_rng(seed)
    return (draw.standard_normal((round(seconds * RATE), channels)) * level).astype(np.float32)


def run(limiter: LiveLimiter, audio: np.ndarray, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Feed the audio in blocks of the given sizes, then flush."""
    parts, start, turn = [], 0, 0
    while start < len(audio):
        size = sizes[turn % len(sizes)]
        parts.append(limiter.process(audio[start : start + size]))
        start, turn = start + size, turn + 1
    parts.append(limiter.flush())
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def true_peak_db(audio: np.ndarray) -> float:
    """Independent reference: 16 times polyphase oversampling by scipy."""
    return 20 * np.log10(np.abs(scipy.signal.resample_poly(audio, 16, 1, axis=0)).max())


@pytest.mark.parametrize(
    "audio",
    [
        noise(2.0, 0.8),
        np.repeat(np.sin(np.pi / 2 * np.arange(RATE) + np.pi / 4)[:, None], 2, axis=1).astype(np.float32) * 1.3,
        np.repeat(np.sign(np.sin(2 * np.pi * 997 / RATE * np.arange(RATE)))[:, None], 2, axis=1).astype(np.float32) * 2,
        np.eye(2000, 2, dtype=np.float32) * 5,
    ],
    ids=["noise", "quarter-rate sine", "square", "impulse"],
)
def test_true_peak_stays_below_the_ceiling(audio: np.ndarray) -> None:
    out, _ = run(LiveLimiter(RATE, 2, ceiling_dbtp=-1.0), audio, [4096])
    assert true_peak_db(out) <= -1.0


def test_what_goes_in_comes_out_sample_for_sample() -> None:
    quiet = noise(0.5, 0.01)
    out, curve = run(LiveLimiter(RATE, 2, gain_db=6.0), quiet, [1000])
    gain = np.float32(10 ** (6 / 20))
    assert out.shape == quiet.shape
    np.testing.assert_array_equal(curve, np.full(len(quiet), gain))
    np.testing.assert_array_equal(out, quiet * gain)


def test_latency_is_what_the_limiter_states() -> None:
    limiter = LiveLimiter(RATE, 2)
    out, curve = limiter.process(noise(0.5, 0.1))
    assert len(out) == len(curve) == round(0.5 * RATE) - limiter.latency_samples
    assert len(limiter.flush()[0]) == limiter.latency_samples


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=6))
def test_result_does_not_depend_on_block_sizes(sizes: list[int]) -> None:
    audio = noise(0.3, 0.9, seed=3)
    whole, whole_curve = run(LiveLimiter(RATE, 2), audio, [len(audio)])
    parts, parts_curve = run(LiveLimiter(RATE, 2), audio, sizes)
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_array_equal(whole_curve, parts_curve)


def test_stems_under_the_gain_curve_sum_to_the_limited_mix() -> None:
    stems = [noise(1.0, 0.5, seed=seed) for seed in range(3)]
    out, curve = run(LiveLimiter(RATE, 2, gain_db=3.0), sum(stems), [8192])  # type: ignore[arg-type]
    np.testing.assert_allclose(sum(stem * curve[:, None] for stem in stems), out, atol=1e-6)
    assert curve.min() < np.float32(10 ** (3 / 20)) * 0.9


def test_audio_shorter_than_the_lookahead_survives() -> None:
    audio = noise(0.002, 0.1)
    out, _ = run(LiveLimiter(RATE, 2), audio, [10])
    np.testing.assert_array_equal(out, audio)


def test_compiled_kernel_equals_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = noise(0.03, 1.0)
    compiled, compiled_curve = run(LiveLimiter(RATE, 2), audio, [500])
    monkeypatch.setattr(mastering, "_limit", mastering._limit.py_func)
    plain, plain_curve = run(LiveLimiter(RATE, 2), audio, [500])
    np.testing.assert_allclose(plain, compiled, atol=1e-5)
    np.testing.assert_allclose(plain_curve, compiled_curve, atol=1e-5)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.6, 2.0])
def test_looking_only_where_it_is_loud_misses_nothing(level: float) -> None:
    audio = noise(1.0, level, seed=7) * np.linspace(0.0, 1.0, RATE, dtype=np.float32)[:, None]
    everywhere = LiveLimiter(RATE, 2, gain_db=2.0)
    everywhere._quiet = -1.0
    looked = run(everywhere, audio, [3_000])
    for out, wanted in zip(run(LiveLimiter(RATE, 2, gain_db=2.0), audio, [3_000]), looked, strict=True):
        np.testing.assert_array_equal(out, wanted)


def test_mono_is_metered_as_libebur128_meters_it() -> None:
    audio = noise(2.0, 0.2, channels=1)
    state = pyebur128.R128State(1, RATE, pyebur128.MeasurementMode.MODE_I)
    state.add_frames(audio.reshape(-1), len(audio))
    wanted = pyebur128.get_loudness_global(state)
    assert mastering.measure([audio], RATE, 1).loudness_lufs == pytest.approx(wanted, abs=1e-4)


def test_values_that_are_not_finite_are_refused() -> None:
    block = noise(0.01, 0.1)
    block[3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        LiveLimiter(RATE, 2).process(block)


def test_wrong_channel_count_and_use_after_flush_are_refused() -> None:
    limiter = LiveLimiter(RATE, 2)
    with pytest.raises(ValueError, match="Expected"):
        limiter.process(np.zeros((10, 1), np.float32))
    limiter.flush()
    with pytest.raises(ValueError, match="flushed"):
        limiter.process(np.zeros((10, 2), np.float32))


def test_meter_reads_the_ebu_reference_sine() -> None:
    # EBU Tech 3341, case 1: a stereo 1 kHz sine at −23 dBFS reads −23 LUFS (±0.1).
    time = np.arange(20 * 48_000) / 48_000
    sine = np.repeat((10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * time))[:, None], 2, axis=1).astype(np.float32)
    result = mastering.measure([sine], 48_000, 2)
    assert result.loudness_lufs == pytest.approx(-23.0, abs=0.1)
    assert result.true_peak_dbtp == pytest.approx(-23.0, abs=0.1)


def test_silence_reads_the_floor_and_is_not_amplified() -> None:
    silence = mastering.measure([np.zeros((RATE, 2), np.float32)], RATE, 2)
    assert silence == Measurement(mastering.SILENCE_LUFS, mastering.SILENCE_DBTP)
    assert mastering.mastering_gain_db(silence) == 0.0


@given(loudness=st.floats(-69, 5), peak=st.floats(-60, 3))
def test_mastering_gain_never_passes_the_ceiling(loudness: float, peak: float) -> None:
    gain = mastering.mastering_gain_db(Measurement(loudness, peak))
    assert peak + gain <= -1.0 + 1e-9
    assert loudness + gain <= -14.0 + 1e-9 or gain == -12.0


def test_master_is_the_live_audio_times_the_stated_gain(tmp_path: Path) -> None:
    live = Recording(tmp_path / "live.f32", RATE, 2)
    audio = np.clip(noise(3.0, 0.1, seed=5), -0.8, 0.8)
    for start in range(0, len(audio), 10_000):
        live.append(audio[start : start + 10_000])
    live.close()
    master = mastering.write_master(tmp_path / "master.flac", live, target_lufs=-16.0)
    written, rate = soundfile.read(master.path, dtype="float32", always_2d=True)
    assert rate == RATE
    assert soundfile.info(master.path).subtype == "PCM_24"
    np.testing.assert_allclose(written, audio * 10 ** (master.gain_db / 20), atol=2**-23)
    measured = mastering.measure(master.path)
    assert measured.loudness_lufs == pytest.approx(master.loudness_lufs, abs=0.05)
    assert measured.true_peak_dbtp == pytest.approx(master.true_peak_dbtp, abs=0.05)
    assert measured.true_peak_dbtp <= -0.95
    assert master.duration_seconds == live.duration_seconds == 3.0


@pytest.mark.parametrize("seconds", [0.1, 10.0], ids=["in memory", "on disk"])
def test_recording_reads_back_while_it_grows(tmp_path: Path, seconds: float) -> None:
    live = Recording(tmp_path / "live.f32", RATE, 2)
    first, second = noise(seconds, 0.1), noise(seconds, 0.1, seed=1)
    live.append(first)
    np.testing.assert_array_equal(np.concatenate(list(live.blocks())), first)
    live.append(second)
    live.close()
    live.close()
    np.testing.assert_array_equal(np.concatenate(list(live.blocks())), np.concatenate([first, second]))
    assert live.path.exists() == (seconds > 1.0)
    live.discard()
    assert not live.path.exists()
