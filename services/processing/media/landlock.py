"""Linux's Landlock (kernel 5.13, landlock(7)): a process gives up, for good, what of the file system it does not need.

By its system calls, which have the same numbers on every architecture: there is no C library function for them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# include/uapi/asm-generic/unistd.h
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446

# include/uapi/linux/landlock.h
_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1
_READ_FILE: Final = 1 << 2
_READ_DIRECTORY: Final = 1 << 3
# Rights that each version of the interface knows: files and folders; linking across folders (2), truncating (3),
# TCP (4, a field of its own), ioctl on devices (5), signals and abstract sockets (6, another field).
_FILE_RIGHTS: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_TCP_RIGHTS: Final = (4, 0b11)
_SCOPES: Final = (6, 0b11)


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """The version of the kernel's interface; 0 where there is none, or it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION))


def restrict(readable: Iterable[Path]) -> bool:
    """Let this thread, and what it starts, only read `readable` (files, or folders and all below them).

    Nothing can be written, made, linked or removed; as far as the kernel can, no TCP is bound or connected and no
    process outside is signalled. Files that are open stay open. Wants `PR_SET_NO_NEW_PRIVS`. False, with nothing
    restricted, where the system has no Landlock.
    """
    found = version()
    if not found:
        return False
    ruleset = _Ruleset(
        handled_access_fs=sum(rights for since, rights in _FILE_RIGHTS if found >= since),
        handled_access_net=_TCP_RIGHTS[1] if found >= _TCP_RIGHTS[0] else 0,
        scoped=_SCOPES[1] if found >= _SCOPES[0] else 0,
    )
    descriptor = _call(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0)
    if descriptor < 0:
        return False
    try:
        for path in readable:
            # What is not there needs no permission.
            with contextlib.suppress(OSError):
                _allow(descriptor, path)
        return _call(_RESTRICT_SELF, descriptor, 0, 0) == 0
    finally:
        os.close(descriptor)


def _allow(ruleset: int, path: Path) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = _READ_FILE
        if stat.S_ISDIR(os.fstat(opened).st_mode):
            # Shared objects are mapped, not executed: reading is enough for them.
            rights |= _READ_DIRECTORY
        rule = _PathBeneath(allowed_access=rights, parent_fd=opened)
        if _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0) != 0:
            raise OSError(ctypes.get_errno(), "landlock_add_rule", str(path))
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    """A system call; negative when it failed."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
    except OSError:
        return -1
    libc.syscall.restype = ctypes.c_long
    words = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    return int(libc.syscall(ctypes.c_long(number), *words))
