"""The job "separate" from a file to tracks, with Spleeter's real weights."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import soundfile

from services.processing.jobs.kind import LicenceTerms
from services.processing.separation.job import KIND
from services.shared.errors import AppError, ErrorCode


def song(seconds: float, rate: int = 44_100, channels: int = 2) -> np.ndarray:
    noise = np.random.default_rng(3)
    t = np.arange(int(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 220 * t) + 0.5 * np.sin(2 * np.pi * 661 * t)
    return 0.2 * tone[:, None] * np.linspace(1, 0.6, channels) + 0.02 * noise.standard_normal((len(t), channels))


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1), (32_000, 2)])
def test_stems_are_tracks_that_sum_to_the_mix_at_its_own_rate(track, work, rate: int, channels: int) -> None:  # type: ignore[no-untyped-def]
    source = track(song(2.5, rate, channels), rate)
    job = work(source)
    made = KIND.run(job)

    mix, _ = soundfile.read(source.master, always_2d=True)
    stems = []
    for new in made.tracks:
        samples, stem_rate = soundfile.read(new.master, always_2d=True)
        assert (stem_rate, samples.shape) == (rate, mix.shape)
        stems.append(samples)
        assert (new.parent_id, new.model, new.licence) == (
            "t",
            "spleeter-2stems",
            LicenceTerms("CC-BY-4.0", True, ("Ann",)),
        )
        assert (new.bpm, new.key, new.tags) == (90.0, "Am", ("own",))
    assert [new.title for new in made.tracks] == ["Song (vocals)", "Song (accompaniment)"]
    # Three roundings to 24 bits.
    assert np.abs(sum(stems) - mix).max() <= 3 * 2.0**-24
    fractions = [fraction for fraction, _ in job.report.told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert (made.result["gain"], made.result["notes"]) == (1.0, [])


def test_karaoke_is_one_track_and_the_residual_has_one_when_asked_for(track, work) -> None:  # type: ignore[no-untyped-def]
    source = track(song(1.0))
    assert [new.title for new in KIND.run(work(source, preset="karaoke")).tracks] == ["Song (karaoke)"]
    made = KIND.run(work(source, residual="stem"))
    assert [new.spec["stem"] for new in made.tracks] == ["vocals", "accompaniment", "residual"]


def test_stems_that_would_clip_are_all_turned_down_alike(track, work) -> None:  # type: ignore[no-untyped-def]
    # Full-scale square waves: what one stem lacks overshoots in the other.
    t = np.arange(44_100 * 2) / 44_100
    square = np.sign(np.sin(2 * np.pi * 110 * t) + 0.4 * np.sin(2 * np.pi * 3_001 * t)) * 0.999
    source = track(np.stack((square, square), axis=1))
    made = KIND.run(work(source))
    gain = made.result["gain"]
    assert 0.3 < gain < 1.0
    [note] = made.result["notes"]
    assert f"all are {-20 * np.log10(gain):.1f} dB lower" in note
    stems = [soundfile.read(new.master)[0] for new in made.tracks]
    mix, _ = soundfile.read(source.master)
    np.testing.assert_allclose(sum(stems), gain * mix, atol=2e-6)
    assert max(np.abs(stem).max() for stem in stems) <= 10 ** (-0.1 / 20) + 1e-6


def test_silence_separates_into_silence(track, work) -> None:  # type: ignore[no-untyped-def]
    made = KIND.run(work(track(np.zeros((44_100, 2)))))
    for new in made.tracks:
        assert not soundfile.read(new.master)[0].any()
    assert [stem["energy_share"] for stem in made.result["stems"]] == [0.0, 0.0]


@pytest.mark.parametrize("frames", [1, 5_000])
def test_shortest_sounds_are_separated_too(track, work, frames: int) -> None:  # type: ignore[no-untyped-def]
    source = track(song(1.0)[:frames])
    made = KIND.run(work(source))
    mix, _ = soundfile.read(source.master)
    assert np.abs(sum(soundfile.read(new.master)[0] for new in made.tracks) - mix).max() <= 3 * 2.0**-24


def test_cancelled_separation_ends_between_two_steps_and_the_next_one_runs(track, work) -> None:  # type: ignore[no-untyped-def]
    class StopNowError(Exception):
        pass

    times: list[float] = []

    def check() -> None:
        times.append(time.monotonic())
        if len(times) > 12:
            raise StopNowError

    source = track(song(26.0))
    with pytest.raises(StopNowError):
        KIND.run(work(source, check))
    assert len(times) == 13
    assert KIND.run(work(track(song(0.5)))).tracks


def test_more_than_two_channels_are_refused_in_words(track, work) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AppError, match="6 channels") as caught:
        KIND.run(work(track(song(0.2, channels=6))))
    assert caught.value.code is ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize("model", ["htdemucs", "htdemucs_6s", "hybrid"])
def test_model_that_is_not_there_says_how_to_get_it(track, work, model: str, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(AppError) as caught:
        KIND.run(work(track(song(0.2)), model=model))
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    assert "safetensors" in caught.value.message
    assert not re.search(r"(^|\s)/", caught.value.message), "the server's own folders are nobody's business"
