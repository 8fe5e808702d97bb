"""That long tracks neither fill the memory nor keep a worker that was told to stop."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from services.processing.jobs.kind import LicenceTerms, SourceTrack, Work
from services.processing.transcription import drums
from services.processing.transcription.basic_pitch import Activations
from services.processing.transcription.decoding import transcribe
from services.processing.transcription.drums import _APART, _peaks
from services.processing.transcription.job import KIND
from services.shared.errors import AppError


def _track(seconds: float) -> SourceTrack:
    terms = LicenceTerms("MIT", True)
    return SourceTrack("t", "Long", "", seconds, 44_100, 2, 0.0, "", (), terms, Path("/nonexistent/a.flac"), {}, None)


def test_track_longer_than_memory_allows_is_refused_in_words(tmp_path: Path) -> None:
    request = KIND.parse({"track_id": "t"})
    work = Work(request, {"t": _track(3 * 3_600.0)}, tmp_path, lambda: None, lambda _part, _stage: None)
    with pytest.raises(AppError, match="180 minutes long, and at most 60") as caught:
        KIND.run(work)
    assert caught.value.violations[0].pointer == "/track_id"


@pytest.mark.parametrize("last_look", [1, 25, 60, 100])
def test_decoding_stops_when_it_is_told_to(last_look: int) -> None:
    # Forty clear notes, one after the other.
    onsets, notes = np.zeros((2_000, 88), np.float32), np.zeros((2_000, 88), np.float32)
    for number in range(40):
        onsets[50 * number, 40], notes[50 * number : 50 * number + 30, 40] = 0.9, 0.8
    heard = Activations(onsets, notes, np.zeros((2_000, 264), np.float32), np.ones(2_000, np.float32))
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks == last_look:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        transcribe(heard, check)


@pytest.fixture
def beaten(tmp_path: Path) -> Path:
    """Ten seconds of bursts of noise, four a second."""
    time = np.arange(10 * 44_100) / 44_100
    noise = np.random.default_rng(5).standard_normal(len(time))
    soundfile.write(tmp_path / "beaten.flac", 0.3 * noise * np.exp(-30.0 * (time % 0.25)), 44_100)
    return tmp_path / "beaten.flac"


def test_drums_are_heard_in_pieces_as_in_one(beaten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = drums.DrumNetwork.load()
    whole = drums.transcribe_drums(beaten, network, lambda: None)
    assert len(whole) > 30
    monkeypatch.setattr(drums, "_PIECE", 150)
    told: list[float] = []
    assert drums.transcribe_drums(beaten, network, lambda: None, told.append) == whole
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) >= 7


def test_hearing_of_drums_stops_between_two_pieces(beaten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drums, "_PIECE", 150)
    heard = 0

    class Counting(drums.DrumNetwork):
        def activations(self, levels: drums.Matrix) -> drums.Matrix:
            nonlocal heard
            heard += 1
            return super().activations(levels)

    def check() -> None:
        if heard == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        drums.transcribe_drums(beaten, Counting.load(), check)
    assert heard == 2


@given(st.lists(st.floats(0.0, 1.0, width=32), max_size=60))
def test_hits_are_the_strongest_that_lie_apart(values: list[float]) -> None:
    column = np.array(values, np.float32)
    found = _peaks(column, 0.5)
    assert all(second - first >= _APART for first, second in pairwise(found))
    for frame in np.flatnonzero(column >= 0.5):
        near = [other for other in found if abs(other - int(frame)) < _APART]
        assert near, "a peak was lost"
        assert max(column[other] for other in near) >= column[frame]
