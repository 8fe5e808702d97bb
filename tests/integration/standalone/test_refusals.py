"""What `python -m services.standalone` says when it cannot start: one line that names the cure."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.standalone.home import DataDirectory

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]


def refusal(home: Path, **settings: str) -> str:
    """Start it; check that it refuses with one line, nothing on stdout and status 1; return the line."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MUSICGEN_")},
        "MUSICGEN_HOME": str(home),
        **settings,
    }
    for name in ("DATABASE_URL", "REDIS_URL"):
        if name not in settings:
            environment.pop(name, None)
    result = subprocess.run(
        [sys.executable, "-m", "services.standalone"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_port_in_use(short_folder: Path, taken_port: int) -> None:
    line = refusal(short_folder, MUSICGEN_PORT=str(taken_port))
    assert f"Port {taken_port}" in line
    assert "MUSICGEN_PORT" in line


def test_second_instance_on_the_same_data_directory(short_folder: Path) -> None:
    first = DataDirectory(short_folder)
    first.open(0)
    line = refusal(short_folder)
    assert f"process {os.getpid()}" in line
    assert "MUSICGEN_HOME" in line
    first.close()


def test_nearly_full_disk(short_folder: Path) -> None:
    line = refusal(short_folder, MUSICGEN_MIN_FREE_MB="999999999")
    assert "free some space" in line
    assert not (short_folder / "postgres").exists()


def test_data_directory_that_is_a_file(short_folder: Path) -> None:
    (short_folder / "file").write_text("mine")
    assert "set MUSICGEN_HOME to another path" in refusal(short_folder / "file")
    assert (short_folder / "file").read_text() == "mine"


@pytest.fixture
def mounted(short_folder: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting needs root")
    place = short_folder / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_full_disk(mounted: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (mounted / "ballast").write_bytes(bytes(1 << 20))
    line = refusal(mounted, MUSICGEN_MIN_FREE_MB="0")
    assert "free some space" in line


@pytest.mark.parametrize("already_there", [True, False], ids=["an old home", "a new home"])
def test_read_only_disk(mounted: Path, already_there: bool) -> None:
    if already_there:
        earlier = DataDirectory(mounted)
        earlier.open(0)
        earlier.close()
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    assert "make it writable" in refusal(mounted, MUSICGEN_MIN_FREE_MB="0")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_folder_of_somebody_else() -> None:
    assert "make it writable" in refusal(Path("/usr/musicgen-home"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"MUSICGEN_PORT": "0"}, "MUSICGEN_PORT"),
        ({"MUSICGEN_PORT": "eight"}, "MUSICGEN_PORT"),
        ({"DATABASE_URL": "mysql://secret@somewhere"}, "DATABASE_URL: Value error, must start with postgresql://"),
        ({"REDIS_URL": "http://secret@somewhere"}, "REDIS_URL"),
        ({"MUSICGEN_SINGLE_USER": "1", "MUSICGEN_HOST": "0.0.0.0"}, "loopback"),
        ({"MUSICGEN_LOG": "loud"}, "MUSICGEN_LOG"),
    ],
    ids=str,
)
def test_wrong_setting_is_named_without_its_value(short_folder: Path, settings: dict[str, str], words: str) -> None:
    line = refusal(short_folder, **settings)
    assert words in line
    assert "secret" not in line
    assert list(short_folder.iterdir()) == []


def test_missing_sound_font_offline(short_folder: Path) -> None:
    line = refusal(
        short_folder,
        npm_config_registry="http://127.0.0.1:9",
        NPM_CONFIG_REGISTRY="http://127.0.0.1:9",
        MUSICGEN_PORT="29417",
    )
    assert "by hand at" in line


def test_another_python_is_told_so() -> None:
    other = shutil.which("python3.12") or shutil.which("python3.10") or shutil.which("python3.9")
    if other is None or subprocess.run([other, "-c", ""], capture_output=True).returncode:
        pytest.skip("no other Python here")
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [other, ROOT / "scripts" / "bootstrap.py", "run"], capture_output=True, text=True, cwd=folder
        )
    assert result.returncode == 1
    assert "Python 3.11 is needed" in result.stderr
