"""Each service installs with its own extra alone, and starts as far as its settings let it."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = {
    "gateway": ["services.gateway"],
    "user-management": ["services.user_management", "services.user_management.background"],
    "generation": ["services.generation", "services.generation.worker"],
    "processing": ["services.processing", "services.processing.worker"],
}
WAITING = "Cannot connect to redis"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("extra", list(PROCESSES))
def test_service_runs_with_its_own_extra_alone(tmp_path: Path, extra: str) -> None:
    source = tmp_path / "source"
    made = ("build", "node_modules", ".next", "out", "*.egg-info", ".*_cache", "__pycache__")
    ignore = shutil.ignore_patterns(".git", ".venv", "var", ".hypothesis", *made)
    shutil.copytree(ROOT, source, ignore=ignore)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    if extra in ("generation", "processing"):  # the same build as here, not the one with CUDA
        subprocess.run([python, "-m", "pip", "install", "-qq", "-c", source / "constraints.txt", "torch"], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "-qq", "-c", source / "constraints.txt", "-e", f"{source}[{extra}]"],
        check=True,
    )
    prefix = f"MUSICGEN_{extra.replace('-', '_').upper()}_"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MUSICGEN_", "PYTHONPATH"))},
        f"{prefix}SECRETS_DIR": str(tmp_path / "no-secrets"),
        "MUSICGEN_USER_MANAGEMENT_DATABASE_WAIT_SECONDS": "1",
    }
    for module in PROCESSES[extra]:
        said = first_words([str(python), "-m", module], source, environment)
        assert "ModuleNotFoundError" not in said
        assert "Traceback" not in said, said
        assert any(word in said for word in ("secret", "PostgreSQL", WAITING)), said


def first_words(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a process says until it ends, or waits for a broker that is not there; 120 s at most."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    limit = threading.Timer(120, process.kill)
    limit.start()
    said = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if WAITING in line:
                process.terminate()
                break
        said.append(process.communicate()[0] or "")
    limit.cancel()
    text = "".join(said)
    assert process.returncode != 0 or WAITING in text
    return text
