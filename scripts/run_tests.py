"""What `make test`, `make test-full` and `make lint` do: checks first (they are quick), then pytest.

`--only-checks` stops before pytest, `--full` takes the slow tests too, `--seed` is hexadecimal and seeds what a test
draws a sample of, and in the full tier hypothesis too: the short tier judges a commit and does not go exploring.
Further arguments go to pytest. The end-to-end tests come last: each of their processes starts whole platforms and
browsers. The exit code is pytest's, or 1 when a check failed.

Nothing hangs and nothing stays: a run that passes its time limit is interrupted and counts as failed, and whatever
servers a lost test process has left are ended, which would otherwise hold the caller's pipes open for ever.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import psutil

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
MAX_PROCESSES = 4
TESTS_FAILED = 1
NO_TESTS_COLLECTED = 5
# How pytest-xdist puts it.
DIED = re.compile(r"worker 'gw\d+' crashed while running '([^:']+)::")
OUT_OF_TIME = 124
# Both runs together. Several times what an idle machine of two cores takes.
LIMIT_SECONDS = 45 * 60
FULL_LIMIT_SECONDS = 4 * 3600
# After an interrupt pytest prints what failed so far and stops its fixtures' servers.
LAST_WORDS_SECONDS = 60
# Every process that a run starts inherits it: the way to find those that lost their parent.
MARK = "MUSIC_GEN_TEST_RUN"

# Test processes share the cores already: threads of several that wait for each other in OpenMP or in OpenBLAS spin, and
# double the time of what multiplies matrices.
_ONE_THREAD_EACH = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# The longest first: two run at a time.
CHECKS = {
    "mypy": [str(BIN / "mypy")],
    "web studio": [sys.executable, "scripts/build_frontend.py", "--test"],
    "OpenAPI document": [sys.executable, "scripts/export_openapi.py", "--check"],
    "bandit": [
        str(BIN / "bandit"),
        "--configfile",
        "pyproject.toml",
        "--quiet",
        "--recursive",
        "services",
        "clients",
        "scripts",
    ],
    "import contracts": [str(BIN / "lint-imports"), "--no-cache"],
    "known weaknesses": [sys.executable, "scripts/audit_dependencies.py"],
    "generated protos": [sys.executable, "scripts/generate_protos.py", "--check"],
    "licences": [sys.executable, "scripts/check_licences.py"],
    "ruff check": [str(BIN / "ruff"), "check", "--quiet", "."],
    "ruff format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
}


def run_check(name: str) -> bool:
    """Run one check and print what became of it, and its output when it failed; whether it passed."""
    started = time.monotonic()
    result = subprocess.run(CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False)
    told = [f"{name:<18} {'FAILED' if result.returncode else 'ok'} ({time.monotonic() - started:.1f} s)"]
    if "Not audited" in result.stdout:
        told.append(result.stdout.strip())
    if result.returncode:
        told.append(result.stdout + result.stderr)
    print("\n".join(told), flush=True)
    return result.returncode == 0


def run_checks() -> list[str]:
    """Run every check; the names of those that failed."""
    with ThreadPoolExecutor(max_workers=2) as runners:
        passed = dict(zip(CHECKS, runners.map(run_check, CHECKS), strict=True))
    return [name for name, well in passed.items() if not well]


def marked_processes(mark: str) -> list[psutil.Process]:
    """The processes that inherited `mark` and still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_leftovers(mark: str) -> list[str]:
    """End what a run has left running; the names of those programs."""
    left = marked_processes(mark)
    names = []
    for process in left:
        with contextlib.suppress(psutil.Error):
            names.append(process.name())
            process.kill()
    psutil.wait_procs(left, timeout=10)
    return names


def run_limited(command: list[str], seconds: float, **settings: str) -> int:
    """Run `command` with `settings` in its environment, for `seconds` at most, and leave no process of it; its exit
    code, or `OUT_OF_TIME`.
    """
    mark = uuid.uuid4().hex
    environment = {**os.environ, **settings, MARK: mark}
    # Tests start servers by the hundred: what they are made of is compiled once, whatever the caller's habits.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        try:
            return process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            print("Out of time: the tests are interrupted.", flush=True)
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LAST_WORDS_SECONDS)
            return OUT_OF_TIME
        except KeyboardInterrupt:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LAST_WORDS_SECONDS)
            raise
    finally:
        if names := end_leftovers(mark):
            print(f"Ended what the tests left running: {', '.join(sorted(names))}.", flush=True)


