"""`musicgen models add` and `check` run the server's own command."""

from __future__ import annotations

from pathlib import Path

import pytest
from musicgen_client.cli import run


def test_refusal_of_the_server_is_the_commands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "check", "large", "--quick", "--models-dir", str(tmp_path)]) == 1
    assert "There is no musicgen-large" in capfd.readouterr().err


def test_help_names_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--help"]) == 0
    said = capsys.readouterr().out
    assert "add" in said
    assert "check" in said
