"""Each service installs with its own extra alone, and starts as far as its settings let it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = {
    "gateway": ["services.gateway"],
    "user-management": ["services.user_management", "services.user_management.background"],
    "generation": ["services.generation", "services.generation.worker"],
    "processing": ["services.processing", "services.processing.worker"],
}


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
        started = subprocess.run(
            [python, "-m", module], cwd=source, env=environment, capture_output=True, text=True, timeout=60
        )
        said = started.stdout + started.stderr
        assert started.returncode != 0
        assert "ModuleNotFoundError" not in said
        assert "Traceback" not in said, said
        assert "secret" in said or "PostgreSQL" in said, said
