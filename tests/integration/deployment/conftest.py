"""The judges of deployment files, in an environment of their own: they weigh half a gigabyte."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def deployment_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the extra `deployment`."""
    folder = tmp_path_factory.mktemp("deployment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"]["deployment"]
    command = [folder / "bin" / "python", "-m", "pip", "install", "-qq", "-c", ROOT / "constraints.txt", *wanted]
    subprocess.run(command, check=True)
    return folder / "bin"
