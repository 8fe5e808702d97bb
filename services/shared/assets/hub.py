"""Repositories of a hub of models, and folders that stand for one: which files there are, and fetching one of them.

Hashes are the publisher's: a hub states SHA-256 for large files and git's SHA-1 for small ones, of one commit that is
fixed before the first byte is fetched. `HF_ENDPOINT` and `HF_TOKEN` are honoured.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from services.shared.assets.transfer import download, fetch_small
from services.shared.errors import AppError, ErrorCode

_HUB = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)@(?P<revision>[\w.-]+)")
_FOLDER = re.compile(r"file:(?P<path>/.+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
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
class Repository:
    """A repository of a hub at a revision, or a folder of this machine."""

    name: str = ""
    revision: str = ""
    folder: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Repository:
        """Read `hf:owner/repository@revision` or `file:/folder`. Raises `ValueError` on anything else."""
        if found := _HUB.fullmatch(text):
            return cls(name=found["name"], revision=found["revision"])
        if found := _FOLDER.fullmatch(text):
            return cls(folder=Path(found["path"]))
        raise ValueError(f"{text!r} is not a model's source (hf:owner/repository@revision or file:/folder)")

    def __str__(self) -> str:
        return f"file:{self.folder}" if self.folder is not None else f"hf:{self.name}@{self.revision}"

    def list(self) -> Listing:
        """Every file of its top folder. May ask the hub; blocks. Raises UNAVAILABLE when it does not answer."""
        return self._of_folder(self.folder) if self.folder is not None else self._of_hub()

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
        models = f"{endpoint}/api/models/{self.name}"
        commit = self._json(f"{models}/revision/{quote(self.revision, safe='')}", headers)
        revision = commit.get("sha") if isinstance(commit, dict) else None
        if not isinstance(revision, str) or not _COMMIT.fullmatch(revision):
            raise self._strange()
        entries = self._json(f"{models}/tree/{revision}", headers)
        if not isinstance(entries, list):
            raise self._strange()
        root = f"{endpoint}/{self.name}/resolve/{revision}"
        try:
            files = tuple(_file(entry, root) for entry in entries if entry["type"] == "file")
        except (KeyError, TypeError, ValueError) as error:
            raise self._strange() from error
        return Listing(files, revision, headers)

    def _json(self, url: str, headers: dict[str, str]) -> Any:
        body, _ = fetch_small(url, accept="application/json", headers=headers)
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._strange() from error

    def _strange(self) -> AppError:
        return AppError(ErrorCode.UNAVAILABLE, f"The hub's answer about {self} cannot be read. Try again later.")


def fetch_file(file: ModelFile, folder: Path, headers: dict[str, str], tell: Callable[[int], None]) -> Path:
    """Bring a file into `folder` unless an earlier try has; goes on where that one broke off.

    `tell` hears of the bytes that are there; what it raises ends the transfer. What is not what its publisher states
    is thrown away: raises UNAVAILABLE.
    """
    target, part = folder / file.name, folder / f"{file.name}.part"
    tell(0)
    if target.exists():
        if file.is_whole(target):
            return target
        target.unlink()
    download(
        file.url, part, limit_bytes=max(1, file.size_bytes), headers=headers, on_bytes=lambda done, _total: tell(done)
    )
    if not file.is_whole(part):
        part.unlink(missing_ok=True)
        raise AppError(
            ErrorCode.UNAVAILABLE, f"{file.name} was damaged on its way and has been thrown away. Try again."
        )
    part.replace(target)
    return target


def _file(entry: dict[str, Any], root: str) -> ModelFile:
    name, size = str(entry["path"]), int(entry["size"])
    large = entry.get("lfs")
    sha256 = str(large["oid"]).removeprefix("sha256:") if large else ""
    git_sha1 = "" if large else str(entry["oid"])
    if size < 0 or not (_SHA256.fullmatch(sha256) or _COMMIT.fullmatch(git_sha1)):
        raise ValueError(name)
    return ModelFile(name, size, f"{root}/{quote(name)}", sha256, git_sha1)


def _digest(path: Path, digest: Any) -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return str(digest.hexdigest())
