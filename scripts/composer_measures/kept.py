"""What a long measurement has found so far, so that one that was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO


def fingerprint(paths: Iterable[Path]) -> str:
    """Names the state of some files: figures of other music, or of other measures, are never mixed in."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Kept:
    """Figures by name in a file of JSON lines; each is written as soon as it is known.

    Lines of another `state`, and one that was cut off, are passed over. `total` is how many figures there will be:
    each new one is announced on stderr with how long the rest may take.
    """

    def __init__(self, path: Path, state: str, total: int) -> None:
        self._path = path
        self._state = state
        self._total = total
        self._known: dict[str, Any] = {}
        self._passed = 0
        self._made = 0
        self._began = time.monotonic()
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and entry.get("state") == state:
                    self._known[entry["name"]] = entry["figures"]

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def figures(self, name: str, make: Callable[[], Any]) -> Any:
        """The figures of this name, made now if they are not known yet. They must be JSON."""
        self._passed += 1
        if name not in self._known:
            found = make()
            line = json.dumps({"state": self._state, "name": name, "figures": found}) + "\n"
            with self._path.open("a+", encoding="utf-8") as file:
                file.write(line if self._ends_a_line(file) else f"\n{line}")
            self._known[name] = found
            self._made += 1
            self._announce(name)
        return self._known[name]

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
