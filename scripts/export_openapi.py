"""Write the public API's OpenAPI document to docs/api-reference/openapi.json.

python scripts/export_openapi.py          writes it
python scripts/export_openapi.py --check  says whether it is fresh, and exits with 1 when it is not
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from services.gateway.main import build_api  # noqa: E402 — the root has to be importable first

TARGET = ROOT / "docs" / "api-reference" / "openapi.json"


def main() -> int:
    """Write or check."""
    text = json.dumps(build_api().openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if "--check" not in sys.argv[1:]:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(text, "utf-8")
        print(f"wrote {TARGET.relative_to(ROOT)}")
        return 0
    if TARGET.exists() and TARGET.read_text("utf-8") == text:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is stale: run python scripts/export_openapi.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
