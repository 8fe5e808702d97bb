"""What a container lets this process have of its machine: control groups of both versions (cgroups(7)), read as files.

The system's own counts (`sysconf`, the affinity mask) are the whole machine's: a worker that plans with them in a
container of 8 GiB is killed where its caches fill.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Version 1 says "no limit" by a number near 2⁶³.
_NO_LIMIT = 2**60


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """Bytes of memory and whole cores (a quota of 1.5 is 2); None where there is no limit."""

    memory_bytes: int | None = None
    cores: int | None = None

    @classmethod
    def read(cls, root: Path = Path("/")) -> ContainerLimits:
        """The limits of this process below a root folder; what cannot be read is no limit."""
        memory: list[int] = []
        cores: list[int] = []
        for folder in _groups(root, "memory"):
            memory += [
                int(limit)
                for name in ("memory.max", "memory.limit_in_bytes")
                for limit in _numbers(folder / name)[:1]
                if 0 < limit < _NO_LIMIT
            ]
        for folder in _groups(root, "cpu"):
            quota = _numbers(folder / "cpu.max")
            quota = quota or _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us")
            # "max" and -1 are no quota.
            if len(quota) == 2 and min(quota) > 0:
                cores.append(max(1, math.ceil(quota[0] / quota[1])))
        return cls(min(memory, default=None), min(cores, default=None))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups and of all above them: each of them limits."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        mounts = root / "sys/fs/cgroup"
        if controllers:
            if controller not in controllers.split(","):
                continue
            mounts = next((mounts / name for name in (controllers, controller) if (mounts / name).is_dir()), mounts)
        # Inside a container the path may be the host's, and lead nowhere: its own group is then the root.
        group = mounts / path.strip("/")
        while group != mounts and mounts in group.parents:
            yield group
            group = group.parent
        yield mounts


def _numbers(path: Path) -> list[float]:
    """The numbers of a file's first line; nothing when there is no such file, or it holds something else."""
    try:
        return [float(word) for word in path.read_text(encoding="utf-8").split()]
    except (OSError, ValueError):
        return []
