"""The check of mastering on a folder of one's own music judges what libebur128 reads, and names what it leaves out."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scripts import check_mastering
from scripts.check_mastering import Landed, table
from services.processing.media.measuring import Measured

BEFORE = Measured(44_100, 44_100, 2, -20.0, -3.0)


@pytest.mark.parametrize(
    ("error", "over", "out_of_reach", "holds"),
    [
        (0.19, -0.1, [], True),
        (-0.21, -0.1, [], False),
        (-3.0, -0.1, ["club"], True),
        (0.0, 0.01, [], False),
        (-3.0, 0.01, ["club"], False),
    ],
)
def test_a_master_holds_when_it_lands_or_says_that_it_cannot_and_stays_below_its_ceiling(
    error: float, over: float, out_of_reach: list[str], holds: bool
) -> None:
    landed = Landed("a song", BEFORE, {"club": error}, {"club": over}, out_of_reach)
    assert landed.holds is holds
    assert "a song" in table([landed])


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["check_mastering.py", str(folder), *options])
    return check_mastering.main()


def test_a_folder_is_mastered_and_what_is_silent_or_no_sound_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(1).standard_normal((44_100, 2)) * 0.1
    (tmp_path / "album").mkdir()
    soundfile.write(tmp_path / "album" / "rain.ogg", noise, 44_100)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(44_100), 44_100)
    (tmp_path / "letter.mp3").write_text("Dear listener")
    assert run(tmp_path, monkeypatch, "--presets", "streaming", "--seconds", "0.8") == 0
    told = capsys.readouterr().out
    assert "album/rain.ogg: streaming asks -14 LUFS, -1 dBTP; landed -14.0" in told
    assert "nothing.wav: left out. The track is silent" in told
    assert "letter.mp3: left out." in told
    assert "1 tracks, 1 presets each; with a miss: none" in told


def test_a_folder_without_music_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, monkeypatch) == 1
    assert "Nothing in this folder" in capsys.readouterr().out
