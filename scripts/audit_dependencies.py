"""Whether a known weakness is in what we pin: `python scripts/audit_dependencies.py`.

pip-audit asks the index about every pin of constraints.txt. Where no index answers (offline, a mirror without the
database), nothing can be said: that is printed, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
# pip-audit's own source of weaknesses, asked about a package that every index has.
PROBE: Final = "https://pypi.org/pypi/pip/json"
PROBE_SECONDS: Final = 5.0
AUDIT_SECONDS: Final = 120.0
# Weaknesses that were read and do not reach us: id -> why.
READ: Final[dict[str, str]] = {}


def answers() -> bool:
    """Whether the index tells of weaknesses."""
    try:
        with urllib.request.urlopen(PROBE, timeout=PROBE_SECONDS) as answer:
            return "vulnerabilities" in json.load(answer)
    except (OSError, ValueError):
        return False


def main() -> int:
    """1 when something is known against a pin."""
    if not answers():
        print("Not audited: no index that knows of weaknesses answers here.")
        return 0
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip"),
        *("--progress-spinner", "off", "--format", "json"),
        *(part for name in READ for part in ("--ignore-vuln", name)),
    ]
    try:
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=AUDIT_SECONDS)
        audited = json.loads(result.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        print("Not audited: the index stopped answering.")
        return 0
    skipped = [item["name"] for item in audited if "skip_reason" in item]
    if len(skipped) == len(audited):
        print("Not audited: the index that answers here knows none of the pins.")
        return 0
    found = [(item, weakness) for item in audited for weakness in item.get("vulns", ())]
    for item, weakness in found:
        fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
        print(
            f"{item['name']} {item['version']}: {weakness['id']}, fixed in {fixed}. Raise the pin in constraints.txt."
        )
    print(f"{len(audited) - len(skipped)} pins audited, {len(skipped)} unknown to the index, {len(found)} weaknesses.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
