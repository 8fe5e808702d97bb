"""Nothing unsound passes the gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.generation.backends.protocol import GeneratedTrack
from services.generation.mastering import measure
from services.generation.worker.output_gate import OutputRefused, check_output

RATE = 44_100


def track(path: Path, audio: np.ndarray, **fields: object) -> GeneratedTrack:
    """A track whose statements are true."""
    soundfile.write(path, audio, RATE, subtype="FLOAT" if path.suffix == ".wav" else "PCM_24")
    finite = np.nan_to_num(audio, nan=0.0)
    measured = measure([np.ascontiguousarray(finite, np.float32)], RATE, audio.shape[1])
    made = GeneratedTrack(
        master_path=path,
        duration_seconds=len(audio) / RATE,
        sample_rate_hz=RATE,
        channels=audio.shape[1],
        loudness_lufs=measured.loudness_lufs,
        true_peak_dbtp=measured.true_peak_dbtp,
        mastering_gain_db=0.0,
        title="",
        runtime="",
        precision="",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def sine(level: float, seconds: float = 2.0, offset: float = 0.0) -> np.ndarray:
    wave = level * np.sin(2 * np.pi * 100 * np.arange(round(seconds * RATE)) / RATE) + offset
    return np.repeat(wave[:, None], 2, axis=1)


def test_sound_song_passes(tmp_path: Path) -> None:
    check_output(track(tmp_path / "a.flac", sine(0.5)))


def refused(made: GeneratedTrack) -> str:
    with pytest.raises(OutputRefused) as caught:
        check_output(made)
    return str(caught.value)


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    audio = sine(0.5)
    audio[100, 1] = np.nan
    assert "finite" in refused(track(tmp_path / "a.wav", audio))


def test_clipped_song_is_refused(tmp_path: Path) -> None:
    assert "clipped" in refused(track(tmp_path / "a.flac", np.clip(sine(2.0), -1, 1)))


def test_true_peak_above_the_ceiling_is_refused(tmp_path: Path) -> None:
    made = track(tmp_path / "a.flac", sine(0.95))
    assert "true peak" in refused(made)
    check_output(made, ceiling_dbtp=0.0)


def test_constant_part_is_refused(tmp_path: Path) -> None:
    assert "constant" in refused(track(tmp_path / "a.flac", sine(0.4, offset=0.02)))


def test_silence_is_refused(tmp_path: Path) -> None:
    assert "silent" in refused(track(tmp_path / "a.flac", sine(0.0)))


def test_wrong_statements_are_refused(tmp_path: Path) -> None:
    made = track(tmp_path / "a.flac", sine(0.5))
    assert "samples" in refused(replace(made, duration_seconds=3.0))
    assert "LUFS" in refused(replace(made, loudness_lufs=made.loudness_lufs + 1))
    assert "channels" in refused(replace(made, channels=1))


def test_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    made = track(tmp_path / "a.flac", sine(0.5))
    made.master_path.write_bytes(b"no audio")
    assert "read" in refused(made)
