"""Mastering jobs from request to file."""

from __future__ import annotations

import hashlib
import tracemalloc

import numpy as np
import pytest
import soundfile

from services.processing.jobs.kind import LicenceTerms
from services.processing.mastering.presets import PRESETS
from services.processing.media.measuring import measure
from services.shared.errors import AppError, ErrorCode

RATE = 44_100


def no_check():
    """Nobody cancels."""


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_meets_its_loudness_and_its_ceiling(run_master, write, band, preset):
    done = run_master(write(band), preset=preset)
    # libebur128 is an independent meter of both.
    measured = measure(done.path, no_check)
    print(f"{preset}: {measured.loudness_lufs:.2f} LUFS, {measured.true_peak_dbtp:.2f} dBTP")
    assert measured.loudness_lufs == pytest.approx(PRESETS[preset].target_lufs, abs=0.2)
    assert measured.true_peak_dbtp <= PRESETS[preset].ceiling_dbtp
    assert done.result["target"]["met"]


def test_asked_levels_win_over_the_presets(run_master, write, band):
    done = run_master(write(band), preset="loud", target_lufs=-18.5, true_peak_dbtp=-6.0)
    measured = measure(done.path, no_check)
    assert measured.loudness_lufs == pytest.approx(-18.5, abs=0.2)
    assert measured.true_peak_dbtp <= -6.0


def test_the_report_agrees_with_an_independent_meter_and_says_how_to_compare(run_master, write, band):
    path = write(band)
    done = run_master(path, preset="loud")
    before, after = measure(path, no_check), measure(done.path, no_check)
    report = done.result
    assert report["before"]["integrated_lufs"] == pytest.approx(before.loudness_lufs, abs=0.02)
    assert report["after"]["integrated_lufs"] == pytest.approx(after.loudness_lufs, abs=0.02)
    for stage in ("before", "after"):
        heard = report[stage]
        assert heard["peak_to_loudness_lu"] == pytest.approx(
            heard["true_peak_dbtp"] - heard["integrated_lufs"], abs=0.02
        )
        assert heard["momentary_max_lufs"] >= heard["short_term_max_lufs"] >= heard["integrated_lufs"] - 1.0
        assert 0.0 < heard["correlation"] <= 1.0
        assert len(heard["spectrum"]) > 25
    gains = report["comparison"]
    assert max(gains.values()) == 0.0
    original = before.loudness_lufs + gains["original_gain_db"]
    assert original == pytest.approx(after.loudness_lufs + gains["master_gain_db"], abs=0.02)


