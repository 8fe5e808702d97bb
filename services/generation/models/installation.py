"""A folder of the shelf as a model in memory, and what it will need there."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from services.generation.backends.protocol import ModelDescription
from services.generation.models.checkpoint import Checkpoint, load_model, open_checkpoint
from services.generation.models.conversion import converted, is_audiocraft
from services.generation.models.parts import around_audiocraft
from services.generation.models.refusal import about, refuse
from services.generation.models.tokenizer import read_tokenizer
from services.generation.musicgen.song import InstalledModel
from services.generation.runtimes.plan import OPENVINO, TORCH_CUDA, RuntimePlan
from services.generation.runtimes.precision import CachePrecision, WeightPrecision, song_bytes, weight_bytes
from services.shared.errors import AppError

_FLOAT_BYTES = 4
# What a model has on a GPU beside weights and caches: recorded graphs, keys and values of prompts, activations.
_DEVICE_OVERHEAD = 2**30


def checked(folder: Path, models_dir: Path) -> Checkpoint:
    """The checkpoint of a folder in either layout, everything but the values checked.

    Raises MODEL_NOT_INSTALLED with the reason.
    """
    if (folder / "config.json").is_file():
        return open_checkpoint(folder, (models_dir,), models_dir)
    if not is_audiocraft(folder):
        raise refuse(folder, "there is no model in it: neither config.json nor audiocraft's state_dict.bin.")
    place = converted(folder, models_dir)
    try:
        checkpoint = open_checkpoint(place, around_audiocraft(folder, models_dir), models_dir)
    except AppError as error:
        raise about(folder, error, place) from error
    return dataclasses.replace(checkpoint, tokenizer_folders=(folder, *checkpoint.tokenizer_folders))


def install(description: ModelDescription, checkpoint: Checkpoint) -> InstalledModel:
    """Read the weights. Raises MODEL_NOT_INSTALLED with the reason."""
    tokenizer = read_tokenizer(checkpoint.tokenizer_folders, checkpoint.configuration.text.vocabulary)
    return InstalledModel(description, load_model(checkpoint), tokenizer)


def memory_bytes(checkpoint: Checkpoint, slots: int) -> int:
    """Bytes that a model takes in memory as float32, with the caches of its slots."""
    caches = slots * song_bytes(checkpoint.configuration.decoder, CachePrecision.FLOAT32)
    return _FLOAT_BYTES * _numbers(checkpoint) + round(caches)


def least_bytes(checkpoint: Checkpoint, plan: RuntimePlan) -> int:
    """Bytes of the machine's memory without which a plan cannot even make one song."""
    decoder = checkpoint.configuration.decoder
    beside = _FLOAT_BYTES * (_numbers(checkpoint) - _numbers(checkpoint, "decoder."))
    if plan.runtime == TORCH_CUDA:
        return beside
    quantised = plan.runtime == OPENVINO
    weights = (
        weight_bytes(decoder, plan.precision.weights) if quantised else _FLOAT_BYTES * _numbers(checkpoint, "decoder.")
    )
    return round(beside + weights + song_bytes(decoder, plan.precision.cache))


def device_bytes(checkpoint: Checkpoint, plan: RuntimePlan) -> int:
    """Bytes that a model takes on a GPU; 0 where its plan is for none."""
    if plan.runtime != TORCH_CUDA:
        return 0
    decoder = checkpoint.configuration.decoder
    weight = 2 if plan.precision.weights is WeightPrecision.BFLOAT16 else _FLOAT_BYTES
    caches = plan.slots * song_bytes(decoder, plan.precision.cache)
    weights = weight * _numbers(checkpoint, "decoder.") + _FLOAT_BYTES * _numbers(checkpoint, "audio_encoder.")
    return round(weights + caches) + _DEVICE_OVERHEAD


def _numbers(checkpoint: Checkpoint, part: str = "") -> int:
    """How many weights a part of a model has."""
    return sum(math.prod(tensor.shape) for name, tensor in checkpoint.tensors.items() if name.startswith(part))
