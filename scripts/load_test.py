"""Load on a platform of its own: `python scripts/load_test.py [--users 50] [--seconds 60]`.

First journeys (Locust, a closed loop): people who read, write and wait for songs, with pauses between clicks. Then
rates (`tests/load/open_loop.py`): `--devices` connections that ask `--rate` times a second together, whether or not
earlier answers came. Rate limits count every request, and are wide enough for a dozen accounts that stand for all
people. Prints percentiles per call, and the processor time that a request costs, which other work on the machine
changes little. Ends with 1 when a call failed, a p99 is above 200 ms, or fewer requests were answered than were due.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.shared.assets.store import AssetStore  # noqa: E402
from tests.load import open_loop  # noqa: E402
from tests.load.raised_limits import raised  # noqa: E402
from tests.support.platform import Platform, free_port  # noqa: E402

ACCOUNTS = 12
P99_LIMIT_MS = 200.0
# Of the requests that were due, so many have to have been answered well: a Poisson process is not exact.
ANSWERED_SHARE = 0.99


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
        # What others may find: the lists of everybody's music are not empty.
        answer = caller.call("PATCH", f"/tracks/{track_id}", json={"public": True})
        if "ratelimit" not in answer.headers:
            raise SystemExit("The gateway counts no requests, as it does where people are: nothing would be measured.")
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


def processor_seconds(platform: Platform) -> dict[str, float]:
    """What the platform's processes have worked, by program."""
    found: Counter[str] = Counter()
    for process in platform.descendants():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            name = line[line.index("-m") + 1] if "-m" in line else Path(process.name()).name
            times = process.cpu_times()
            found[name] += times.user + times.system
    return dict(found)


def run_open_loop(platform: Platform, accounts: list[dict[str, str]], devices: int, rate: float, seconds: float) -> int:
    """Ask at a rate and print what came of it; 1 when it is not good enough."""
    people = [open_loop.Account(**account) for account in accounts]
    # Until it is warm, a server's first answers are not those of a service that runs.
    asyncio.run(open_loop.run(platform.url, people, users=devices, rate=rate / 5, seconds=5, seed=1))
    before = processor_seconds(platform)
    result = asyncio.run(open_loop.run(platform.url, people, users=devices, rate=rate, seconds=seconds, seed=2))
    spent = {name: after - before.get(name, 0.0) for name, after in processor_seconds(platform).items()}
    print(f"\n{'open loop':<36}{'answered':>9}{'p50':>7}{'p95':>7}{'p99':>7}{'max':>8}  ms from when it was due")
    everything = [value for values in result.latencies.values() for value in values]
    for name, values in [*sorted(result.latencies.items()), ("all", everything)]:
        shown = "".join(f"{open_loop.percentile(values, share) * 1000:>7.0f}" for share in (0.5, 0.95, 0.99))
        print(f"{name:<36}{len(values):>9}{shown}{max(values, default=0) * 1000:>8.0f}")
    for what, count in sorted(result.failures.items()):
        print(f"  failed, {what}: {count}")
    p99 = open_loop.percentile(everything, 0.99) * 1000
    own = open_loop.percentile(result.lateness, 0.99) * 1000
    failed = result.failures.total()
    print(
        f"{devices} devices, {rate:.0f} requests/s due, {result.answered / result.seconds:.0f} answered, "
        f"p99 {p99:.0f} ms (limit {P99_LIMIT_MS:.0f}), {failed} failed; the generator's own p99 delay {own:.0f} ms; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    each = {name: seconds * 1000 / max(result.answered, 1) for name, seconds in spent.items()}
    costs = ", ".join(f"{name} {value:.2f}" for name, value in sorted(each.items(), key=lambda item: -item[1])[:5])
    print(f"processor time per answer: {sum(each.values()):.2f} ms ({costs})")
    return int(failed > 0 or p99 > P99_LIMIT_MS or result.answered < ANSWERED_SHARE * len(result.lateness))


def main() -> int:
    """Start, prepare, load, report, stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50, help="of the journeys; 0: none")
    parser.add_argument("--seconds", type=int, default=60, help="of each part")
    parser.add_argument("--devices", type=int, default=1000, help="of the open loop; 0: none")
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second of the open loop")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mg-load-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        print("Starting a platform …", flush=True)
        platform = start(folder, MUSICGEN_GATEWAY_RATE_LIMITS_FILE=str(raised(folder)))
        try:
            accounts, wrong = make_accounts(platform), 0
            if arguments.users:
                print(f"{arguments.users} users for {arguments.seconds} s …", flush=True)
                wrong |= report(run_locust(platform, accounts, arguments.users, arguments.seconds, folder))
            if arguments.devices:
                print(f"{arguments.devices} devices for {arguments.seconds} s …", flush=True)
                wrong |= run_open_loop(platform, accounts, arguments.devices, arguments.rate, arguments.seconds)
            return wrong
        finally:
            platform.stop()


if __name__ == "__main__":
    raise SystemExit(main())
