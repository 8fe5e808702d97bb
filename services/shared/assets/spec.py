"""What is known about an asset before it is fetched: source, hash, size, licence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SOURCES = {
    "hf": re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)@(?P<version>[\w./-]+?)/(?P<member>.+)"),
    "https": re.compile(r"(?P<name>https://.+)"),
    # Plain HTTP never leaves the machine: the hash guards the content, but not what a stranger learns from the request.
    "http": re.compile(r"(?P<name>http://(127\.0\.0\.1|localhost)(:\d+)?/.+)"),
    "pypi": re.compile(r"pypi:(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)/(?P<member>.+)"),
    "npm": re.compile(r"npm:(?P<name>(@[\w.-]+/)?[\w.-]+)@(?P<version>[\w.+-]+)/(?P<member>.+)"),
    "file": re.compile(r"file:(?P<name>/.+)"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file comes from. `member` is the path inside a package or repository, empty for plain files."""

    scheme: str
    name: str
    version: str = ""
    member: str = ""

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read the notation of `configs/assets.yaml`; raises `ValueError` on anything else."""
        scheme = text.partition(":")[0]
        pattern = _SOURCES.get(scheme)
        match = pattern.fullmatch(text) if pattern else None
        if match is None:
            raise ValueError(f"{text!r} is not an asset source (hf:, https:, pypi:, npm: or file:)")
        found = match.groupdict()
        member = found.get("member", "")
        if member.startswith("/") or ".." in member.split("/"):
            raise ValueError(f"{text!r} leaves its package")
        return cls(scheme, found["name"], found.get("version", ""), member)

    def __str__(self) -> str:
        if self.scheme == "file":
            return f"file:{self.name}"
        if not self.version:
            return self.name
        return f"{self.scheme}:{self.name}{'==' if self.scheme == 'pypi' else '@'}{self.version}/{self.member}"


@dataclass(frozen=True, slots=True)
class Licence:
    """Under which terms an asset may be used. `member` is the licence text inside the same package, empty for none."""

    name: str
    commercial_use: bool
    attribution: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class AssetSpec:
    """One file. `archive_sha256` pins the package around it and is empty for sources without one."""

    name: str
    title: str
    source: Source
    file: str
    size_bytes: int
    sha256: str
    licence: Licence
    archive_sha256: str = ""
    required: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not _FILE.fullmatch(self.file):
            raise ValueError(f"{self.name!r}/{self.file!r} is no asset name and file name")
        if not _SHA256.fullmatch(self.sha256) or (self.archive_sha256 and not _SHA256.fullmatch(self.archive_sha256)):
            raise ValueError(f"{self.name}: sha256 takes 64 lower-case hexadecimal digits")
        if self.size_bytes <= 0:
            raise ValueError(f"{self.name}: size_bytes has to be positive")


def default_catalogue_path() -> Path:
    """`configs/assets.yaml` of the checkout that this code lies in, else (in an image) of the working directory."""
    checkout = Path(__file__).resolve().parents[3] / "configs" / "assets.yaml"
    return checkout if checkout.exists() else Path.cwd() / "configs" / "assets.yaml"


def read_catalogue(path: Path) -> dict[str, AssetSpec]:
    """Every asset of a catalogue file by name. Raises `ValueError` naming the entry that is wrong."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    specs = {}
    for name, entry in document["assets"].items():
        try:
            values = dict(entry)
            values["source"] = Source.parse(values["source"])
            values["licence"] = Licence(**values["licence"])
            specs[name] = AssetSpec(name=name, **values)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: asset {name}: {error}") from error
    return specs
