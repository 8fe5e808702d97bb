"""What a call costs: `python scripts/bench_calls.py [--rate 40] [--seconds 20] [--devices 100]`.

Starts a PostgreSQL, a Valkey, user_management and the gateway, no workers; a dozen people with a track each ask the
mixed profile of `tests/load/open_loop.py`. Prints percentiles, and the processor time of each part per answer, which
other work on the machine changes less than it changes the clock's: at a low rate it can be compared where others work.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.shared.secrets import create_missing  # noqa: E402
from services.standalone.postgres import PostgresServer  # noqa: E402
from services.standalone.valkey import ValkeyServer  # noqa: E402
from services.user_management.config import UserManagementSettings  # noqa: E402
from tests.load import open_loop  # noqa: E402
from tests.load.raised_limits import raised  # noqa: E402
from tests.support.platform import eventually, free_port  # noqa: E402
from tests.support.user_management import UserManagement  # noqa: E402

PEOPLE: Final = 12
SPEC: Final = (
    '{"genre": "lofi", "tempo": 80, "sections": [{"name": "verse", "bars": 8, "chords": ["Am", "F", "C", "G"]}]}'
)


@contextlib.contextmanager
def process(name: str, **environment: object) -> Iterator[psutil.Process]:
    """A service in a process of its own, until the block ends."""
    prefix = f"MUSICGEN_{name.upper()}_"
    own = {f"{prefix}{key.upper()}": str(value) for key, value in environment.items()}
    with subprocess.Popen(
        [sys.executable, "-m", f"services.{name}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **own},
        stdout=subprocess.DEVNULL,
    ) as running:
        try:
            yield psutil.Process(running.pid)
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                running.kill()


def answers(url: str) -> bool:
    """Whether the gateway and what it asks for people are there."""
    with contextlib.suppress(httpx.HTTPError):
        states = {item["name"]: item["state"] for item in httpx.get(f"{url}/health/ready").json()["dependencies"]}
        return {states["user_management"], states["valkey"]} == {"up"}
    return False


async def people_of(service: UserManagement) -> list[open_loop.Account]:
    """People with a public track each, and the job that made it."""
    found = []
    for number in range(PEOPLE):
        person = await service.sign_up()
        job = await service.make_track(
            person,
            title=f"Calm piano {number}",
            prompt="calm lo-fi piano",
            model="composer",
            tags=["lofi", "piano"],
            spec_json=SPEC,
            public=True,
        )
        found.append(open_loop.Account(person.tokens.access_token, job.track_ids[0], job.id))
    await service.channel.close(None)
    return found


def spent(processes: dict[str, list[psutil.Process]]) -> dict[str, float]:
    """Processor seconds of each part so far, with those of its children."""
    found = {}
    for name, members in processes.items():
        times = []
        for member in members:
            for each in (member, *member.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times.append(each.cpu_times())
        found[name] = sum(each.user + each.system for each in times)
    return found


async def measure(folder: Path, arguments: argparse.Namespace) -> int:
    """Start everything, ask, print; 1 when a call failed."""
    postgres = PostgresServer(folder / "data", folder / "run", durable=False)
    valkey = ValkeyServer(folder / "valkey", durable=False)
    create_missing(folder / "secrets")
    address, url = f"unix:{folder}/users.sock", f"http://127.0.0.1:{(port := free_port())}"
    shared: dict[str, Any] = {
        "environment": "development",
        "redis_url": valkey.url(),
        "secrets_dir": folder / "secrets",
        "storage_url": (folder / "objects").as_uri(),
    }
    postgres.start()
    valkey.start()
    try:
        with (
            process("user_management", address=address, database_url=postgres.url(), **shared) as users,
            process("gateway", port=port, users_address=address, rate_limits_file=raised(folder), **shared) as gateway,
        ):
            await asyncio.to_thread(eventually, lambda: answers(url), within=120, what="the gateway answers")
            settings = UserManagementSettings(address=address, database_url=postgres.url(), **shared)
            people = await people_of(UserManagement(settings, address))
            await open_loop.run(url, people, users=arguments.devices, rate=arguments.rate, seconds=4, seed=1)
            servers = [child for child in psutil.Process().children() if "postgres" in child.name()]
            parts = {"user_management": [users], "gateway": [gateway], "PostgreSQL": servers}
            before = spent(parts)
            result = await open_loop.run(
                url, people, users=arguments.devices, rate=arguments.rate, seconds=arguments.seconds, seed=2
            )
            after = spent(parts)
    finally:
        valkey.stop()
        postgres.stop()
    everything = [value for values in result.latencies.values() for value in values]
    percentiles = [open_loop.percentile(everything, share) * 1000 for share in (0.5, 0.95, 0.99)]
    each = {name: (after[name] - before[name]) * 1000 / max(result.answered, 1) for name in parts}
    print(
        f"{result.answered} answers, {result.failures.total()} failed, "
        f"p50 {percentiles[0]:.0f} ms, p95 {percentiles[1]:.0f} ms, p99 {percentiles[2]:.0f} ms, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    for what, count in sorted(result.failures.items()):
        print(f"  failed, {what}: {count}")
    print(
        f"processor time per answer: {sum(each.values()):.2f} ms "
        f"({', '.join(f'{name} {value:.2f}' for name, value in each.items())})"
    )
    return int(result.failures.total() > 0)


def main() -> int:
    """Read the arguments, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--devices", type=int, default=100)
    # A short path: a unix socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="mg", ignore_cleanup_errors=True) as folder:
        return asyncio.run(measure(Path(folder), parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
