"""Folders of dead processes are removed, those of living ones stay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.generation.scratch import scratch_folder
from services.shared.errors import AppError, ErrorCode

ROOT = Path(__file__).parents[3]


def test_folder_goes_with_its_process(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "base") as folder:
        (folder / "song").mkdir()
        assert list((tmp_path / "base").iterdir()) == [folder]
    assert list((tmp_path / "base").iterdir()) == []


def test_folder_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from services.generation.scratch import scratch_folder\n"
        f"with scratch_folder(Path({str(tmp_path)!r})) as folder:\n"
        "    (folder / 'take').write_text('x'); print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    with scratch_folder(tmp_path):
        assert len(list(tmp_path.iterdir())) == 2
    process.kill()
    process.wait()
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(AppError, match="SCRATCH_DIR") as caught, scratch_folder(tmp_path / "file"):
        pass
    assert caught.value.code is ErrorCode.STORAGE_FULL
