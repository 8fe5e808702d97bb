"""One platform for the end-to-end tests that leave it as they found it, and a factory for those that break it."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.platform import ROOT, Caller, Platform, free_port

# The SoundFont that `make run` and `make test` fetch; linked into every test's home, so that no test downloads it.
ASSETS = ROOT / "var" / "assets"


def new_platform(folder: Path, **environment: str) -> Platform:
    home = folder / "home"
    home.mkdir(mode=0o700)
    if ASSETS.exists():
        shutil.copytree(ASSETS, home / "assets", copy_function=lambda source, target: Path(target).hardlink_to(source))
    return Platform(
        home,
        free_port(),
        {
            "MUSICGEN_ENVIRONMENT": "development",
            "MUSICGEN_GATEWAY_RATE_LIMITS": "off",
            "MUSICGEN_GENERATION_WORKERS": "2",
            **environment,
        },
    )


@pytest.fixture(scope="session")
def start_platform() -> Iterator[Callable[..., Platform]]:
    """Start a platform of one's own: `start_platform(MUSICGEN_SINGLE_USER="1")`. It serves the studio."""
    subprocess.run([sys.executable, "scripts/build_frontend.py", "--optional"], cwd=ROOT, check=True)
    running: list[Platform] = []
    with tempfile.TemporaryDirectory(prefix="mg-e2e-", ignore_cleanup_errors=True) as folder:

        def start(**environment: str) -> Platform:
            place = Path(folder) / str(len(running))
            place.mkdir()
            platform = new_platform(place, **environment)
            running.append(platform)
            platform.start()
            return platform

        yield start
        for platform in running:
            if platform.process is not None:
                platform.stop()


@pytest.fixture(scope="session")
def platform(start_platform: Callable[..., Platform]) -> Platform:
    """The platform that tests share; it has two generation workers and the tests' own slow backend."""
    return start_platform(MUSICGEN_GENERATION_EXTRA_BACKENDS="tests.support.backends:ToneBackend", MUSICGEN_GUESTS="1")


@pytest.fixture
def musician(platform: Platform) -> Caller:
    """A new person on the shared platform."""
    return platform.sign_up()
