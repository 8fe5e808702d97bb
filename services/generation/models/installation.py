"""A folder of the shelf as a model in memory, and what it will need there."""

from __future__ import annotations

from pathlib import Path

from services.generation.backends.protocol import ModelDescription
from services.generation.models.checkpoint import Checkpoint, load_model, open_checkpoint
from services.generation.models.conversion import converted, is_audiocraft
from services.generation.models.tokenizer import read_tokenizer
from services.generation.musicgen.song import InstalledModel

_FLOAT_BYTES = 4


def checked(folder: Path, models_dir: Path) -> Checkpoint:
    """The checkpoint of a folder in either layout, everything but the values checked.

    Raises MODEL_NOT_INSTALLED with the reason.
    """
    if not is_audiocraft(folder) or (folder / "config.json").is_file():
        return open_checkpoint(folder)
    place = converted(folder, models_dir)
    # The parts that a converted model leaves out lie beside the folder that it came from.
    return open_checkpoint(place, beside=(folder.parent, folder.resolve().parent, models_dir))


def install(description: ModelDescription, checkpoint: Checkpoint) -> InstalledModel:
    """Read the weights. Raises MODEL_NOT_INSTALLED with the reason."""
    tokenizer = read_tokenizer(checkpoint.tokenizer_folders, checkpoint.configuration.text.vocabulary)
    return InstalledModel(description, load_model(checkpoint), tokenizer)


def memory_bytes(checkpoint: Checkpoint, slots: int) -> int:
    """Bytes that a model takes in memory as float32, with the caches of its slots."""
    numbers = 0
    for tensor in checkpoint.tensors.values():
        count = 1
        for size in tensor.shape:
            count *= size
        numbers += count
    decoder = checkpoint.configuration.decoder
    cache = 2 * 2 * slots * decoder.layers * decoder.cache_positions * decoder.hidden_size
    return _FLOAT_BYTES * (numbers + cache)
