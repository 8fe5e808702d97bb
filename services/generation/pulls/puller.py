"""Bringing one model into the models folder: whole or not at all, and going on where an earlier try broke off.

Files gather in `<models>/.pulling/<model>`, are held against their publisher's hashes, checked by a child process that
opens nothing but headers, and appear under the model's name in one step.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.generation.models.shelf import ModelShelf
from services.generation.pulls.source import ModelSource
from services.shared.assets.hub import Listing, fetch_file
from services.shared.errors import AppError, ErrorCode

_FOLDER = ".pulling"
# Beside the files themselves: what else writes to the disk meanwhile, and the check.
_SPARE_BYTES = 256 << 20
_CHECK_SECONDS = 3_600.0
_LOOK_SECONDS = 0.1
# Of the whole: fetching is nearly all, the check is the rest.
_FETCHED = 0.95

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that is here now. `size_bytes` are those of its files."""

    model_id: str
    source: str
    revision: str
    size_bytes: int


class ModelPuller:
    """Knows the sources and the models folder. `pull` and `remove` block; call them in a thread."""

    def __init__(self, models_dir: Path, sources: Mapping[str, str]) -> None:
        """`sources` as `configs/models.yaml` says them, by model. Raises `ValueError` for one that cannot be read."""
        self._folder = models_dir
        self._shelf = ModelShelf(models_dir)
        self._sources = {model: ModelSource.parse(text) for model, text in sources.items()}

    def can_pull(self, model_id: str) -> bool:
        """Whether somebody has said where this model is to be had."""
        return model_id in self._sources

    def can_remove(self, model_id: str) -> bool:
        """Whether the model lies in the models folder; what is built in does not."""
        return self._shelf.find(model_id) is not None

    def pull(self, model_id: str, progress: Progress) -> Pulled:
        """Bring the model here unless it is here already.

        `progress` hears of the part that is done, 0 to 1, and of the stage, several times a second; what it raises
        ends the pull. Raises `AppError`: NOT_FOUND without a source, UNAVAILABLE, STORAGE_FULL, MODEL_NOT_INSTALLED
        when what came is no model that can be used.
        """
        source = self._sources.get(model_id)
        if source is None:
            raise AppError(ErrorCode.NOT_FOUND, f"Nobody has said where {model_id} is to be had.")
        gathering = self._folder / _FOLDER / model_id
        try:
            gathering.mkdir(parents=True, exist_ok=True)
            with _locked(gathering.with_suffix(".lock"), progress):
                if (here := self._shelf.find(model_id)) is not None:
                    return Pulled(model_id, str(source), "", _size(here))
                progress(0.0, "asking what there is")
                listing = source.list()
                self._check_space(model_id, listing, gathering)
                self._fetch(listing, gathering, progress)
                _check(gathering, self._folder, progress)
                gathering.rename(self._folder / model_id)
                return Pulled(model_id, str(source), listing.revision, listing.size_bytes)
        except OSError as error:
            message = f"The models folder cannot be written: {error.strerror}. Free some space or make it writable."
            raise AppError(ErrorCode.STORAGE_FULL, message) from error

    def forget(self, model_id: str) -> None:
        """Throw away what a pull that will not go on has gathered."""
        shutil.rmtree(self._folder / _FOLDER / model_id, ignore_errors=True)

    def remove(self, model_id: str) -> None:
        """Take the model out of the models folder; of a linked one only the link goes.

        A worker that holds it in memory goes on with what it has begun. Raises NOT_FOUND when it is not here.
        """
        place = self._shelf.find(model_id)
        if place is None:
            raise AppError(ErrorCode.NOT_FOUND, "This model is not in the models folder.")
        try:
            if place.is_symlink():
                place.unlink()
                return
            # Out of sight in one step; what is then left is only bytes.
            gone = self._folder / _FOLDER / f"{place.name}.removed-{os.getpid()}-{time.monotonic_ns()}"
            gone.parent.mkdir(exist_ok=True)
            place.rename(gone)
        except OSError as error:
            message = f"The model cannot be removed: {error.strerror}. Make the models folder writable."
            raise AppError(ErrorCode.UNAVAILABLE, message) from error
        shutil.rmtree(gone, ignore_errors=True)

    def _check_space(self, model_id: str, listing: Listing, gathering: Path) -> None:
        missing = listing.size_bytes - _size(gathering)
        free = shutil.disk_usage(self._folder).free
        if free < missing + _SPARE_BYTES:
            message = f"{model_id} needs {(missing + _SPARE_BYTES) >> 20} MiB, {free >> 20} are free. Free some space."
            raise AppError(ErrorCode.STORAGE_FULL, message)

    def _fetch(self, listing: Listing, gathering: Path, progress: Progress) -> None:
        for stray in gathering.iterdir():
            if stray.name not in {name for file in listing.files for name in (file.name, f"{file.name}.part")}:
                stray.unlink()
        before = 0
        for file in listing.files:

            def tell(done: int, name: str = file.name, before: int = before) -> None:
                share = min(1.0, (before + done) / max(1, listing.size_bytes))
                progress(_FETCHED * share, f"fetching {name}")

            # What an earlier try brought was checked before it got its name, and gets the same check again here.
            fetch_file(file, gathering, listing.headers, tell)
            before += file.size_bytes


def _check(gathering: Path, models_dir: Path, progress: Progress) -> None:
    """Let a child process judge names, shapes and tokenizer."""
    command = [
        *(sys.executable, "-m", "services.generation.models", "--models-dir", str(models_dir)),
        *("check", str(gathering), "--shapes"),
    ]
    child = subprocess.Popen(  # noqa: S603 — our own module, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    deadline = time.monotonic() + _CHECK_SECONDS
    try:
        while True:
            progress(_FETCHED, "checking the model")
            try:
                _, said = child.communicate(timeout=_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    message = "Checking the model took too long."
                    raise AppError(ErrorCode.MODEL_NOT_INSTALLED, message) from None
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if child.returncode:
        reason = said.strip().splitlines()[-1] if child.returncode == 1 and said.strip() else "the check ended early."
        raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"What came is no model that can be used: {reason}")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


@contextlib.contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """One pull of a model at a time, over all processes; the kernel gives the lock back when its holder dies."""
    with path.open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress(0.0, "waiting for another pull of this model")
                time.sleep(_LOOK_SECONDS)
        yield
