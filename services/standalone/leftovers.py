"""Processes that an earlier, killed run has left behind: found by what they hold, never by their name alone."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

_SECONDS = 10.0


def _runs(process: psutil.Process) -> bool:
    try:
        # Where nobody reads ended processes (a container without an init) they stay as zombies and hold nothing.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def end_leftovers(belongs: Callable[[psutil.Process], bool]) -> int:
    """Kill every process but this one for which `belongs` is true, wait until they are gone; return their number.

    For callers that hold the lock of what the processes work on, so that those have no other master.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and belongs(process):
                process.kill()
                found.append(process)
    deadline = time.monotonic() + _SECONDS
    while any(_runs(process) for process in found) and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(found)


def end_servers_in(folder: Path) -> int:
    """Kill the database servers whose working directory is `folder` (PostgreSQL and Valkey go to their data)."""
    place = str(folder.resolve())
    return end_leftovers(
        lambda process: bool(process.cwd() == place and process.name() in {"postgres", "valkey-server"})
    )
