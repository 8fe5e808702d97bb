"""Ends what the supervisor started when the supervisor itself is killed.

A process of its own that reads the supervisor's pipe: `+<pid> <signal> <stage>` and `-<pid>`, one a line. When the pipe
ends, it ends every process group that is still listed, highest stage first. It holds the data directory's lock
meanwhile, so that the next start waits. Imports nothing but the standard library: it is run with `-I -S`, to be small.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

GRACE_SECONDS = 2.0


def group_lives(group: int) -> bool:
    """Whether a process of the group still runs. Zombies do not count: in a container nobody may ever read them."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    entries = list(Path("/proc").glob("[0-9]*/stat"))
    for entry in entries:
        with contextlib.suppress(OSError, ValueError):
            # After the name in parentheses: state, parent, process group (proc(5)).
            state, _, of_group = entry.read_bytes().rpartition(b")")[2].split()[:3]
            if int(of_group) == group and state not in {b"Z", b"X"}:
                return True
    return not entries


def end_groups(groups: dict[int, int], grace_seconds: float = GRACE_SECONDS) -> None:
    """Send each group its signal, wait, then SIGKILL. `groups`: pid of the leader → signal."""
    for pid, number in groups.items():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(group_lives(pid) for pid in groups):
        time.sleep(0.02)
    for pid in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Follow the pipe to its end, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    listed: dict[int, tuple[int, int]] = {}
    for line in sys.stdin:
        words = line.split()
        if words and words[0].startswith("+"):
            listed[int(words[0])] = (int(words[1]), int(words[2]))
        elif words:
            listed.pop(-int(words[0]), None)
    for stage in sorted({stage for _, stage in listed.values()}, reverse=True):
        end_groups({pid: number for pid, (number, at) in listed.items() if at == stage})


if __name__ == "__main__":
    main()
