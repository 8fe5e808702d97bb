"""Fifty users for a minute against a platform of its own: `python scripts/load_test.py [--users 50] [--seconds 60]`.

Prints Locust's percentiles per call; exits with 1 when a call failed or the p99 of all is above 200 ms.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.shared.assets.store import AssetStore  # noqa: E402
from tests.support.platform import Platform, free_port  # noqa: E402

ACCOUNTS = 5
P99_LIMIT_MS = 200.0


def start(folder: Path, **environment: str) -> Platform:
    """A platform with a home below `folder` and the fetched files of `var`, started and healthy."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    assets = AssetStore(ROOT / "var" / "assets")
    for name in assets.names(required=True):
        source = assets.fetch(name).parent
        target = home / "assets" / source.name
        target.mkdir(parents=True)
        for file in source.iterdir():
            (target / file.name).symlink_to(file)
    platform = Platform(home, free_port(), {"MUSICGEN_ENVIRONMENT": "development", **environment})
    platform.start()
    return platform


def make_accounts(platform: Platform) -> list[dict[str, str]]:
    """People with a short song each."""
    accounts = []
    callers = [platform.sign_up() for _ in range(ACCOUNTS)]
    jobs = [caller.generate("calm lo-fi piano", duration=8)["id"] for caller in callers]
    for caller, job_id in zip(callers, jobs, strict=True):
        job = caller.finished(job_id, within=120)
        if job["status"] != "succeeded":
            raise SystemExit(f"A song for the load test failed: {job['error']}")
        track_id = job["result"]["track_ids"][0]
        accounts.append({"token": caller.access_token, "track_id": track_id, "job_id": job_id})
    return accounts


def run_locust(platform: Platform, accounts: list[dict[str, str]], users: int, seconds: int, folder: Path) -> Path:
    """Run it headless; return its table of results."""
    command = [
        sys.executable, "-m", "locust", "-f", str(ROOT / "tests" / "load" / "locustfile.py"), "--headless",
        "--host", platform.url, "-u", str(users), "-r", str(users / 2), "-t", f"{seconds}s", "--only-summary",
        "--csv", str(folder / "load"), "--loglevel", "WARNING", "--reset-stats",
    ]  # fmt: skip
    environment = {**os.environ, "MUSICGEN_LOAD_ACCOUNTS": json.dumps(accounts)}
    result = subprocess.run(
        command, env=environment, cwd=ROOT, check=False, timeout=seconds + 120, capture_output=True, text=True
    )
    table = folder / "load_stats.csv"
    if not table.exists():
        raise SystemExit(f"Locust ended with {result.returncode}:\n{result.stderr[-2000:]}")
    return table


def report(table: Path) -> int:
    """Print the percentiles; 1 when they are not good enough."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"{'call':<36}{'requests':>9}{'failed':>8}{'p50':>7}{'p95':>7}{'p99':>7}{'max':>8}  ms")
    for row in rows:
        columns = [row[name] for name in ("Request Count", "Failure Count", "50%", "95%", "99%")]
        widths = (9, 8, 7, 7, 7)
        numbers = "".join(f"{value:>{width}}" for value, width in zip(columns, widths, strict=True))
        print(f"{row['Name']:<36}{numbers}{float(row['Max Response Time']):>8.0f}")
    total = rows[-1]
    failed, p99 = int(total["Failure Count"]), float(total["99%"])
    print(f"{float(total['Requests/s']):.0f} requests/s, p99 {p99:.0f} ms (limit {P99_LIMIT_MS:.0f}), {failed} failed")
    return int(failed > 0 or p99 > P99_LIMIT_MS)


def main() -> int:
    """Start, prepare, load, report, stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mg-load-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        print("Starting a platform …", flush=True)
        platform = start(folder, MUSICGEN_GATEWAY_RATE_LIMITS="off")
        try:
            accounts = make_accounts(platform)
            print(f"{arguments.users} users for {arguments.seconds} s …", flush=True)
            return report(run_locust(platform, accounts, arguments.users, arguments.seconds, folder))
        finally:
            platform.stop()


if __name__ == "__main__":
    raise SystemExit(main())
