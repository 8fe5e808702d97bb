"""`python -m services.generation.models`: what people do with weights of their own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.generation.models.checkpoint import load_model
from services.generation.models.command import main, models_folder
from services.generation.models.installation import checked
from services.generation.models.shelf import ModelShelf
from services.generation.runtimes import agreement
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.verdicts import Verdicts


def test_checked_folder_is_linked_into_the_models_folder_and_listed(
    folder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = tmp_path / "models"
    assert main(["--models-dir", str(shelf), "add", str(folder("stereo")), "--name", "stereo-small"]) == 0
    assert ModelShelf(shelf).find("musicgen-stereo-small") == shelf / "musicgen-stereo-small"
    said = capsys.readouterr().out
    assert "8 codebooks, stereo, 32,000 Hz" in said
    assert "Licence: CC-BY-NC-4.0" in said
    # Twice is as good as once; another folder under the same name is not.
    assert main(["--models-dir", str(shelf), "add", str(folder("stereo")), "--name", "stereo-small"]) == 0
    assert main(["--models-dir", str(shelf), "add", str(folder("mono")), "--name", "stereo-small"]) == 1
    assert "already" in capsys.readouterr().err
    assert main(["--models-dir", str(shelf), "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if " here " in line] == ["musicgen-stereo-small"]


def test_broken_folder_is_refused_with_the_reason_and_not_linked(
    folder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder("mono"), broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    shelf = tmp_path / "models"
    assert main(["--models-dir", str(shelf), "add", str(broken)]) == 1
    assert "cut off" in capsys.readouterr().err
    assert ModelShelf(shelf).find("musicgen-broken") is None
    assert main(["--models-dir", str(shelf), "add", str(tmp_path / "nowhere")]) == 1
    assert "not a folder" in capsys.readouterr().err


def test_check_takes_a_folder_or_a_name(
    folder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--models-dir", str(tmp_path), "check", str(folder("melody")), "--quick"]) == 0
    assert "melody model" in capsys.readouterr().out
    assert main(["--models-dir", str(tmp_path), "check", "large", "--quick"]) == 1
    assert "no musicgen-large" in capsys.readouterr().err
    (tmp_path / "mine").symlink_to(folder("mono"))
    assert main(["--models-dir", str(tmp_path), "check", "mine", "--quick"]) == 0


def test_a_style_model_is_added_with_its_encoder(
    style_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--models-dir", str(tmp_path), "add", str(style_folder)]) == 0
    assert "musicgen-style: style model, 3 layers of 48" in capsys.readouterr().out
    assert main(["--models-dir", str(tmp_path), "check", "style", "--shapes"]) == 0


def test_models_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MUSICGEN_MODELS_DIR", "MUSICGEN_GENERATION_MODELS_DIR", "MUSICGEN_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert models_folder(Path("/a")) == Path("/a")
    assert models_folder(None) == Path("var/models")
    monkeypatch.setenv("MUSICGEN_HOME", "/home")
    assert models_folder(None) == Path("/home/models")
    monkeypatch.setenv("MUSICGEN_MODELS_DIR", "/weights")
    assert models_folder(None) == Path("/weights")


def test_check_keeps_what_it_found_for_the_worker(
    folder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found:
        """One precision's agreement, as far as the command reads it."""

        offered, distance, same_greedy, same_draws, predictions = False, 0.3, 0.5, 0.5, 100
        precision = Precision(WeightPrecision.INT4, CachePrecision.FLOAT16)

    def measured(*_: object, progress: Callable[[float], None]) -> list[Found]:
        for percent in range(101):
            progress(percent / 100)
        return [Found()]

    monkeypatch.setattr(agreement, "measure_agreement", measured)
    models = tmp_path / "models"
    assert main(["--models-dir", str(models), "check", str(folder("mono"))]) == 0
    said = capsys.readouterr()
    assert "not offered" in said.out
    assert said.err.splitlines() == [f"  measuring: {percent}%" for percent in range(0, 101, 10)]
    shelf = ModelShelf(models)
    decoder = load_model(checked(folder("mono"), models)).decoder
    assert Verdicts(shelf.quantised_folder).distance(decoder, WeightPrecision.INT4) == 0.3
    # A folder that takes no files costs the record, not the answer.
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / ".quantised").write_text("a file where the folder should be")
    assert main(["--models-dir", str(occupied), "check", str(folder("mono"))]) == 0
    assert "cannot be kept" in capsys.readouterr().out


def test_check_where_openvino_is_not_made_for_says_so_and_measures_nothing(
    folder: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if it were not installed: nothing may try to import it either.
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert main(["--models-dir", str(tmp_path), "check", str(folder("mono"))]) == 0
    said = capsys.readouterr().out
    assert "text model" in said
    assert "nothing to measure" in said
    assert not (tmp_path / ".quantised").exists()
