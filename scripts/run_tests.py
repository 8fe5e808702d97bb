"""What `make test`, `make test-full` and `make lint` do: checks first (they are quick), then pytest.

`--only-checks` stops before pytest, `--full` takes the slow tests too, `--seed` is hexadecimal and seeds hypothesis.
Further arguments go to pytest. The exit code is pytest's, or 1 when a check failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS = {
    "ruff check": [str(BIN / "ruff"), "check", "--quiet", "."],
    "ruff format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "import contracts": [str(BIN / "lint-imports"), "--no-cache"],
    "generated protos": [sys.executable, "scripts/generate_protos.py", "--check"],
    "OpenAPI document": [sys.executable, "scripts/export_openapi.py", "--check"],
    "mypy": [str(BIN / "mypy")],
}


def run_checks() -> list[str]:
    """Run every check, print the output of those that fail; return their names."""
    failed = []
    for name, command in CHECKS.items():
        started = time.monotonic()
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        print(
            f"{name:<18} {'ok' if result.returncode == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)",
            flush=True,
        )
        if result.returncode:
            print(result.stdout + result.stderr, flush=True)
            failed.append(name)
    return failed


def main() -> int:
    """Checks, then tests, even when a check failed: one run tells everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only-checks", action="store_true")
    parser.add_argument("--seed", default="0")
    arguments, further = parser.parse_known_args()
    failed = run_checks()
    status = 0
    if not arguments.only_checks:
        command = [sys.executable, "-m", "pytest", f"--hypothesis-seed={int(arguments.seed, 16)}", *further]
        if not arguments.full:
            command += ["-m", "not slow"]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if failed:
        print(f"Failed: {', '.join(failed)} (see above).", file=sys.stderr)
    return status or (1 if failed else 0)


if __name__ == "__main__":
    raise SystemExit(main())
