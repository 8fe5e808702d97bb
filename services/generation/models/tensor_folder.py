"""Safetensors in a folder, single or sharded: which tensors there are, checked before any of them is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.generation.models.refusal import refuse

_LONGEST_HEADER = 64 * 2**20
_LONGEST_JSON = 16 * 2**20
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies, under which name, and what it is."""

    file: Path
    key: str
    dtype: str
    shape: tuple[int, ...]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Refuses what is none, or is absurdly long."""
    try:
        if path.stat().st_size > _LONGEST_JSON:
            raise refuse(path, "it is too long for a configuration.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise refuse(path, f"it is not readable JSON ({error}).") from error
    if not isinstance(content, dict):
        raise refuse(path, "it does not hold a JSON object.")
    return content


def stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    """The tensors of a folder by name. Refuses broken files, overlapping or cut data, and shards that are missing."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        places = read_json(index).get("weight_map")
        if not isinstance(places, dict):
            raise refuse(index, "it has no weight_map.")
        files = sorted({str(name) for name in places.values()})
        if any(Path(name).name != name for name in files):
            raise refuse(index, "it names files outside of its folder.")
        tensors: dict[str, StoredTensor] = {}
        for name in files:
            tensors |= read_header(folder / name)
        if missing := set(map(str, places)) - set(tensors):
            raise refuse(index, f"its shards lack {len(missing)} tensors, {sorted(missing)[0]} among them.")
        return tensors
    for name in ("model.safetensors", "pytorch_model.safetensors"):
        if (folder / name).is_file():
            return read_header(folder / name)
    raise refuse(folder, "there are no safetensors in it.")


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors that a safetensors file says it holds, if its size agrees."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(_LONGEST_HEADER, size - 8):
                raise refuse(path, "it is not a safetensors file, or it was cut off.")
            header = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError) as error:
        raise refuse(path, f"its header cannot be read ({error}).") from error
    if not isinstance(header, dict):
        raise refuse(path, "its header is not a table of tensors.")
    header.pop("__metadata__", None)
    tensors, spans = {}, []
    for name, entry in header.items():
        stored, span = _entry(path, str(name), entry)
        tensors[str(name)] = stored
        spans.append(span)
    end = 0
    for first, last in sorted(spans):
        if first != end:
            raise refuse(path, "its tensors overlap or leave gaps.")
        end = last
    if 8 + length + end != size:
        raise refuse(path, f"it was cut off: {8 + length + end:,} bytes are announced and {size:,} are there.")
    return tensors


def _entry(path: Path, name: str, entry: object) -> tuple[StoredTensor, tuple[int, int]]:
    if not isinstance(entry, Mapping):
        raise refuse(path, f"its entry {name} is broken.")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not (
        isinstance(dtype, str)
        and dtype in _BYTES
        and isinstance(shape, list)
        and all(isinstance(size, int) and size >= 0 for size in shape)
        and isinstance(offsets, list)
        and len(offsets) == 2
        and all(isinstance(offset, int) for offset in offsets)
    ):
        raise refuse(path, f"its entry {name} is broken.")
    count = 1
    for size in shape:
        count *= size
    first, last = offsets
    if first < 0 or last - first != count * _BYTES[dtype]:
        raise refuse(path, f"the size of {name} does not fit its shape.")
    return StoredTensor(path, name, dtype, tuple(shape)), (first, last)
