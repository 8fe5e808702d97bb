from collections import namedtuple
from pathlib import Path

import pytest

from services.standalone import __main__ as entry
from services.standalone.errors import StandaloneError

Version = namedtuple("Version", "major minor micro")


def test_wrong_python_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(entry.sys, "version_info", Version(3, 12, 1))
    assert entry.main() == 1
    assert "Python 3.11 is needed" in capsys.readouterr().err


def test_refusal_is_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("MUSICGEN_HOME", str(file))
    assert entry.main() == 1
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_interrupt_before_anything_runs_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "run", interrupted)
    assert entry.main() == 130


def test_failure_of_the_platform_is_its_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def failing(*_: object) -> int:
        raise StandaloneError("gateway fails at every start")

    monkeypatch.setattr(entry, "run", failing)
    assert entry.main() == 1
    assert capsys.readouterr().err == "\ngateway fails at every start\n"
