"""Analysis jobs from request to files."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from services.processing.analysis.colours import SCHEMES, as_hex
from services.processing.analysis.job import KIND
from services.processing.analysis.request import FEATURES
from services.processing.jobs.kind import Wanted
from services.processing.media.measuring import measure
from services.shared.errors import AppError, ErrorCode

RATE = 44_100


def no_check():
    """Nobody cancels."""


def test_everything_is_looked_at_unless_asked_otherwise(analyze, write, music):
    made = analyze(write(music))
    assert set(FEATURES) - {"spectrogram", "waveform"} <= set(made.result)
    assert made.result["tempo"]["bpm"] == pytest.approx(120.0, rel=0.01)
    assert made.result["key"]["name"] in {"A minor", "F major", "C major"}
    assert {chord["chord"] for chord in made.result["chords"]} <= {"Am", "F", "Fmaj7", "Am7"}
    assert sorted(made.files) == ["analysis.json", "spectrogram.png", "waveform.png", "waveform.svg"]
    assert not made.tracks


def test_levels_agree_with_an_independent_meter(analyze, write, music):
    path = write(music)
    measured = measure(path, no_check)
    loudness = analyze(path, features=["loudness"]).result["loudness"]
    assert loudness["integrated_lufs"] == pytest.approx(measured.loudness_lufs, abs=0.02)
    assert loudness["true_peak_dbtp"] == pytest.approx(measured.true_peak_dbtp, abs=0.1)


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_can_be_asked_for_alone(analyze, write, music, feature):
    made = analyze(write(music[: 5 * RATE]), features=[feature])
    known = {"duration", "sample_rate", "channels", "features"}
    pictures = {"spectrogram": {"spectrogram.png"}, "waveform": {"waveform.png", "waveform.svg"}}
    assert set(made.result) == known | ({feature} - set(pictures))
    assert set(made.files) == {"analysis.json"} | pictures.get(feature, set())


def test_the_file_holds_the_result_and_the_curves(analyze, write, music):
    made = analyze(write(music), features=["loudness", "energy"])
    kept = json.loads(made.files["analysis.json"].read_bytes())
    assert {name: kept[name] for name in made.result} == dict(made.result)
    curve = kept["loudness_curve"]
    assert len(curve["short_term_lufs"]) == 8
    assert max(curve["momentary_lufs"]) <= made.result["loudness"]["momentary_max_lufs"]
    assert made.result["energy"]["interval_seconds"] == 0.5
    assert len(made.result["energy"]["lufs"]) == 20


def test_the_same_song_gives_the_same_bytes(analyze, write, music):
    path = write(music)
    first, second = ({name: file.read_bytes() for name, file in analyze(path).files.items()} for _ in range(2))
    assert first == second


def test_pictures_come_in_the_colours_that_were_asked_for(analyze, write, music):
    path = write(music[: 2 * RATE])
    ember, ocean = (analyze(path, features=["spectrogram", "waveform"], scheme=name) for name in ("ember", "ocean"))
    for name in ("spectrogram.png", "waveform.png", "waveform.svg"):
        assert ember.files[name].read_bytes() != ocean.files[name].read_bytes()
    assert as_hex(SCHEMES["ocean"].wave) in ocean.files["waveform.svg"].read_text()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scheme": "plaid"}, "/scheme"),
        ({"scheme": None}, "/scheme"),
        ({"features": []}, "/features"),
        ({"features": ["tempo", "tempo"]}, "/features"),
        ({"features": ["mood"]}, "/features/0"),
        ({"feature": ["tempo"]}, "/feature"),
        ({"track_id": ""}, "/track_id"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(body, pointer):
    with pytest.raises(AppError) as caught:
        KIND.parse({"track_id": "a", **body})
    assert caught.value.code is ErrorCode.VALIDATION
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


def test_only_the_track_is_read():
    assert KIND.wanted(KIND.parse({"track_id": "a"})) == [Wanted("a")]


@pytest.mark.parametrize("frames", [1, RATE // 10, 6 * RATE])
def test_silence_is_an_answer(analyze, write, frames):
    made = analyze(write(np.zeros((frames, 2))))
    result = made.result
    assert (result["tempo"], result["beats"], result["key"], result["spectrum"]) == (None, None, None, None)
    assert result["chords"] == []
    assert result["loudness"]["integrated_lufs"] == -70.0
    # How far a peak stands above a loudness that there is not.
    assert result["loudness"]["peak_to_loudness_lu"] is None
    assert len(made.files) == 4


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (22_050, 2), (44_100, 6), (96_000, 1), (192_000, 2)])
def test_every_rate_and_channel_count_is_analysed(analyze, write, music, rate, channels):
    samples = np.repeat(music, 3, axis=1)[: 6 * rate, :channels]
    result = analyze(write(samples, rate)).result
    assert (result["sample_rate"], result["channels"]) == (rate, channels)
    assert result["loudness"]["integrated_lufs"] > -40.0
    assert result["spectrum"]["centroid_hz"] < rate / 2


def test_clipping_and_offset_are_said(analyze, write, music):
    loudness = analyze(write(np.clip(music * 9.0 + 0.2, -1.0, 1.0)), features=["loudness"]).result["loudness"]
    assert loudness["clipped_samples"] > 1_000
    assert loudness["dc_offset"] > 0.01
    assert loudness["sample_peak_dbfs"] == 0.0


def test_files_that_are_no_sound_are_refused(analyze, write, music):
    damaged = music.copy()
    damaged[9] = np.inf
    with pytest.raises(AppError) as caught:
        analyze(write(damaged))
    assert caught.value.code is ErrorCode.UNSUPPORTED_MEDIA


def test_progress_goes_forward_and_a_cancel_stops_it(analyze, write, music):
    path, reports = write(music), []
    analyze(path, report=lambda done, stage: reports.append((done, stage)))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert list(dict.fromkeys(stage for _, stage in reports)) == [
        "listening", "finding beats, harmony and form", "writing it down",
    ]  # fmt: skip

    class StoppedError(Exception):
        pass

    left = 3

    def check():
        nonlocal left
        left -= 1
        if left < 0:
            raise StoppedError

    with pytest.raises(StoppedError):
        analyze(path, check=check)


def test_memory_grows_by_frames_and_not_by_samples(analyze, write, music):
    highest = []
    analyze(write(music))
    for number, times in enumerate((2, 12)):
        path = write(np.tile(music, (times, 1)), name=f"{number}.wav", subtype="PCM_16")
        tracemalloc.start()
        analyze(path)
        highest.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    per_hour = (highest[1] - highest[0]) / 100.0 * 3_600.0
    print(f"{highest[0] / 2**20:.1f} MiB for 20 s, {per_hour / 2**20:.0f} MiB more an hour")
    # The samples alone would be 1,200 MiB an hour.
    assert per_hour < 400 * 2**20
