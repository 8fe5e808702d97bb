"""From a separator's id to the loaded thing; the only module that knows them all. Loads torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import torch

from services.processing.jobs.kind import Equipment
from services.processing.networks import fetch_files
from services.processing.separation import hub
from services.processing.separation.catalogue import DEFAULT_MODEL, HYBRID, ROFORMERS, SEPARATORS, ensemble
from services.processing.separation.demucs import Demucs, bag_in, find_bag, load_bag
from services.processing.separation.hybrid import Hybrid
from services.processing.separation.roformer import SUFFIXES, RoFormerSeparator, find_checkpoint, load_checkpoint
from services.processing.separation.separator import Check, Separator
from services.processing.separation.spleeter import Spleeter
from services.shared.assets.store import AssetStore, sha256_of
from services.shared.errors import AppError, ErrorCode

FOLDER: Final = "separation"
_GUIDE: Final = "docs/guides/separation.md says where they are to be had."

Progress = Callable[[float], None]
Weights = Mapping[str, Mapping[str, float]]


def device_of(equipment: Equipment) -> str:
    """The device to run on. Raises UNAVAILABLE for one that was asked for and is not there."""
    if equipment.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if equipment.device.startswith("cuda") and not torch.cuda.is_available():
        raise AppError(ErrorCode.UNAVAILABLE, "The worker was told to use a GPU and finds none. Set DEVICE to auto.")
    return equipment.device


def load_separator(
    model: str, weights: Weights | None, equipment: Equipment, check: Check, progress: Progress
) -> Separator:
    """The separator `model`, its files fetched if need be. Raises MODEL_NOT_INSTALLED, saying how to get it."""
    if equipment.threads:
        torch.set_num_threads(equipment.threads)
    device = device_of(equipment)
    info = SEPARATORS[model]
    if model == DEFAULT_MODEL:
        vocals, accompaniment = fetch_files(info.assets, equipment, check, progress)
        check()
        return Spleeter.load(vocals, accompaniment, device)
    if model == HYBRID:
        members = {name: load_separator(name, None, equipment, check, progress) for name in ensemble(weights)}
        return Hybrid(members, info.stems, weights or {})
    if model in ROFORMERS:
        weights_file, config_file = _roformer_files(model, equipment)
        check()
        checkpoint = load_checkpoint(weights_file, config_file, info.stems)
        return RoFormerSeparator(checkpoint, _revision([weights_file, config_file]), device)
    files, shares = _bag_files(model, equipment, check, progress)
    demucs = Demucs(load_bag(files, shares), _revision(files), device)
    if set(demucs.stems) != set(info.stems):
        raise AppError(ErrorCode.INTERNAL, f"The checkpoint of {model} has the stems {', '.join(demucs.stems)}.")
    return demucs


def _bag_files(
    model: str, equipment: Equipment, check: Check, progress: Progress
) -> tuple[list[Path], list[list[float]] | None]:
    """Where an operator put them, else what `configs/assets.yaml` says under `separator.<model>[.<number>]`, else what
    is published where `configs/separators.yaml` says."""
    folder = equipment.models_dir / FOLDER
    found = find_bag(folder, model)
    if found is not None:
        return found
    store = AssetStore(equipment.assets_dir)
    named = [name for name in store.names() if name == f"separator.{model}" or name.startswith(f"separator.{model}.")]
    if named:
        # By number, whatever their order in the catalogue: the first network counts for the first stem.
        files = fetch_files(sorted(named), equipment, check, progress)
        # One network for each stem, as demucs tunes them: each counts for its own stem alone.
        one_each = [[float(row == column) for column in range(len(files))] for row in range(len(files))]
        return files, one_each if len(files) > 1 else None
    fetched = equipment.assets_dir / FOLDER
    reason = "is not installed"
    if (found := find_bag(fetched, model)) is None and (source := hub.source_of(model)) is not None:
        try:
            hub.fetch(model, source, fetched, _judge(model), check, progress)
        except AppError as error:
            if error.code not in (ErrorCode.UNAVAILABLE, ErrorCode.MODEL_NOT_INSTALLED):
                raise
            reason = f"is not installed and could not be fetched ({error.message.rstrip('.')})"
        found = find_bag(fetched, model)
    if found is not None:
        return found
    where = f"{FOLDER}/{model}.safetensors, or the whole published folder as {FOLDER}/{model}"
    message = f"{SEPARATORS[model].title} {reason}: put its safetensors into the models folder as {where}."
    raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"{message} {_GUIDE}", folder=str(folder))


def _judge(model: str) -> Callable[[Path], None]:
    """Whether a folder holds the networks of `model`, by loading them."""

    def judge(folder: Path) -> None:
        found = bag_in(folder, model)
        if found is None or set(load_bag(*found).networks[0].sources) != set(SEPARATORS[model].stems):
            raise AppError(ErrorCode.MODEL_NOT_INSTALLED, "What came is not the model that was asked for.")

    return judge


def _roformer_files(model: str, equipment: Equipment) -> tuple[Path, Path]:
    folder = equipment.models_dir / FOLDER
    found = find_checkpoint(folder, model)
    if found is None:
        where = " and ".join(f"{FOLDER}/{model}{suffix}" for suffix in SUFFIXES)
        message = f"No checkpoint of a RoFormer is installed: put its weights and its YAML there as {where}."
        raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"{message} {_GUIDE}", folder=str(folder))
    return found


def _revision(files: Sequence[Path]) -> str:
    """What tells one set of weights from another: the beginning of their digest."""
    digests = "".join(sha256_of(path) for path in files)
    return hashlib.sha256(digests.encode()).hexdigest()[:12]
