"""Rate limits for load runs: those that are shipped, each a thousand times as wide.

A dozen accounts stand for all people of a load run, so that the shipped figures would refuse most of it; without any
limit the counting, which every request of a real server waits for, would not be measured.
"""

from pathlib import Path
from typing import Any, Final

import yaml

SHIPPED: Final = Path(__file__).resolve().parents[2] / "configs" / "rate_limiting.yaml"
FACTOR: Final = 1_000
_QUOTAS: Final = frozenset({"quota", "key_quota", "site_quota"})


def raised(folder: Path) -> Path:
    """Write the file into `folder`; its path, for `MUSICGEN_GATEWAY_RATE_LIMITS_FILE`."""
    path = folder / "rate_limiting.yaml"
    path.write_text(yaml.safe_dump(_raised(yaml.safe_load(SHIPPED.read_text("utf-8")))), "utf-8")
    return path


def _raised(document: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _raised(value) if isinstance(value, dict) else value * FACTOR if name in _QUOTAS else value
        for name, value in document.items()
    }
