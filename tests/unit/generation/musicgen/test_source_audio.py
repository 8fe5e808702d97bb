"""Of a source only what is heard is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from services.generation.musicgen.source_audio import Part, before, beginning, read_source
from services.generation.musicgen.style_limits import style_excerpt
from services.shared.errors import AppError

RATE = 44_100


def middle(seconds: float) -> tuple[float, float]:
    return style_excerpt(seconds, 3.0)


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of noise, stereo."""
    path = tmp_path_factory.mktemp("source") / "track.flac"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (120 * RATE, 2)).astype(np.float32)
    soundfile.write(path, noise, RATE, subtype="PCM_16")
    return path


@pytest.mark.parametrize(
    ("part", "rate", "first", "last"),
    [
        (middle, 24_000, 58.5, 61.5),
        (beginning(30.0), 32_000, 0.0, 30.0),
        (beginning(300.0), 32_000, 0.0, 120.0),
        (before(20.0, 12.0), 32_000, 8.0, 20.0),
        (before(5.0, 12.0), 32_000, 0.0, 5.0),
        (before(None, 12.0), 32_000, 108.0, 120.0),
    ],
)
def test_part_is_the_part_of_the_whole_and_little_more_is_decoded(
    part: Part, rate: int, first: float, last: float, track: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = soxr.resample(soundfile.read(track, dtype="float32")[0].mean(axis=1), RATE, rate)
    read: list[int] = []
    really = soundfile.SoundFile.read

    def counted(self: soundfile.SoundFile, frames: int = -1, **options: object) -> np.ndarray:
        audio: np.ndarray = really(self, frames, **options)
        read.append(len(audio))
        return audio

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    heard = read_source(track, rate, 1, part, "/x")[:, 0]
    assert len(heard) == round((last - first) * rate)
    np.testing.assert_allclose(heard, whole[round(first * rate) : round(last * rate)], atol=1e-3)
    assert sum(read) <= (last - first + 0.2) * RATE + 2


def test_what_is_wrong_is_said_at_the_field_that_named_the_track(track: Path, tmp_path: Path) -> None:
    loud, broken = tmp_path / "loud.wav", tmp_path / "broken.flac"
    soundfile.write(loud, np.full(RATE, 100.0), RATE, subtype="FLOAT")
    broken.write_bytes(track.read_bytes()[:30])
    for path, part, words in (
        (track, before(0.0, 12.0), "no audio"),
        (broken, beginning(30.0), "cannot be decoded"),
        (loud, beginning(30.0), "damaged"),
    ):
        with pytest.raises(AppError, match=words) as caught:
            read_source(path, 32_000, 1, part, "/melody_id")
        assert [violation.pointer for violation in caught.value.violations] == ["/melody_id"]
