"""Fetch the files of `configs/assets.yaml`: `python scripts/fetch_assets.py [--home var] [--all] [name …]`.

Without names: those that the platform needs to start. What is there already is left alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.shared.assets.errors import AssetError  # noqa: E402
from services.shared.assets.reporter import Reporter  # noqa: E402
from services.shared.assets.store import AssetStore  # noqa: E402


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
