"""The `musicgen` command, as a person types it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.support.platform import Platform

pytestmark = pytest.mark.e2e


@pytest.fixture
def musicgen(platform: Platform, tmp_path: Path):
    """Run the command with a configuration folder of its own."""

    def run(*arguments: str, expect: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [Path(sys.executable).parent / "musicgen", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=90,
            cwd=tmp_path,
            env={**os.environ, "MUSICGEN_URL": platform.url, "MUSICGEN_CONFIG_HOME": str(tmp_path / "config")},
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def member(musicgen, platform: Platform) -> str:
    name = platform.sign_up().username
    musicgen("login", name, "--password-stdin", stdin="correct horse battery")
    return name


def test_first_song_from_sign_up_to_file(musicgen, tmp_path: Path) -> None:
    name = f"c{os.urandom(5).hex()}"
    musicgen("register", name, "--email", f"{name}@example.com", "--password-stdin", stdin="correct horse battery")
    musicgen("generate", "lofi, 80 bpm", "--duration", "6", "-o", "song.wav")
    info = soundfile.info(tmp_path / "song.wav")
    assert info.frames / info.samplerate == pytest.approx(6, abs=0.01)


@pytest.mark.slow
def test_a_song_is_made_longer(musicgen, member: str, tmp_path: Path) -> None:
    musicgen("generate", "lofi, 80 bpm", "--duration", "10", "-o", "song.wav")
    (track,) = json.loads(musicgen("tracks", "--json").stdout)["items"]
    musicgen("extend", track["id"], "--duration", "25", "--at", "6", "--title", "Longer", "-o", "longer.wav")
    info = soundfile.info(tmp_path / "longer.wav")
    assert info.frames / info.samplerate == pytest.approx(25, abs=0.01)
    refused = musicgen("extend", track["id"], "--duration", "5", expect=5)
    assert "whole length" in refused.stderr


def test_token_file_is_private(musicgen, member: str, tmp_path: Path) -> None:
    files = [path for path in (tmp_path / "config").rglob("*") if path.is_file()]
    assert files
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


@pytest.mark.parametrize("command", [["jobs"], ["tracks"], ["models"], ["whoami"]])
def test_json_is_one_document_and_nothing_else(musicgen, member: str, command: list[str]) -> None:
    json.loads(musicgen(*command, "--json").stdout)


def test_errors_are_one_readable_line_and_an_exit_code(musicgen, member: str) -> None:
    refused = musicgen("generate", "lofi", "--duration", "-1", expect=5)
    missing = musicgen("job", "0198c0de-0000-7000-8000-000000000000", expect=4)
    for failed in (refused, missing):
        assert len(failed.stderr.strip().splitlines()) == 1
        assert "Traceback" not in failed.stderr


def test_not_signed_in_says_how(musicgen) -> None:
    assert "musicgen login" in musicgen("whoami", expect=3).stderr
