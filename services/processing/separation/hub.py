"""Fetches the networks of a separator, safetensors and a recipe, from where `configs/separators.yaml` says they are.

A caller names a model and never an address. Files gather beside the assets, are held against their publisher's hashes
and judged as a whole, and appear under the model's name in one step; several workers may share the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import yaml

from services.processing.separation.separator import Check
from services.shared.assets.hub import Listing, Repository, fetch_file
from services.shared.assets.spec import default_catalogue_path
from services.shared.errors import AppError, ErrorCode

LARGEST_RECIPE_BYTES: Final = 65_536
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,150}")
_WEIGHTS: Final = ".safetensors"
_RECIPE: Final = ".yaml"
# Several times the largest bag that is published.
_LARGEST_BYTES: Final = 8 << 30
_SPARE_BYTES: Final = 256 << 20
_LOOK_SECONDS: Final = 0.1

Progress = Callable[[float], None]


def sources_path() -> Path:
    """`configs/separators.yaml`, beside the catalogue of assets."""
    return default_catalogue_path().with_name("separators.yaml")


def source_of(model: str, path: Path | None = None) -> Repository | None:
    """Where `model` is published; None when nobody says. Raises INTERNAL for a file that cannot be read."""
    path = path or sources_path()
    if not path.is_file():
        return None
    try:
        entry = (yaml.safe_load(path.read_text(encoding="utf-8")) or {})["separators"].get(model)
        return None if entry is None else Repository.parse(str(entry["source"]))
    except (yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AppError(ErrorCode.INTERNAL, f"{path.name} says nothing usable of {model}: {reason}.") from error


def fetch(
    model: str, source: Repository, folder: Path, judge: Callable[[Path], None], check: Check, progress: Progress
) -> Path:
    """Bring `model` to `<folder>/<model>` unless it is there; answers that path.

    `judge` raises for a folder that holds no such model, which is then thrown away. `progress` hears fractions, `check`
    may raise meanwhile; what is there by then is gone on with the next time. Raises `AppError`: UNAVAILABLE,
    STORAGE_FULL, MODEL_NOT_INSTALLED for a source without weights.
    """
    place, gathering = folder / model, folder / ".partial" / f"separator.{model}"
    try:
        gathering.mkdir(parents=True, exist_ok=True)
        with _locked(gathering.with_suffix(".lock"), check):
            if place.is_dir():
                return place
            # Whoever had the lock before may have moved it away.
            gathering.mkdir(exist_ok=True)
            check()
            listing = needed(source.list(), source)
            _make_room(model, listing, gathering)
            _bring(listing, gathering, check, progress)
            try:
                judge(gathering)
            except AppError:
                shutil.rmtree(gathering, ignore_errors=True)
                raise
            gathering.rename(place)
    except OSError as error:
        message = f"The folder of assets cannot be written: {error.strerror}. Free some space or make it writable."
        raise AppError(ErrorCode.STORAGE_FULL, message) from error
    return place


def needed(listing: Listing, source: Repository) -> Listing:
    """Weights and recipe of a repository. Raises MODEL_NOT_INSTALLED where there are no weights, or far too many."""
    named = [file for file in listing.files if _NAME.fullmatch(file.name)]
    weights = [file for file in named if file.name.endswith(_WEIGHTS)]
    recipes = [file for file in named if file.name.endswith(_RECIPE) and file.size_bytes <= LARGEST_RECIPE_BYTES]
    found = Listing((*recipes, *weights), listing.revision, listing.headers)
    if not weights or found.size_bytes > _LARGEST_BYTES:
        raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"There are no weights at {source} that can be used.")
    return found


def _make_room(model: str, listing: Listing, gathering: Path) -> None:
    wanted = {name for file in listing.files for name in (file.name, f"{file.name}.part")}
    for stray in gathering.iterdir():
        if stray.name not in wanted:
            stray.unlink()
    missing = listing.size_bytes - sum(path.stat().st_size for path in gathering.iterdir())
    free = shutil.disk_usage(gathering).free
    if free < missing + _SPARE_BYTES:
        message = f"{model} needs {(missing + _SPARE_BYTES) >> 20} MiB, {free >> 20} are free. Free some space."
        raise AppError(ErrorCode.STORAGE_FULL, message)


def _bring(listing: Listing, gathering: Path, check: Check, progress: Progress) -> None:
    before = 0
    for file in listing.files:

        def tell(done: int, before: int = before) -> None:
            check()
            progress(min(1.0, (before + done) / max(1, listing.size_bytes)))

        fetch_file(file, gathering, listing.headers, tell)
        before += file.size_bytes


@contextlib.contextmanager
def _locked(path: Path, check: Check) -> Iterator[None]:
    """One at a time, over all processes; the kernel gives the lock back when its holder dies."""
    with path.open("ab") as lock:
        while True:
            check()
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOOK_SECONDS)
        yield