def outcomes_of(report: Path) -> dict[str, str]:
    """What became of each test of a JUnit report that pytest wrote: "passed", "failed" or "skipped"."""
    outcomes: dict[str, str] = {}
    if report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 — pytest wrote it just now
            wrong = case.find("failure") is not None or case.find("error") is not None
            outcome = "failed" if wrong else "skipped" if case.find("skipped") is not None else "passed"
            test = f"{case.get('classname')}::{case.get('name')}"
            # A test that passed and failed in its teardown has two entries.
            outcomes[test] = "failed" if "failed" in (outcome, outcomes.get(test)) else outcome
    return outcomes


def deadly_files(report: Path) -> list[str]:
    """The files in whose tests a process of the parallel run died."""
    return sorted(set(DIED.findall(html.unescape(report.read_text("utf-8"))))) if report.exists() else []


def run_pytest(arguments: list[str], report: Path, seconds: float, **settings: str) -> tuple[int, dict[str, str]]:
    """One run of pytest: its exit code, and what became of each test."""
    status = run_limited([sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments], seconds, **settings)
    return status, outcomes_of(report)


def run_parallel(
    common: list[str], chosen: list[str], processes: list[str], report: Path, deadline: float, **settings: str
) -> tuple[int, dict[str, str]]:
    """The `chosen` tests in several processes.

    A process that a native library brings down takes the verdict of its test along. The trace is printed, and the
    file runs once more in a process of its own: what fails or dies there has failed.
    """
    status, outcomes = run_pytest([*common, *chosen, *processes], report, deadline - time.monotonic(), **settings)
    files = deadly_files(report)
    if not files:
        return status, outcomes
    print(f"A process died while it ran {', '.join(files)}: see its trace above. Once more, alone:", flush=True)
    again, verdicts = run_pytest(
        [*common, *files], report.with_suffix(".again.xml"), deadline - time.monotonic(), **settings
    )
    outcomes |= verdicts
    if again != 0 or status != TESTS_FAILED:
        return again or status, outcomes
    return (TESTS_FAILED if "failed" in outcomes.values() else 0), outcomes


def run_tests(seed: str, full: bool, further: list[str]) -> int:
    """Both runs and a closing line for both; the first exit code that is not 0."""
    # The samples of songs and of broken files are others with each commit.
    os.environ.setdefault("TEST_SAMPLE_SEED", str(int(seed, 16)))
    tier = [f"--hypothesis-seed={int(seed, 16)}"] if full else ["--hypothesis-seed=0", "-m", "not slow"]
    common = [*tier, "--durations=25", "--durations-min=3", *further]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # A file stays in one process: its tests share servers and an order of their own.
    processes = ["-n", str(min(cores, MAX_PROCESSES)), "--dist", "loadfile"] if cores > 1 else []
    deadline = time.monotonic() + (FULL_LIMIT_SECONDS if full else LIMIT_SECONDS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = [
            run_parallel(
                common, ["tests", "--ignore=tests/e2e"], processes, folder / "parts.xml", deadline, **_ONE_THREAD_EACH
            ),
            # Whole platforms run as people's do.
            run_parallel(common, ["tests/e2e"], processes, folder / "whole.xml", deadline),
        ]
    total = Counter(outcome for _, outcomes in runs for outcome in outcomes.values())
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped", flush=True)
    if not total:
        return NO_TESTS_COLLECTED
    return next((status for status, _ in runs if status not in (0, NO_TESTS_COLLECTED)), 0)


def main() -> int:
    """Checks, then tests, even when a check failed: one run tells everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only-checks", action="store_true")
    parser.add_argument("--seed", default="0")
    arguments, further = parser.parse_known_args()
    failed = run_checks()
    if failed:
        print(f"Failed: {', '.join(failed)} (see above).", flush=True)
    status = 0 if arguments.only_checks else run_tests(arguments.seed, arguments.full, further)
    return status or (1 if failed else 0)


if __name__ == "__main__":
    raise SystemExit(main())
