"""M4A with the optional extra `aac`, in an environment of its own.

The wheel of PyAV carries FFmpeg with x264 and x265, which are GPL-2.0-or-later: no environment that is worked in gets
it. Here it lies beside the packages of this one for as long as the tests last.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.environments import environment_beside

ROOT = Path(__file__).resolve().parents[3]
TESTS = ("tests/unit/processing/test_m4a.py", "tests/unit/processing/test_hostile_files.py")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the extra, and all that this one has."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["aac"]
    return environment_beside(tmp_path_factory.mktemp("aac") / "venv", wanted)


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_m4a_files_come_and_go_and_broken_ones_do_no_harm(python: Path) -> None:
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-s",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        "-k",
        "m4a",
        *TESTS,
    ]
    paths = os.pathsep.join((str(ROOT), str(ROOT / "clients" / "python")))
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=240
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    # Those of people without the extra are left out, and no other.
    assert "the extra aac is installed" in done.stdout
    assert "the extra aac is not installed" not in done.stdout
    assert "60 files, seed" in done.stdout
