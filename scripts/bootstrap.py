"""Make `.venv` and install what is needed: `python3.11 scripts/bootstrap.py run|test`.

Does nothing (in a tenth of a second) when the environment is as wanted already. Standard library only: it runs before
anything is installed. pip's own settings (PIP_* variables, pip.conf) are respected; MUSICGEN_TORCH_INDEX names an index
for torch.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from torch_index import CPU_INDEX, choose_index, has_nvidia_driver

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {"run": "standalone", "test": "dev"}
# `dev` holds everything of `standalone`.
SATISFIED_BY = {"run": ("run", "test"), "test": ("test",)}
NEEDED_GB = 4
HEARTBEAT_SECONDS = 15.0
LARGE_MB = 5.0


class StepError(Exception):
    """A step that did not work; the text is for the person, over several lines."""


def wanted_state(root: Path, python: str, extra: str) -> str:
    """A hash of everything that the environment depends on. Changes elsewhere in pyproject.toml do not count."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    relevant = {
        "project": project["project"],
        "setuptools": project.get("tool", {}).get("setuptools", {}),
        "constraints": (root / "constraints.txt").read_text(encoding="utf-8"),
        "python": python,
        "extra": extra,
        "place": str(root),
    }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


class Stamp:
    """What was installed last, kept inside the environment so that it goes with it."""

    def __init__(self, environment: Path) -> None:
        self._file = environment / "bootstrap.json"

    def matches(self, kind: str, state: dict[str, str]) -> bool:
        """Whether the environment is as wanted for `kind`; `state` holds the hash of each kind."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return any(found.get(other) == state[other] for other in SATISFIED_BY[kind])

    def write(self, kind: str, state: dict[str, str]) -> None:
        """Remember that `kind` was installed."""
        self._file.write_text(json.dumps({kind: state[kind]}) + "\n", encoding="utf-8")

    def forget(self) -> None:
        """From now on the environment may be half made."""
        self._file.unlink(missing_ok=True)


class Progress:
    """What is being done and for how long: one moving line on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._moving = sys.stdout.isatty()
        self._doing = ""
        self._done = threading.Event()
        self._downloaded_mb = 0.0
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def step(self, what: str) -> None:
        """Begin something that the person should know of."""
        self._show(what, lasting=True)

    def pip_line(self, line: str) -> None:
        """Follow pip's output."""
        if match := re.match(r"Collecting (\S+)", line):
            self._show(f"looking for {match[1]}")
        elif match := re.match(r"\s+Downloading (\S+) \((\d[\d.]*) (kB|MB|GB)\)", line):
            megabytes = float(match[2]) * {"kB": 0.001, "MB": 1.0, "GB": 1000.0}[match[3]]
            self._downloaded_mb += megabytes
            name = match[1].rpartition("/")[2]
            self._show(f"downloading {name} ({match[2]} {match[3]})", lasting=megabytes >= LARGE_MB)
        elif line.startswith("Installing collected packages"):
            self._show(f"unpacking {line.count(',') + 1} packages", lasting=True)

    def close(self) -> None:
        """End the moving line."""
        self._done.set()
        self._ticker.join()
        if self._moving:
            print("\r\033[K", end="", flush=True)

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self.started)
        size = f", {self._downloaded_mb:.0f} MB so far" if self._downloaded_mb >= 1 else ""
        return f"[{seconds // 60}:{seconds % 60:02d}{size}]"

    def _show(self, what: str, *, lasting: bool = False) -> None:
        self._doing = what
        if lasting and not self._moving:
            print(f"{self._clock()} {what}", flush=True)

    def _tick(self) -> None:
        while not self._done.wait(0.5 if self._moving else HEARTBEAT_SECONDS):
            if self._moving:
                width = shutil.get_terminal_size().columns - 1
                print(f"\r\033[K{f'{self._clock()} {self._doing}'[:width]}", end="", flush=True)
            else:
                print(f"{self._clock()} still {self._doing}", flush=True)


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Wait until no other bootstrap works in this checkout."""
    folder = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another installation runs in this checkout; waiting for it.", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class Bootstrap:
    """Builds one environment. `log` receives all that the tools print."""

    def __init__(self, root: Path, kind: str, cpu_index: str = CPU_INDEX) -> None:
        self.root = root
        self.cpu_index = cpu_index
        self.kind = kind
        self.environment = root / ".venv"
        self.python = self.environment / "bin" / "python"
        self.log = self.environment / "bootstrap.log"
        self.stamp = Stamp(self.environment)

    def state(self) -> dict[str, str]:
        """The hash of each kind of environment as it is wanted now."""
        version = ".".join(map(str, sys.version_info[:3]))
        return {kind: wanted_state(self.root, version, extra) for kind, extra in EXTRAS.items()}

    def install(self, progress: Progress) -> None:
        """Make or mend the environment. Raises `StepError`."""
        free_gb = shutil.disk_usage(self.root).free / 1e9
        if free_gb < NEEDED_GB and not self.environment.exists():
            raise StepError(f"Only {free_gb:.1f} GB are free here, about {NEEDED_GB} are needed: free some space.")
        self._make_environment(progress)
        constraints = self.root / "constraints.txt"
        pin = re.search(r"^torch==\S+", constraints.read_text(encoding="utf-8"), re.MULTILINE)
        progress.step("choosing the build of torch")
        index = choose_index(
            nvidia=has_nvidia_driver(),
            platform=sys.platform,
            wished=os.environ.get("MUSICGEN_TORCH_INDEX"),
            cpu_index=self.cpu_index,
        )
        if pin and index:
            # Without its dependencies: those are pinned, and come from where everything else comes from.
            self._pip(progress, f"installing torch from {index}", "--no-deps", "--index-url", index, pin[0])
        extra = EXTRAS[self.kind]
        what = f"installing everything else ({extra})" if index else f"installing everything ({extra})"
        self._pip(progress, what, "-c", str(constraints), "-e", f".[{extra}]")

    def _make_environment(self, progress: Progress) -> None:
        sound = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
        if self.python.exists() and not subprocess.run([self.python, "-c", sound], check=False).returncode:
            return
        progress.step("making the environment .venv")
        base = getattr(sys, "_base_executable", sys.executable)
        result = subprocess.run(
            [base, "-m", "venv", "--clear", str(self.environment)], capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise StepError(
                f"Making .venv failed:\n{_tail(result.stdout + result.stderr)}\n"
                "On Debian and Ubuntu: apt install python3.11-venv. Then run the same again."
            )

    def _pip(self, progress: Progress, what: str, *arguments: str) -> None:
        progress.step(what)
        command = [str(self.python), "-m", "pip", "install", "--progress-bar", "off", "--no-input", *arguments]
        lines: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ pip install {' '.join(arguments)}\n")
            process = subprocess.Popen(
                command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
            )
            for line in process.stdout or ():
                log.write(line)
                lines = [*lines[-200:], line]
                progress.pip_line(line)
            status = process.wait()
        if status:
            raise StepError(
                f"{what[0].upper()}{what[1:]} failed (pip's status {status}):\n{_tail(''.join(lines))}\n"
                f"All of it: {self.log}. When the cause is gone, run the same command again: it goes on with what is "
                "there. Behind a proxy set HTTPS_PROXY, with a mirror PIP_INDEX_URL."
            )


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:])


def main(arguments: list[str]) -> int:
    """0 when the environment is as wanted; 1 with what went wrong and how to go on."""
    if len(arguments) != 1 or arguments[0] not in EXTRAS:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info[:2] != (3, 11):
        print(
            f"Python 3.11 is needed, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11", file=sys.stderr
        )
        return 1
    bootstrap = Bootstrap(ROOT, arguments[0])
    if bootstrap.stamp.matches(bootstrap.kind, bootstrap.state()):
        return 0
    progress = None
    try:
        with only_one(ROOT):
            if bootstrap.stamp.matches(bootstrap.kind, bootstrap.state()):
                return 0
            print(f"Installing into {bootstrap.environment} (once; about 1 GB without an NVIDIA driver).", flush=True)
            bootstrap.stamp.forget()
            progress = Progress()
            bootstrap.install(progress)
            progress.close()
            bootstrap.stamp.write(bootstrap.kind, bootstrap.state())
    except StepError as failure:
        if progress is not None:
            progress.close()
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on with what is there.", file=sys.stderr)
        return 130
    print(f"Installed in {time.monotonic() - progress.started:.0f} s.", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
