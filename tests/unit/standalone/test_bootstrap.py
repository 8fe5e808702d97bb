import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Module = Callable[[str], ModuleType]
PROJECT = '[project]\nname = "thing"\nversion = "1"\n[tool.setuptools]\npackages = []\n[tool.ruff]\nline-length = 1\n'


@pytest.fixture
def bootstrap(script_module: Module) -> Any:
    return script_module("bootstrap")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    return tmp_path


def test_state_follows_what_the_environment_depends_on(bootstrap: Any, checkout: Path, tmp_path: Path) -> None:
    def state(python: str = "3.11.7", extra: str = "dev") -> str:
        return str(bootstrap.wanted_state(checkout, python, extra))

    before = state()
    assert state() == before
    (checkout / "pyproject.toml").write_text(PROJECT.replace("line-length = 1", "line-length = 2"))
    assert state() == before
    assert state(python="3.11.8") != before
    assert state(extra="standalone") != before
    (checkout / "pyproject.toml").write_text(PROJECT + "[project.scripts]\nx = 'y:z'\n")
    assert state() != before
    (checkout / "pyproject.toml").write_text(PROJECT)
    (checkout / "constraints.txt").write_text("torch==2.13.1\n")
    assert state() != before


def test_test_environment_serves_for_running_but_not_the_other_way(bootstrap: Any, tmp_path: Path) -> None:
    stamp = bootstrap.Stamp(tmp_path)
    state = {"run": "a", "test": "b"}
    assert not stamp.matches("run", state)
    stamp.write("test", state)
    assert stamp.matches("run", state)
    assert stamp.matches("test", state)
    stamp.write("run", state)
    assert stamp.matches("run", state)
    assert not stamp.matches("test", state)
    assert not stamp.matches("run", {"run": "changed", "test": "changed"})
    stamp.forget()
    assert not stamp.matches("run", state)


def test_damaged_stamp_counts_as_none(bootstrap: Any, tmp_path: Path) -> None:
    (tmp_path / "bootstrap.json").write_text("{")
    assert not bootstrap.Stamp(tmp_path).matches("run", {"run": "a", "test": "b"})


def test_finished_environment_is_not_touched(
    bootstrap: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", checkout)
    (checkout / ".venv").mkdir()
    done = bootstrap.Bootstrap(checkout, "run")
    done.stamp.write("run", done.state())
    assert bootstrap.main(["run"]) == 0
    assert capsys.readouterr().out == ""


def test_full_disk_is_said_before_anything_is_made(
    bootstrap: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", checkout)
    monkeypatch.setattr(bootstrap, "NEEDED_GB", 10**9)
    assert bootstrap.main(["run"]) == 1
    assert "free some space" in capsys.readouterr().err
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "test"]])
def test_unknown_words_print_what_it_takes(
    bootstrap: Any, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(arguments) == 2
    assert "bootstrap.py run|test" in capsys.readouterr().err


def test_progress_in_a_log_names_large_downloads_and_counts_all(
    bootstrap: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = bootstrap.Progress()
    progress.step("installing")
    for line in (
        "Collecting numpy==2.4.6\n",
        "  Downloading numpy-2.4.6-cp311.whl (900 kB)\n",
        "  Downloading https://index.example/a/torch-2.13.0.whl (190.5 MB)\n",
        "Installing collected packages: numpy, torch\n",
    ):
        progress.pip_line(line)
    progress.close()
    assert capsys.readouterr().out.splitlines() == [
        "[0:00] installing",
        "[0:00, 191 MB so far] downloading torch-2.13.0.whl (190.5 MB)",
        "[0:00, 191 MB so far] unpacking 2 packages",
    ]


def test_long_silence_in_a_log_is_broken(
    bootstrap: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "HEARTBEAT_SECONDS", 0.01)
    progress = bootstrap.Progress()
    progress.step("compiling")
    progress._ticker.join(0.2)
    progress.close()
    assert "still compiling" in capsys.readouterr().out


def test_progress_on_a_terminal_is_one_line(bootstrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    progress = bootstrap.Progress()
    progress.step("installing")
    progress._ticker.join(0.7)
    progress.close()
    assert "installing" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()


def test_stamp_is_readable(bootstrap: Any, tmp_path: Path) -> None:
    bootstrap.Stamp(tmp_path).write("run", {"run": "abc", "test": "def"})
    assert json.loads((tmp_path / "bootstrap.json").read_text()) == {"run": "abc"}