def test_the_same_song_gives_the_same_bytes(run_master, write, band):
    path = write(band)
    digests = {hashlib.sha256(run_master(path, preset="club").path.read_bytes()).hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_a_reference_gives_its_tone_width_and_loudness(run_master, write, band):
    dark = np.cumsum(band - band.mean(axis=0), axis=0)
    dark = 0.4 * (dark - np.linspace(0, 1, len(dark))[:, None] * dark[-1]) / np.abs(dark).max() + 0.05 * band
    reference = write(band * 0.5, name="reference.wav")
    done = run_master(write(dark), reference=reference)
    wanted = measure(reference, no_check).loudness_lufs
    assert measure(done.path, no_check).loudness_lufs == pytest.approx(wanted, abs=0.2)
    again = run_master(write(done.audio(), name="again.wav"), reference=reference)

    def largest(report):
        inside = [item for item in report["processing"]["matching"] if 60.0 < item["hz"] < 12_000.0]
        return max(abs(item["mid_db"]) for item in inside)

    print(f"largest difference to the reference: {largest(done.result):.1f} dB, then {largest(again.result):.1f} dB")
    assert largest(again.result) < 0.5 * largest(done.result)


def test_the_new_track_keeps_what_is_known_and_its_own_terms(run_master, write, band):
    done = run_master(write(band), reference=write(band * 0.3, name="r.wav"))
    (track,) = done.made.tracks
    assert (track.parent_id, track.title, track.bpm, track.key, track.tags) == (
        "a",
        "Song a (master)",
        120.0,
        "A minor",
        ("calm",),
    )
    assert track.licence == LicenceTerms("CC-BY-4.0", True, ("a",))
    assert soundfile.info(done.path).subtype == "PCM_24"
    assert sorted(path.name for path in done.path.parent.iterdir()) == ["master.flac"]


def test_progress_goes_forward_in_a_musicians_words(run_master, write, band):
    done = run_master(write(band), preset="loud")
    fractions = [fraction for fraction, _ in done.reports]
    assert fractions == sorted(fractions)
    assert 0.0 < fractions[0] < 0.3
    assert fractions[-1] > 0.7
    stages = list(dict.fromkeys(stage for _, stage in done.reports))
    assert stages == ["listening to the mix", "shaping tone and dynamics", "limiting and writing the master"]


class CancelledError(Exception):
    """What a worker's check raises."""


def test_a_cancelled_master_stops_between_two_blocks(run_master, write, band):
    path = write(np.tile(band, (3, 1)))
    for allowed in (0, 3, 17, 30):
        calls = 0

        def check(allowed=allowed):
            nonlocal calls
            calls += 1
            if calls > allowed:
                raise CancelledError

        with pytest.raises(CancelledError):
            run_master(path, check=check)
        assert calls == allowed + 1


def problem(run_master, path, **body):
    with pytest.raises(AppError) as caught:
        run_master(path, **body)
    return caught.value


def test_silence_is_refused_with_a_reason(run_master, write):
    for samples in (np.zeros((RATE, 2)), np.full((RATE, 1), 1e-5)):
        error = problem(run_master, write(samples))
        assert error.code is ErrorCode.VALIDATION
        assert (error.violations[0].pointer, "silent" in error.message) == ("/track_id", True)


def test_a_tenth_of_a_second_is_refused_with_its_length(run_master, write, band):
    error = problem(run_master, write(band[: RATE // 10]))
    assert error.code is ErrorCode.VALIDATION
    assert "0.10 s" in error.message


def test_a_silent_reference_is_refused_at_its_own_field(run_master, write, band):
    error = problem(run_master, write(band), reference=write(np.zeros((RATE, 2)), name="r.wav"))
    assert error.violations[0].pointer == "/reference_track_id"


def test_surround_is_refused(run_master, write, band):
    error = problem(run_master, write(np.repeat(band, 3, axis=1)))
    assert "6 channels" in error.message


def test_files_that_are_no_sound_are_refused(run_master, write, band):
    damaged = band.copy()
    damaged[5_000, 0] = np.nan
    assert problem(run_master, write(damaged)).code is ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (22_050, 2), (48_000, 1), (96_000, 2), (192_000, 2)])
def test_every_rate_and_mono_are_mastered(run_master, write, band, rate, channels):
    # One channel has half the loudness of two that are alike: it cannot be as loud below the same ceiling.
    preset = "loud" if channels == 2 else "streaming"
    done = run_master(write(band[:, :channels], rate), preset=preset)
    info = soundfile.info(done.path)
    assert (info.samplerate, info.channels, info.frames) == (rate, channels, len(band))
    measured = measure(done.path, no_check)
    assert measured.loudness_lufs == pytest.approx(PRESETS[preset].target_lufs, abs=0.2)
    assert measured.true_peak_dbtp <= -1.0


def test_clipped_and_offset_mixes_are_mastered_and_said_to_be_so(run_master, write, band):
    clipped = np.clip(band * 6.0, -1.0, 1.0) * 0.9 + 0.1
    done = run_master(write(np.clip(clipped, -1.0, 1.0)))
    notes = " ".join(done.result["notes"])
    assert "clipped" in notes
    assert "DC offset" in notes
    assert done.result["target"]["met"]
    assert np.abs(done.audio().mean(axis=0)).max() < 1e-4


def test_a_target_out_of_reach_is_said_and_the_ceiling_still_holds(run_master, write):
    clicks = np.zeros((6 * RATE, 2))
    clicks[:: RATE // 3] = 0.8
    done = run_master(write(clicks), preset="club")
    assert not done.result["target"]["met"]
    assert "out of reach" in done.result["notes"][0]
    assert measure(done.path, no_check).true_peak_dbtp <= -1.0


def test_memory_does_not_grow_with_the_song(run_master, write, band):
    highest = []
    run_master(write(band))
    for number, times in enumerate((4, 16)):
        path = write(np.tile(band, (times, 1)), name=f"{number}.wav", subtype="PCM_16")
        tracemalloc.start()
        run_master(path)
        highest.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    per_hour = (highest[1] - highest[0]) / (12 * len(band) / RATE) * 3_600.0
    print(f"{highest[0] / 2**20:.1f} MiB for {4 * len(band) // RATE} s, {per_hour / 2**20:.0f} MiB more an hour")
    # A map of heights and the loudness hops: nothing else may grow.
    assert per_hour < 150 * 2**20
