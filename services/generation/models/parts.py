"""The parts of a model that may have a folder of their own: which ones a model needs, and where they lie.

A folder in the transformers layout holds all of a model, or leaves the text encoder, the codec or the style encoder to
`text_encoder/`, `audio_encoder/` or `style_encoder/` inside it, or to a folder beside it that its configuration names
(`t5-base`, `encodec_32khz`, `MERT-v1-95M`). One in audiocraft's layout never holds its text and style encoders.
Light: no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STYLE_TYPE = "musicgen_style"

# What a part's own folder is called when the configuration says nothing.
_USUAL_NAMES = {"text_encoder": "t5-base", "audio_encoder": "encodec_32khz"}
_USUAL_NAMES_OF_STYLE = {**_USUAL_NAMES, "style_encoder": "MERT-v1-95M"}
# audiocraft's codec is its weights, or a few bytes that name another one.
_AUDIOCRAFT_CODEC = "compression_state_dict.bin"
_LONGEST_NAME_BYTES = 2**16


def usual_parts(*, style: bool) -> Mapping[str, str]:
    """The parts of a model by the prefix of their tensors, with the usual name of their folder."""
    return _USUAL_NAMES_OF_STYLE if style else _USUAL_NAMES


def separate_parts(document: Mapping[str, Any], tensors: Sequence[str]) -> dict[str, str]:
    """The parts that a folder in the transformers layout leaves to others, each with the name of its folder."""
    names = {}
    for part, usual in usual_parts(style=document.get("model_type") == STYLE_TYPE).items():
        if not any(name.startswith(f"{part}.") for name in tensors):
            values = document.get(part)
            named = values.get("_name_or_path") if isinstance(values, Mapping) else None
            names[part] = Path(str(named)).name if named else usual
    return names


def separate_parts_of_audiocraft(folder: Path, *, style: bool) -> dict[str, str]:
    """The same of a folder in audiocraft's layout that nobody has opened, as the published ones are."""
    names = dict(usual_parts(style=style))
    codec = folder / _AUDIOCRAFT_CODEC
    if codec.is_file() and codec.stat().st_size > _LONGEST_NAME_BYTES:
        del names["audio_encoder"]
    return names


def around_audiocraft(folder: Path, models_dir: Path) -> tuple[Path, ...]:
    """Where the parts of a folder in audiocraft's layout may lie: what is made of it lies elsewhere."""
    return folder, folder.parent, folder.resolve().parent, models_dir


def find_part(folder: Path, part: str, name: str, beside: Sequence[Path] = ()) -> Path | None:
    """The folder of a part: inside the model's, in one of `beside`, or beside it; None when it is nowhere."""
    roots = (*beside, folder.parent, folder.resolve().parent)
    places = (folder / part, *(root / called for root in roots for called in (name, part)))
    return next((place for place in places if (place / "config.json").is_file()), None)
