"""The MusicGen models that people know, and those that lie in the models folder. Light: no weights, no torch.

Every folder below `models_dir` (or link to one) that holds a MusicGen is a model; its name is its id, with `musicgen-`
in front where that is missing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from services.generation.backends.protocol import ModelDescription
from services.generation.models.conversion import is_audiocraft
from services.generation.models.parts import (
    STYLE_TYPE,
    around_audiocraft,
    find_part,
    separate_parts,
    separate_parts_of_audiocraft,
)
from services.generation.models.tensor_folder import read_json, stored_tensors
from services.generation.models.transformers_layout import MODEL_TYPES
from services.shared.errors import AppError

FAMILY = "musicgen"
LICENCE = "CC-BY-NC-4.0"
MAX_SECONDS = 300.0
PARAMETERS = (
    "negative_prompt",
    "guidance_scale",
    "temperature",
    "top_k",
    "top_p",
    "structure",
    "bpm",
    "key",
    "continue_from_id",
    "continue_at",
)
STYLE_PARAMETERS = ("style_id", "guidance_beta", "style_codebooks")
CONDITIONING = ("text", "structure", "audio_prompt")
_WEIGHTS = (".safetensors", ".bin")
_SMALL_FILES = ("config.json", "tokenizer.json", "spiece.model")
# Of a file of weights so much is looked at, spread over all of it: fine-tuned weights have the header, and often the
# text encoder at the end, of those that they began with.
_SAMPLES = 256
_SAMPLE_BYTES = 2**12

# Parameters of the text encoder (T5-base) and the codec (EnCodec 32 kHz), and of the decoders by their width and depth.
_SHARED_PARAMETERS = 110_000_000 + 59_000_000
# Of MERT-v1-95M, and of a transformer of eight layers of 512 with six codebooks.
_STYLE_SIZE = 95_000_000 + 29_000_000
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class _Size:
    words: str
    width: int
    layers: int


_SMALL = _Size("small: quick, and fine for sketches", 1024, 24)
_MEDIUM = _Size("medium: better sound, three times the work", 1536, 48)
_LARGE = _Size("large: the best of the family, for a GPU", 2048, 48)


_MUSICGEN = "MusicGen by Meta AI (Copet et al., 2023), CC-BY-NC 4.0"
_STYLE_ATTRIBUTIONS = (
    "MusicGen-Style by Meta AI (Rouard et al., 2024), CC-BY-NC 4.0",
    "MERT by the Multimodal Art Projection (Li et al., 2023), CC-BY-NC 4.0",
)


def _conditioning(*, melody: bool, style: bool) -> tuple[str, ...]:
    return (*CONDITIONING, *(("melody",) if melody else ()), *(("style",) if style else ()))


def _parameters(*, melody: bool, style: bool) -> tuple[str, ...]:
    return (*PARAMETERS, *(("melody_id",) if melody else ()), *(STYLE_PARAMETERS if style else ()))


def _known(
    name: str, size: _Size, *, melody: bool = False, stereo: bool = False, style: bool = False
) -> ModelDescription:
    traits = [size.words]
    if melody:
        traits.append("follows a melody that it is given")
    if style:
        traits.append("plays in the manner of a few seconds that it is given")
    if stereo:
        traits.append("stereo")
    per_layer = (12 if melody or style else 16) * size.width**2
    books = 8 if stereo else 4
    parameters = per_layer * size.layers + 2 * books * 2048 * size.width + _SHARED_PARAMETERS
    parameters += _STYLE_SIZE if style else 0
    return ModelDescription(
        id=f"musicgen-{name}",
        family=FAMILY,
        title=f"MusicGen {name.replace('-', ' ')}",
        description=(
            f"Meta's MusicGen, {'; '.join(traits)}. Its weights are for non-commercial use only and come from their "
            "publisher; an administrator installs them."
        ),
        licence=LICENCE,
        commercial_use=False,
        size_bytes=parameters * _FLOAT_BYTES,
        sample_rate_hz=32_000,
        channels=2 if stereo else 1,
        max_duration_seconds=MAX_SECONDS,
        default_duration_seconds=30.0,
        conditioning=_conditioning(melody=melody, style=style),
        outputs=("audio",),
        parameters=_parameters(melody=melody, style=style),
        revision="",
        installed=False,
        continues_from="sound",
        attributions=(_MUSICGEN, *_STYLE_ATTRIBUTIONS) if style else (_MUSICGEN,),
    )


KNOWN: Mapping[str, ModelDescription] = MappingProxyType(
    {
        model.id: model
        for model in (
            _known("small", _SMALL),
            _known("medium", _MEDIUM),
            _known("large", _LARGE),
            _known("melody", _MEDIUM, melody=True),
            _known("melody-large", _LARGE, melody=True),
            _known("style", _MEDIUM, style=True),
            _known("stereo-small", _SMALL, stereo=True),
            _known("stereo-medium", _MEDIUM, stereo=True),
            _known("stereo-large", _LARGE, stereo=True),
            _known("stereo-melody", _MEDIUM, melody=True, stereo=True),
            _known("stereo-melody-large", _LARGE, melody=True, stereo=True),
        )
    }
)


def model_id(folder_name: str) -> str:
    """The id of a folder's model: `facebook--musicgen-small`, `musicgen-small` and `small` are all the same."""
    name = re.sub(r"[^a-z0-9.]+", "-", folder_name.lower().rpartition("--")[2]).strip("-.")
    return name if name.startswith("musicgen-") else f"musicgen-{name}"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A folder as it was described: the state of its own files, and of those of its parts too."""

    own: object
    state: object
    parts: Mapping[str, str]
    description: ModelDescription


class ModelShelf:
    """The models folder. Reads it anew at each call; what did not change is not fingerprinted again."""

    def __init__(self, models_dir: Path) -> None:
        self._folder = models_dir
        self._seen: dict[Path, _Seen] = {}

    @property
    def folder(self) -> Path:
        """The models folder."""
        return self._folder

    @property
    def quantised_folder(self) -> Path:
        """Where quantised weights lie and what was measured on them; hidden, so that nobody takes it for a model."""
        return self._folder / ".quantised"

    def descriptions(self) -> list[ModelDescription]:
        """The known models, those that are here as installed, and then the others that are here."""
        here = {description.id: description for _, description in self._models()}
        return [here.pop(name, known) for name, known in KNOWN.items()] + list(here.values())

    def find(self, wanted: str) -> Path | None:
        """The folder of a model; None when it is not here."""
        return next((folder for folder, description in self._models() if description.id == wanted), None)

    def _models(self) -> Iterator[tuple[Path, ModelDescription]]:
        if not self._folder.is_dir():
            return
        names = set()
        for folder in sorted(self._folder.iterdir()):
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            description = self._describe(folder)
            if description is not None and description.id not in names:
                names.add(description.id)
                yield folder, description

    def _describe(self, folder: Path) -> ModelDescription | None:
        """The model of a folder; None when it holds none, or a broken one (`musicgen models check` says why)."""
        try:
            own = _state([folder])
            seen = self._seen.get(folder)
            parts = seen.parts if seen is not None and seen.own == own else _parts(folder)
            state = _state([folder, *_part_folders(folder, parts, self._folder)])
            if seen is None or (seen.own, seen.state) != (own, state):
                found = describe_folder(folder, self._folder)
                if found is None:
                    return None
                self._seen[folder] = seen = _Seen(own, state, parts, found)
        except (OSError, AppError):
            return None
        return seen.description


def describe_folder(folder: Path, models_dir: Path, name: str = "") -> ModelDescription | None:
    """What lies in a folder, by its configuration; None when that is no MusicGen. Raises what `read_json` raises.

    Parts of it may lie in `models_dir`. `name` is its id; else the folder's name says it.
    """
    name = name or model_id(folder.name)
    size = sum(path.stat().st_size for path in _weights(folder))
    if (folder / "config.json").is_file():
        document = read_json(folder / "config.json")
        if document.get("model_type") not in MODEL_TYPES:
            return None
        melody, style = document["model_type"] == "musicgen_melody", document["model_type"] == STYLE_TYPE
        decoder = document.get("decoder")
        codec = document.get("audio_encoder")
        stereo = isinstance(decoder, Mapping) and decoder.get("audio_channels") == 2
        rate = codec.get("sampling_rate") if isinstance(codec, Mapping) else None
        conditioner = document.get("style_conditioner") if style else None
        style_codebooks = conditioner.get("num_codebooks") if isinstance(conditioner, Mapping) else None
    elif is_audiocraft(folder):
        # Its settings lie inside a pickle, which nobody opens for a list: the name has to say what it is.
        melody, style, stereo, rate = "melody" in name, "style" in name, "stereo" in name, None
        style_codebooks = None
    else:
        return None
    known = KNOWN.get(name)
    base = known or replace(
        _known(name.removeprefix("musicgen-"), _MEDIUM),
        description="A MusicGen model from this machine's models folder. Its licence is its author's.",
        licence="unknown",
        attributions=(),
    )
    return replace(
        base,
        installed=True,
        size_bytes=size,
        channels=2 if stereo else 1,
        sample_rate_hz=rate if isinstance(rate, int) else base.sample_rate_hz,
        conditioning=_conditioning(melody=melody, style=style),
        parameters=_parameters(melody=melody, style=style),
        revision=fingerprint(folder, models_dir),
        style_codebooks=style_codebooks if isinstance(style_codebooks, int) else 0,
    )


def fingerprint(folder: Path, models_dir: Path) -> str:
    """A short name for what a model is made of: its files and those of its parts, wherever they lie.

    Of weights, configurations and tokenizers the names, sizes and a megabyte of each count, which lies all over it.
    """
    digest = hashlib.sha256()
    parts = _part_folders(folder, _parts(folder), models_dir)
    for path in [path for place in (folder, *parts) for path in _files(place)]:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        last = max(0, size - _SAMPLE_BYTES)
        with path.open("rb") as file:
            for sample in range(_SAMPLES):
                file.seek(last * sample // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:12]


def _weights(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix in _WEIGHTS and path.is_file()]


def _files(folder: Path) -> list[Path]:
    return sorted([*(folder / name for name in _SMALL_FILES if (folder / name).is_file()), *_weights(folder)])


def _parts(folder: Path) -> Mapping[str, str]:
    """The parts that have folders of their own, with what those are called. None of a folder that cannot be used."""
    if is_audiocraft(folder) and not (folder / "config.json").is_file():
        return separate_parts_of_audiocraft(folder, style="style" in model_id(folder.name))
    try:
        return separate_parts(read_json(folder / "config.json"), tuple(stored_tensors(folder)))
    except AppError:
        return {}


def _part_folders(folder: Path, parts: Mapping[str, str], models_dir: Path) -> list[Path]:
    beside = (models_dir,) if (folder / "config.json").is_file() else around_audiocraft(folder, models_dir)
    found = (find_part(folder, part, name, beside) for part, name in parts.items())
    return [place for place in found if place is not None]


def _state(folders: Iterable[Path]) -> object:
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for folder in folders for path in _files(folder)]
