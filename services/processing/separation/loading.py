"""From a separator's id to the loaded thing; the only module that knows them all. Loads torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch

from services.processing.jobs.kind import Equipment
from services.processing.networks import fetch_files
from services.processing.separation.catalogue import DEFAULT_MODEL, SEPARATORS
from services.processing.separation.separator import Check, Separator
from services.processing.separation.spleeter import Spleeter
from services.shared.errors import AppError, ErrorCode

FOLDER: Final = "separation"

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
    raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"{info.title} is not installed.")


def checkpoint(name: str, equipment: Equipment, model: str) -> Path:
    """The file of a checkpoint that an operator put there. Raises MODEL_NOT_INSTALLED."""
    path = equipment.models_dir / FOLDER / f"{name}.safetensors"
    if not path.is_file():
        message = f"{model} is not installed: put its weights at {path}. docs/guides/separation.md says where they are."
        raise AppError(ErrorCode.MODEL_NOT_INSTALLED, message)
    return path
