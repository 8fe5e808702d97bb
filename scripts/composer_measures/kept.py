"""What a long measurement has found so far, so that one that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from services.generation.composer.genres.catalogue import GENRES


def fingerprint(paths: Iterable[Path], further: str = "") -> str:
    """Names the state of some files and of something further: figures of other music, or of other measures, are never
    mixed in."""
    digest = hashlib.sha256(further.encode())
    for path in sorted(paths):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Sources:
    """What a figure hangs on: the composer's files, those of its measures, and its instruments."""

    def __init__(self, root: Path, instruments: str) -> None:
        generation, self._measures = root / "services" / "generation", root / "scripts" / "composer_measures"
        composer = generation / "composer"
        self._instruments = instruments
        self._profiles = {genre: composer / "genres" / f"{genre}.py" for genre in GENRES}
        own = set(self._profiles.values())
        self._composer = [
            path for kind in ("*.py", "*.safetensors") for path in composer.rglob(kind) if path not in own
        ] + [generation / f"{name}.py" for name in ("loudness", "mastering", "true_peak")]

    def state(self, genres: Iterable[str], *measures: str) -> str:
        """The state of what makes figures of some styles with these modules of `composer_measures`."""
        modules = [self._measures / f"{name}.py" for name in ("songs", *measures)]
        profiles = [self._profiles[genre] for genre in genres]
        return fingerprint([*self._composer, *modules, *profiles], self._instruments)


class Kept:
    """Figures by name and by the state of what made them, in a file of JSON lines; each is written as soon as it is
    known.

    Lines of another state, and one that was cut off, are passed over. `total` is how many figures there will be: each
    new one is announced on stderr with how long the rest may take.
    """

    def __init__(self, path: Path, total: int) -> None:
        self._path = path
        self._total = total
        self._known: dict[tuple[str, str], Any] = {}
        self._passed = 0
        self._made = 0
        self._began = time.monotonic()
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and entry.keys() >= {"name", "state", "figures"}:
                    self._known[entry["name"], entry["state"]] = entry["figures"]

    def has(self, name: str, state: str) -> bool:
        """Whether these figures are known."""
        return (name, state) in self._known

    def figures(self, name: str, state: str, make: Callable[[], Any]) -> Any:
        """The figures of this name, made now if they are not known yet in this state. They must be JSON."""
        self._passed += 1
        if (name, state) not in self._known:
            found = make()
            line = json.dumps({"state": state, "name": name, "figures": found}) + "\n"
            with self._path.open("a+", encoding="utf-8") as file:
                file.write(line if self._ends_a_line(file) else f"\n{line}")
            self._known[name, state] = found
            self._made += 1
            self._announce(name)
        return self._known[name, state]

    @staticmethod
    def _ends_a_line(file: TextIO) -> bool:
        """Whether the file is empty or its last line is whole: a line that was cut off must not swallow the next."""
        end = file.seek(0, 2)
        file.seek(max(0, end - 1))
        return file.read() in ("", "\n")

    def _announce(self, name: str) -> None:
        took = time.monotonic() - self._began
        left = max(0, self._total - self._passed) * took / self._made
        print(f"[{self._passed}/{self._total}] {name} — about {left / 60:.0f} min left", file=sys.stderr, flush=True)
