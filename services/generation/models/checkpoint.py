"""From a folder on disk to a model in memory, everything checked first.

A part that has a folder of its own (`models.parts`) may be pickled: a limited child makes safetensors of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from services.generation.models.conversion import converted, is_pickled
from services.generation.models.parts import find_part, separate_parts
from services.generation.models.refusal import refuse
from services.generation.models.tensor_folder import StoredTensor, read_json, stored_tensors
from services.generation.models.transformers_layout import (
    gain_shape,
    is_unused,
    model_configuration,
    normed_weights,
)
from services.generation.musicgen.configuration import MusicGenConfiguration
from services.generation.musicgen.decoder import sinusoidal_positions
from services.generation.musicgen.model import MusicGen

_FLOATS = {"F64", "F32", "F16", "BF16"}
_IN_WORDS = {"text_encoder": "text encoder", "audio_encoder": "codec", "style_encoder": "style encoder"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checked folder: the tensors fit the configuration, and nothing was read of them yet.

    `tokenizer_folders` are where its tokenizer may lie, in order.
    """

    folder: Path
    configuration: MusicGenConfiguration
    tensors: Mapping[str, StoredTensor]
    tokenizer_folders: tuple[Path, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files of weights."""
        return sum(path.stat().st_size for path in {tensor.file for tensor in self.tensors.values()})


def open_checkpoint(folder: Path, beside: Sequence[Path] = (), cache: Path | None = None) -> Checkpoint:
    """Check a folder in the transformers layout. `beside` are further folders where parts of their own may lie.

    Parts that are pickled are converted below `cache`; without one they are refused.

    Raises MODEL_NOT_INSTALLED with the reason: another architecture, broken or cut files, missing tensors, tensors of
    another shape.
    """
    document = dict(read_json(folder / "config.json"))
    tensors = dict(stored_tensors(folder))
    places: dict[str, Path] = {}
    for part, called in separate_parts(document, tuple(tensors)).items():
        place = find_part(folder, part, called, beside)
        if place is None:
            raise refuse(
                folder,
                f"its {_IN_WORDS[part]} “{called}” is not there. Put that folder beside it or into it as {part}/.",
            )
        places[part] = place
        if cache is not None and is_pickled(place):
            place = converted(place, cache)
        document[part] = read_json(place / "config.json")
        tensors |= {_part_name(part, name): tensor for name, tensor in stored_tensors(place).items()}
    configuration = model_configuration(folder / "config.json", document)
    _check_tensors(folder, configuration, tensors)
    return Checkpoint(
        folder, configuration, tensors, (folder, places.get("text_encoder", folder), folder / "text_encoder")
    )


def load_model(checkpoint: Checkpoint) -> MusicGen:
    """Read the weights, as float32. Raises MODEL_NOT_INSTALLED when they are not finite or cannot be read."""
    with torch.device("meta"):
        model = MusicGen(checkpoint.configuration)
    state: dict[str, Tensor] = {}
    halves: dict[str, dict[bool, Tensor]] = {}
    for name, tensor in _read(checkpoint):
        normed = normed_weights(name)
        if normed is None:
            state[name] = tensor
            continue
        whole, is_gain = normed
        pair = halves.setdefault(whole, {})
        pair[is_gain] = tensor
        if len(pair) == 2:
            # Salimans & Kingma, 2016: the direction's length is divided out and the gain is multiplied in.
            gain, direction = pair[True], pair[False]
            shared = [axis for axis, size in enumerate(gain.shape) if size == 1]
            length = torch.linalg.vector_norm(direction, dim=shared, keepdim=True)
            if not torch.all(length > 0):
                raise refuse(checkpoint.folder, f"{whole} has a direction of no length.")
            state[whole] = gain * direction / length
            del halves[whole]
    decoder = checkpoint.configuration.decoder
    if "enc_to_dec_proj.weight" not in state:
        # transformers leaves the projection out where both are equally wide.
        state["enc_to_dec_proj.weight"] = torch.eye(decoder.hidden_size)
        state["enc_to_dec_proj.bias"] = torch.zeros(decoder.hidden_size)
    model.load_state_dict(state, assign=True)
    stack = model.decoder.model.decoder
    stack.positions = sinusoidal_positions(decoder.cache_positions, decoder.hidden_size)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def _part_name(part: str, name: str) -> str:
    return name if name.startswith(f"{part}.") else f"{part}.{name}"


def _check_tensors(folder: Path, configuration: MusicGenConfiguration, tensors: dict[str, StoredTensor]) -> None:
    if "text_encoder.shared.weight" not in tensors and "text_encoder.encoder.embed_tokens.weight" in tensors:
        tensors["text_encoder.shared.weight"] = tensors.pop("text_encoder.encoder.embed_tokens.weight")
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in MusicGen(configuration).state_dict().items()}
    if configuration.text.hidden_size == configuration.decoder.hidden_size:
        optional = {"enc_to_dec_proj.weight", "enc_to_dec_proj.bias"}
        wanted = {name: shape for name, shape in wanted.items() if name not in optional or name in tensors}
    found: dict[str, tuple[int, ...]] = {}
    gains: dict[str, tuple[int, ...]] = {}
    for name in [name for name in tensors if is_unused(name)]:
        del tensors[name]
    for name, tensor in tensors.items():
        if tensor.dtype not in _FLOATS:
            raise refuse(folder, f"{name} holds {tensor.dtype}, not floating-point numbers.")
        normed = normed_weights(name)
        if normed is None:
            found[name] = tensor.shape
        else:
            (gains if normed[1] else found)[normed[0]] = tensor.shape
    extra = sorted(set(found) - set(wanted))
    # Quantizers beyond those that the decoder speaks of are the codec's own business.
    for name in [name for name in extra if name.startswith("audio_encoder.quantizer.layers.")]:
        extra.remove(name)
        del tensors[name]
    if missing := sorted(set(wanted) - set(found)):
        raise refuse(folder, f"{len(missing)} tensors are missing, {missing[0]} among them.")
    if extra:
        raise refuse(folder, f"it holds {len(extra)} tensors that no such MusicGen has, {extra[0]} among them.")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise refuse(folder, f"{name} has the shape {list(found[name])}; it should be {list(shape)}.")
    for name, shape in gains.items():
        if shape != gain_shape(name, wanted[name]):
            raise refuse(folder, f"the gain of {name} has the shape {list(shape)}.")
    normed_names = {normed[0] for name in tensors if (normed := normed_weights(name)) and not normed[1]}
    if normed_names != set(gains):
        raise refuse(folder, "its convolutions lack a half of their normed weights.")


def _read(checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    by_file: dict[Path, list[tuple[str, str]]] = {}
    for name, stored in checkpoint.tensors.items():
        by_file.setdefault(stored.file, []).append((name, stored.key))
    for path, names in by_file.items():
        try:
            with safe_open(path, framework="pt") as file:
                for name, key in names:
                    tensor = file.get_tensor(key).float()
                    if not torch.isfinite(tensor).all():
                        raise refuse(path, f"{name} holds values that are not finite.")
                    if name.endswith(".running_var") and torch.any(tensor < 0):
                        raise refuse(path, f"{name} holds variances below zero.")
                    yield name, tensor
        except (SafetensorError, OSError) as error:
            raise refuse(path, f"it cannot be read ({error}).") from error
