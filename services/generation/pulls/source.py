"""Where a model's files come from, and which of them a model needs.

`configs/models.yaml` names one source for a model: `hf:owner/repository@revision` or `file:/folder`. Hashes are the
publisher's: a hub states SHA-256 for large files and git's SHA-1 for small ones, of one commit that is fixed before the
first byte is fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from services.shared.assets.transfer import fetch_small
from services.shared.errors import AppError, ErrorCode

_HUB = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)@(?P<revision>[\w.-]+)")
_FOLDER = re.compile(r"file:(?P<path>/.+)")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,150}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PICKLES = ("state_dict.bin", "compression_state_dict.bin")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. `sha256` or `git_sha1` is what its publisher states; both are empty for a local file."""

    name: str
    size_bytes: int
    url: str
    sha256: str = ""
    git_sha1: str = ""

    def is_whole(self, path: Path) -> bool:
        """Whether the file at `path` is this one."""
        if not path.is_file() or path.stat().st_size != self.size_bytes:
            return False
        if self.sha256:
            return _digest(path, hashlib.sha256()) == self.sha256
        if self.git_sha1:
            # What git hashes begins with the object's kind and size.
            header = f"blob {self.size_bytes}\0".encode()
            return _digest(path, hashlib.sha1(header, usedforsecurity=False)) == self.git_sha1
        return True


@dataclass(frozen=True, slots=True)
class Listing:
    """A model's files at one moment of its source."""

    files: tuple[ModelFile, ...]
    revision: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A repository of a hub at a revision, or a folder of the server's machine."""

    repository: str = ""
    revision: str = ""
    folder: Path | None = None

    @classmethod
    def parse(cls, text: str) -> ModelSource:
        """Read the notation of `configs/models.yaml`. Raises `ValueError` on anything else."""
        if found := _HUB.fullmatch(text):
            return cls(repository=found["name"], revision=found["revision"])
        if found := _FOLDER.fullmatch(text):
            return cls(folder=Path(found["path"]))
        raise ValueError(f"{text!r} is not a model's source (hf:owner/repository@revision or file:/folder)")

    def __str__(self) -> str:
        return f"file:{self.folder}" if self.folder is not None else f"hf:{self.repository}@{self.revision}"

    def list(self) -> Listing:
        """The files that a model needs. May ask the hub; blocks.

        Raises `AppError`: UNAVAILABLE when the source does not answer, MODEL_NOT_INSTALLED when it holds no model.
        """
        listing = self._of_folder(self.folder) if self.folder is not None else self._of_hub()
        files = needed(listing.files)
        if not files:
            raise AppError(ErrorCode.MODEL_NOT_INSTALLED, f"There are no weights at {self} that can be used.")
        return Listing(files, listing.revision, listing.headers)

    def _of_folder(self, folder: Path) -> Listing:
        try:
            files = tuple(
                ModelFile(path.name, path.stat().st_size, path.resolve().as_uri())
                for path in sorted(folder.iterdir())
                if path.is_file()
            )
        except OSError as error:
            raise AppError(ErrorCode.UNAVAILABLE, f"{self} cannot be read: {error.strerror}.") from error
        return Listing(files, "")

    def _of_hub(self) -> Listing:
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        token = os.environ.get("HF_TOKEN", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        models = f"{endpoint}/api/models/{self.repository}"
        commit = _json(f"{models}/revision/{quote(self.revision, safe='')}", headers, self)
        revision = commit.get("sha") if isinstance(commit, dict) else None
        if not isinstance(revision, str) or not _COMMIT.fullmatch(revision):
            raise self._strange()
        entries = _json(f"{models}/tree/{revision}", headers, self)
        if not isinstance(entries, list):
            raise self._strange()
        root = f"{endpoint}/{self.repository}/resolve/{revision}"
        try:
            files = tuple(_file(entry, root) for entry in entries if entry["type"] == "file")
        except (KeyError, TypeError, ValueError) as error:
            raise self._strange() from error
        return Listing(files, revision, headers)

    def _strange(self) -> AppError:
        return AppError(ErrorCode.UNAVAILABLE, f"The hub's answer about {self} cannot be read. Try again later.")


def needed(files: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    """Those of a repository's files that the model is made of: weights in one layout, its settings, its tokenizer.

    Safetensors win; audiocraft's two pickles are taken only where there are none, and are opened by the converter.
    """
    named = [file for file in files if _NAME.fullmatch(file.name)]
    weights = [file for file in named if file.name.endswith(".safetensors")]
    if not weights:
        weights = [file for file in named if file.name in _PICKLES]
        if len(weights) != len(_PICKLES):
            return ()
    beside = [file for file in named if file.name.endswith((".json", ".model"))]
    return tuple(sorted([*beside, *weights], key=lambda file: file.size_bytes))


def _file(entry: dict[str, Any], root: str) -> ModelFile:
    name, size = str(entry["path"]), int(entry["size"])
    large = entry.get("lfs")
    sha256 = str(large["oid"]).removeprefix("sha256:") if large else ""
    git_sha1 = "" if large else str(entry["oid"])
    if size < 0 or not (_SHA256.fullmatch(sha256) or _COMMIT.fullmatch(git_sha1)):
        raise ValueError(name)
    return ModelFile(name, size, f"{root}/{quote(name)}", sha256, git_sha1)


def _json(url: str, headers: dict[str, str], source: ModelSource) -> Any:
    body, _ = fetch_small(url, accept="application/json", headers=headers)
    try:
        return json.loads(body)
    except ValueError as error:
        raise AppError(ErrorCode.UNAVAILABLE, f"The hub's answer about {source} cannot be read.") from error


def _digest(path: Path, digest: Any) -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return str(digest.hexdigest())
