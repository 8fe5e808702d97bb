"""The child that opens a pickled checkpoint: `python -m services.generation.models.converter SOURCE TARGET`.

Nothing else of the platform opens pickles. The child limits itself (memory, processor time, files) before torch is
imported, and loads with `weights_only=True`: tensors, numbers and strings come out of it and nothing is called. TARGET
becomes a folder in the transformers layout (`config.json`, `model.safetensors`); SOURCE is in audiocraft's layout, or
has its weights as `pytorch_model.bin`, which keep their names. A refusal is one line on stderr and
exit code 3; the parent (`conversion`) turns it into the reason that people read.
"""

from __future__ import annotations

import json
import pickle
import re
import resource
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REFUSED = 3
_CPU_SECONDS = 1800
_OPEN_FILES = 128
# Beside the checkpoint itself, which is mapped and then written.
_MEMORY_BYTES = 6 * 2**30
_LONGEST_SETTINGS = 2**20
# What a pickle wants to call, in torch's refusals of it.
_CALLED = re.compile(r"GLOBAL ([\w.]{1,100})")


class Refused(Exception):  # noqa: N818 — an outcome, not an error
    """The checkpoint is not what it should be."""


def limit(source_bytes: int) -> None:
    """Bound what this process may use, for ever."""
    memory = _MEMORY_BYTES + 3 * source_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check_archive(path: Path) -> None:
    """Refuse what is no archive of stored members, as torch writes them: nothing in it may grow when it is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise Refused(f"{path.name} is not a torch checkpoint, or it was cut off ({error}).") from error
    if any(
        member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size for member in members
    ):
        raise Refused(f"{path.name} holds compressed members, which torch never writes.")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise Refused(f"{path.name} announces more than it holds.")
    if not any(member.filename.endswith("/data.pkl") for member in members):
        raise Refused(f"{path.name} is an archive, but not a torch checkpoint.")


def load(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: tensors, numbers, strings and containers of them."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        # torch's own sentence says how to open it all the same.
        called = _CALLED.search(str(error))
        what = f" ({called[1]})" if called else ""
        raise Refused(f"{path.name} holds more than weights{what}, so it was not opened further.") from error
    except (RuntimeError, ValueError, KeyError, EOFError, TypeError, AttributeError, OSError) as error:
        raise Refused(
            f"{path.name} cannot be read ({str(error).splitlines()[0][:200] if str(error) else error})."
        ) from error
    if not isinstance(content, Mapping):
        raise Refused(f"{path.name} does not hold a table.")
    return dict(content)


def settings(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """audiocraft's settings, which lie in the checkpoint as YAML."""
    import yaml

    text = content.get("xp.cfg")
    if not isinstance(text, str) or len(text) > _LONGEST_SETTINGS:
        raise Refused(f"{name} holds no settings of audiocraft (xp.cfg).")
    try:
        parsed = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise Refused(f"the settings in {name} cannot be read.") from error
    if not isinstance(parsed, dict):
        raise Refused(f"the settings in {name} are no table.")
    return parsed


def weights(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The tensors of a checkpoint."""
    import torch

    state = content.get("best_state")
    if not isinstance(state, Mapping) or not state:
        raise Refused(f"{name} holds no weights (best_state).")
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor) or value.layout is not torch.strided:
            raise Refused(f"{name} holds something beside tensors: {str(key)[:80]}.")
    return dict(state)


def convert(source: Path, target: Path) -> None:
    """Convert the pickles of SOURCE into the folder TARGET."""
    if not (source / "state_dict.bin").is_file():
        _convert_plain(source, target)
        return
    for path in sorted(source.glob("*state_dict.bin")):
        check_archive(path)
    # Torch comes after the archives were looked at.
    from services.generation.models.audiocraft_layout import (
        codec_state,
        language_model_state,
        transformers_configuration,
    )

    model_content = load(source / "state_dict.bin")
    codec_path = source / "compression_state_dict.bin"
    codec_content = load(codec_path) if codec_path.is_file() else {"pretrained": "facebook/encodec_32khz"}
    try:
        model = language_model_state(weights(model_content, "state_dict.bin"))
        codec = None
        codec_settings: dict[str, Any] = codec_content
        if "pretrained" not in codec_content:
            codec = codec_state(weights(codec_content, codec_path.name))
            codec_settings = settings(codec_content, codec_path.name)
        document = transformers_configuration(model, settings(model_content, "state_dict.bin"), codec, codec_settings)
    except ValueError as error:
        raise Refused(f"It is not a MusicGen of audiocraft: {error}.") from error
    _write(target, model | (codec or {}), document)


def _convert_plain(source: Path, target: Path) -> None:
    """A table of tensors and a configuration, both as they are."""
    path = source / "pytorch_model.bin"
    check_archive(path)
    state = weights({"best_state": load(path)}, path.name)
    try:
        document = json.loads((source / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Refused("its config.json cannot be read.") from error
    _write(target, state, document)


def _write(target: Path, state: Mapping[str, Any], document: Any) -> None:
    from safetensors.torch import save_file

    target.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.contiguous().clone() for name, tensor in state.items()}
    save_file(whole, target / "model.safetensors", metadata={"format": "pt"})
    (target / "config.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Limit the process, convert, answer the exit code."""
    source, target = Path(arguments[0]), Path(arguments[1])
    limit(sum(path.stat().st_size for path in source.glob("*.bin")))
    try:
        convert(source, target)
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return REFUSED
    except MemoryError:
        sys.stderr.write("It needs more memory than a checkpoint of its size may.\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
