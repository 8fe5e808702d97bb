"""A filter of system calls (seccomp, kernel 3.5) for a process that computes: it reads, and writes to pipes.

A list of what is refused, not of what is allowed: interpreters and numeric libraries differ in the harmless calls that
they make, and a missing one would refuse honest files. Refused calls answer EPERM, so that a library can go on without.
The filter is a program for the kernel's small machine (Documentation/userspace-api/seccomp_filter.rst).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from typing import Final

# linux/prctl.h, linux/seccomp.h
_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_ALLOW: Final = 0x7FFF_0000
_ERRNO: Final = 0x0005_0000

# linux/filter.h, linux/bpf_common.h: load a word, jump, return.
_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
# struct seccomp_data: number, architecture, instruction pointer, six arguments (little-endian: low halves first).
_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_FIRST_ARGUMENT: Final = 16
# linux/audit.h; which column of the tables is an architecture's.
_ARCHITECTURES: Final = {"x86_64": (0xC000_003E, 0), "aarch64": (0xC000_00B7, 1)}
# Numbers from here on are of x32 programs.
_X32: Final = 0x4000_0000
_CLONE_THREAD: Final = 0x0001_0000

# fmt: off
# Numbers on x86-64 and on arm64 (which has not all of them).
_REFUSED: Final[dict[str, tuple[int | None, int | None]]] = {
    # Talking to others.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # Other programs.
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    # Other processes.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "kcmp": (312, 272), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    # What Landlock leaves of files.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    # Other views of the system.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "personality": (135, 92),
    # Rare parts of the kernel, where faults are found.
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "modify_ldt": (154, None),
    # Memory and queues that others see.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "mq_unlink": (241, 181),
    # What only root may.
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None), "setuid": (105, 146),
    "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143), "setresuid": (117, 147),
    "setresgid": (119, 149), "setfsuid": (122, 151), "setfsgid": (123, 152), "setgroups": (116, 159),
    "capset": (126, 91),
}
# fmt: on
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)
# Calls whose first argument is a process: itself is allowed, and 0 where that means itself.
_ABOUT_ITSELF: Final = {"kill": (62, 129), "tgkill": (234, 131)}
_LIMITS: Final = (302, 261)

_Instruction = tuple[int, int, int, int]


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jump_true", ctypes.c_uint8),
        ("jump_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def refuse_the_rest() -> bool:
    """Refuse this thread, and what it starts, whatever only an intruder would ask for. Wants `PR_SET_NO_NEW_PRIVS`.

    Threads may be started, processes may not. False, with nothing refused, where the system or processor is unknown.
    """
    found = _ARCHITECTURES.get(platform.machine()) if sys.platform == "linux" else None
    if found is None or sys.maxsize < 1 << 32:
        return False
    instructions = program(*found, process=os.getpid())
    filters = (_Filter * len(instructions))(*(_Filter(*item) for item in instructions))
    whole = _Program(len(instructions), ctypes.cast(filters, ctypes.POINTER(_Filter)))
    try:
        libc = ctypes.CDLL(None, use_errno=True)
    except OSError:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(whole), 0, 0) == 0)


def program(architecture: int, column: int, process: int) -> list[_Instruction]:
    """The filter as (code, jump when true, jump when false, value)."""
    refused: _Instruction = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    allowed: _Instruction = (_RETURN, 0, 0, _ALLOW)
    made: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE), (_IF_EQUAL, 1, 0, architecture), refused,
        (_LOAD, 0, 0, _NUMBER), (_IF_AT_LEAST, 0, 1, _X32), refused,
    ]  # fmt: skip
    for numbers in _REFUSED.values():
        number = numbers[column]
        if number is not None:
            made += [(_IF_EQUAL, 0, 1, number), refused]
    # Its flags lie in memory, which a filter cannot see: the C library then asks by the older call.
    made += [(_IF_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    made += [
        (_IF_EQUAL, 0, 4, _CLONE[column]), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_IF_ANY_BIT, 0, 1, _CLONE_THREAD),
        allowed, refused,
    ]  # fmt: skip
    for numbers in _ABOUT_ITSELF.values():
        made += [
            (_IF_EQUAL, 0, 4, numbers[column]), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_IF_EQUAL, 0, 1, process),
            allowed, refused,
        ]  # fmt: skip
    made += [
        (_IF_EQUAL, 0, 5, _LIMITS[column]), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_IF_EQUAL, 1, 0, process),
        (_IF_EQUAL, 0, 1, 0), allowed, refused,
    ]  # fmt: skip
    return [*made, allowed]
