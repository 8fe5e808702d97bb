"""The web studio's files: a static export (HTML, scripts, styles), held in memory and found by path alone.

Only what lay in the folder when it was read can be answered, so that no path leads out of it. `csp.json` names the
hashes of each page's inline scripts; `<file>.br` and `<file>.gz` are the file in fewer bytes.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import structlog

from services.shared.errors import AppError, ErrorCode

log = structlog.get_logger(__name__)

NOT_FOUND_PAGE = "404.html"
_POLICY_FILE = "csp.json"
_INDEX = "index.html"
# Of several that a client takes, the first wins.
ENCODINGS: Mapping[str, str] = {"br": ".br", "gzip": ".gz"}

_HASH = re.compile(r"sha(?:256|384|512)-[A-Za-z0-9+/]{43,88}={0,2}")
# Named here, because the system's own table differs from machine to machine.
_MEDIA_TYPES = {
    ".avif": "image/avif",
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file. `variants` are its bytes by content encoding; `script_hashes` those of a page's inline scripts."""

    path: str
    content: bytes
    media_type: str
    etag: str
    variants: Mapping[str, bytes] = field(default_factory=dict)
    script_hashes: tuple[str, ...] = ()

    @property
    def is_page(self) -> bool:
        """Whether a browser shows it as a document of its own."""
        return self.media_type.startswith("text/html")


class Site:
    """The files of one export."""

    def __init__(self, files: Mapping[str, SiteFile]) -> None:
        self._files = files

    @classmethod
    def read(cls, folder: Path) -> Site:
        """Everything in `folder`. Raises `AppError` (NOT_FOUND) when it holds no start page."""
        contents = _read_all(folder)
        hashes = _script_hashes(contents.pop(_POLICY_FILE, b"{}"))
        files = {
            path: _file(path, content, contents, hashes.get(path, ()))
            for path, content in contents.items()
            if not _is_variant(path, contents)
        }
        if _INDEX not in files:
            raise AppError(ErrorCode.NOT_FOUND, f"There is no web studio in {folder}: it holds no {_INDEX}.")
        return cls(files)

    def find(self, path: str) -> SiteFile | None:
        """The file at a URL's path (decoded, without its leading slash): `create` and `create/` are its index page."""
        trimmed = path.rstrip("/")
        if trimmed == path and path in self._files:
            return self._files[path]
        for candidate in (f"{trimmed}/{_INDEX}" if trimmed else _INDEX, f"{trimmed}.html"):
            if candidate in self._files:
                return self._files[candidate]
        return None

    @property
    def not_found_page(self) -> SiteFile | None:
        """What the export shows for a path that leads nowhere."""
        return self._files.get(NOT_FOUND_PAGE)


def _read_all(folder: Path) -> dict[str, bytes]:
    root = folder.resolve()
    found: dict[str, bytes] = {}
    for parent, folders, names in os.walk(root):
        # What begins with a dot was left behind by a tool; links could lead anywhere.
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent) / name
            if not name.startswith(".") and not path.is_symlink() and path.is_file():
                found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def _script_hashes(document: bytes) -> dict[str, tuple[str, ...]]:
    try:
        loaded: Any = orjson.loads(document)
        return {
            str(page): tuple(item for item in hashes if isinstance(item, str) and _HASH.fullmatch(item))
            for page, hashes in loaded.items()
        }
    except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
        log.warning("the studio's script hashes cannot be read, its inline scripts will not run", error=repr(error))
        return {}


def _is_variant(path: str, contents: Mapping[str, bytes]) -> bool:
    return any(path.endswith(suffix) and path.removesuffix(suffix) in contents for suffix in ENCODINGS.values())


def _file(path: str, content: bytes, contents: Mapping[str, bytes], script_hashes: tuple[str, ...]) -> SiteFile:
    suffix = Path(path).suffix.lower()
    media_type = _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    variants = {
        name: contents[path + suffix_]
        for name, suffix_ in ENCODINGS.items()
        # A variant that is not smaller is worth nothing.
        if len(contents.get(path + suffix_, content)) < len(content)
    }
    etag = hashlib.sha256(content).hexdigest()[:32]
    return SiteFile(path, content, media_type, etag, variants, script_hashes)
