"""Fetch the files of `configs/assets.yaml`: `python scripts/fetch_assets.py [--home var] [--all] [name …]`.

Without names: those that the platform needs to start. What is there already is left alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.shared.assets.errors import AssetError  # noqa: E402
from services.shared.assets.store import AssetProgress, AssetStore  # noqa: E402


class Reporter:
    """Prints progress: one line that moves on a terminal, a plain line every 25 % elsewhere."""

    def __init__(self) -> None:
        self._moving = sys.stdout.isatty()
        self._next = 0.0
        self._started = time.monotonic()

    def __call__(self, progress: AssetProgress) -> None:
        """Say it, unless the last word was said just now."""
        fraction = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
        if progress.stage == "downloading" and fraction < self._next:
            return
        size = f"{progress.done_bytes / 1e6:.1f}"
        if progress.total_bytes:
            size += f" of {progress.total_bytes / 1e6:.1f}"
        line = f"  {progress.name}: {progress.stage} {size} MB"
        if self._moving:
            print(f"\r\033[K{line}", end="\n" if progress.stage == "done" else "", flush=True)
        else:
            print(f"{line} ({time.monotonic() - self._started:.0f} s)", flush=True)
        self._next = fraction + (0.01 if self._moving else 0.25) if progress.stage == "downloading" else 0.0


def main() -> int:
    """Fetch and report; 1 and a line on stderr when something could not be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="assets of configs/assets.yaml; default: the required ones")
    parser.add_argument("--home", type=Path, default=ROOT / "var", help="data directory (its assets/ folder is filled)")
    parser.add_argument("--all", action="store_true", help="everything in the catalogue")
    arguments = parser.parse_args()
    store = AssetStore(arguments.home / "assets")
    try:
        for name in arguments.names or store.names(required=not arguments.all):
            if not store.has(name):
                print(f"Fetching {store.spec(name).title} ({store.spec(name).licence.name})", flush=True)
                store.fetch(name, Reporter())
    except AssetError as error:
        print(f"\n{error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
