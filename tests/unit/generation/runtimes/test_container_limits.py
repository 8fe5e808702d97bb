"""What a container lets a worker have, read off the files of control groups as the system writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.generation.runtimes import machine
from services.generation.runtimes.container_limits import ContainerLimits
from services.generation.runtimes.machine import Machine, usable_memory_bytes

GIB = 2**30


def tree(root: Path, files: dict[str, str]) -> ContainerLimits:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return ContainerLimits.read(root)


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        ({}, (None, None)),
        ({"proc/self/cgroup": "0::/\n"}, (None, None)),
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": f"{8 * GIB}\n",
                "sys/fs/cgroup/cpu.max": "150000 100000\n",
            },
            (8 * GIB, 2),
        ),
        (
            {
                "proc/self/cgroup": "0::/pods/one\n",
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/cpu.max": "max 100000\n",
                "sys/fs/cgroup/pods/memory.max": f"{4 * GIB}\n",
                "sys/fs/cgroup/pods/one/memory.max": f"{6 * GIB}\n",
                "sys/fs/cgroup/pods/one/cpu.max": "50000 100000\n",
            },
            (4 * GIB, 1),
        ),
        # The host's path, of which nothing is to be seen in here.
        ({"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/memory.max": "1073741824"}, (GIB, None)),
        (
            {
                "proc/self/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{3 * GIB}\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            (3 * GIB, 4),
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/a\n2:cpu:/a\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            },
            (None, None),
        ),
        (
            {
                "proc/self/cgroup": "nonsense\n::\n0::/\n",
                "sys/fs/cgroup/memory.max": "a lot\n",
                "sys/fs/cgroup/cpu.max": "0 0\n",
            },
            (None, None),
        ),
    ],
    ids=["no groups", "no limits", "version 2", "nested", "host's path", "version 1", "version 1, none", "nonsense"],
)
def test_limits_are_the_least_of_a_group_and_those_above_it(
    files: dict[str, str], limits: tuple[int | None, int | None], tmp_path: Path
) -> None:
    assert tree(tmp_path, files) == ContainerLimits(*limits)


def test_machine_is_no_larger_than_its_container(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Machine.probe()

    class Small:
        """A container with half of a core and 64 MiB."""

        @staticmethod
        def read() -> ContainerLimits:
            return ContainerLimits(64 * 2**20, 1)

    monkeypatch.setattr(machine, "ContainerLimits", Small)
    assert (Machine.probe().cores, usable_memory_bytes()) == (1, 64 * 2**20)
    assert whole.memory_bytes > 64 * 2**20


def test_limits_of_this_process_can_be_read() -> None:
    limits = ContainerLimits.read()
    assert limits.memory_bytes is None or limits.memory_bytes > 0
    assert limits.cores is None or limits.cores > 0
