"""Pickled checkpoints as safetensors, converted once by a limited child and kept by their content.

They are models in audiocraft's layout, and parts of models that their publishers have as `pytorch_model.bin` only.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import structlog

from services.generation.models.converter import REFUSED
from services.generation.models.refusal import refuse
from services.generation.models.tensor_folder import read_json

CACHE_FOLDER = ".converted"
_FORMAT = b"1"
_TIMEOUT_SECONDS = 3600
_PICKLED = "pytorch_model.bin"
_FILES = ("state_dict.bin", "compression_state_dict.bin")

_log = structlog.get_logger(__name__)


def is_audiocraft(folder: Path) -> bool:
    """Whether a folder holds a checkpoint in audiocraft's layout."""
    return (folder / _FILES[0]).is_file()


def is_pickled(folder: Path) -> bool:
    """Whether a folder in the transformers layout holds its weights as a pickle only."""
    return (folder / _PICKLED).is_file() and not any(folder.glob("*.safetensors"))


def content_key(folder: Path) -> str:
    """A name for the content of a checkpoint: the checksums that its archives hold of each of their members."""
    digest = hashlib.sha256(_FORMAT)
    files: tuple[str, ...] = _FILES
    if not is_audiocraft(folder):
        # It goes with the weights, and says what they are.
        digest.update(json.dumps(read_json(folder / "config.json"), sort_keys=True).encode())
        files = (_PICKLED,)
    for name in files:
        path = folder / name
        if not path.is_file():
            continue
        try:
            with zipfile.ZipFile(path) as archive:
                members = [(member.filename, member.file_size, member.CRC) for member in archive.infolist()]
        except (OSError, zipfile.BadZipFile) as error:
            raise refuse(path, f"it is not a torch checkpoint, or it was cut off ({error}).") from error
        digest.update(repr((name, path.stat().st_size, members)).encode())
    return digest.hexdigest()[:32]


def converted(folder: Path, cache: Path) -> Path:
    """The transformers layout of a pickled folder, with safetensors, below `cache`; converted now if it was not yet.

    The result appears whole or not at all, and processes that ask for it at once convert it once. Raises
    MODEL_NOT_INSTALLED with the reason of a refusal.
    """
    target = cache / CACHE_FOLDER / content_key(folder)
    if (target / "config.json").is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (target / "config.json").is_file():
            return target
        work = Path(tempfile.mkdtemp(prefix="converting-", dir=target.parent))
        try:
            _log.info("checkpoint_conversion_started", folder=str(folder))
            _run_child(folder, work)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def _run_child(folder: Path, work: Path) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    environment["OMP_NUM_THREADS"] = "1"
    command = [sys.executable, "-m", "services.generation.models.converter", str(folder.resolve()), str(work)]
    try:
        done = subprocess.run(  # noqa: S603 — our own module, no shell
            command,
            env=environment,
            cwd=work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise refuse(folder, "opening it took longer than it may.") from error
    if done.returncode == REFUSED:
        raise refuse(folder, done.stderr.decode(errors="replace").strip().splitlines()[-1])
    if done.returncode != 0:
        _log.error(
            "checkpoint_conversion_failed", code=done.returncode, stderr=done.stderr[-2000:].decode("utf-8", "replace")
        )
        raise refuse(folder, "the process that opens it died. The log says more.")
