"""What a hostile decoder might do, as a program for the sandbox: `python -m tests.support.sandboxed WHAT [PATH]`."""

import os
import platform
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from services.processing.media import landlock
from services.processing.media.sandbox import Limits, confine


def reach(given: Path, other: Path, parent: int) -> None:
    """Try what an intruder would, and print what came of each: "done", or the number of the error."""
    attempts: dict[str, Callable[[], object]] = {
        "read the given file": given.read_bytes,
        "start a thread": threading.Thread(target=lambda: None).start,
        "load a library": lambda: __import__("soundfile"),
        "read another file": other.read_bytes,
        "list its folder": lambda: list(other.parent.iterdir()),
        "read the account's list": Path("/etc/passwd").read_bytes,
        "read another process": Path(f"/proc/{parent}/environ").read_bytes,
        "write the given file": lambda: os.open(given, os.O_WRONLY),
        "make a file": lambda: os.open(other.with_name("made"), os.O_WRONLY | os.O_CREAT),
        "make a folder": lambda: other.with_name("folder").mkdir(),
        "remove a file": other.unlink,
        "rename a file": lambda: given.rename(given.with_name("renamed")),
        "link a file": lambda: os.link(other, other.with_name("linked")),
        "change its mode": lambda: other.chmod(0o777),
        "change its times": lambda: os.utime(other),
        "open a TCP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "open a UDP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "open a Unix socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "make a pair of sockets": socket.socketpair,
        "fork": os.fork,
        "run a program": lambda: os.execv("/bin/true", ["true"]),
        "spawn a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "signal its parent": lambda: os.kill(parent, 0),
        "limit its parent": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (64, 64)),
        "signal itself": lambda: os.kill(os.getpid(), 0),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except OSError as error:
            print(f"{name}: {error.errno}")
        else:
            print(f"{name}: done")


def main() -> None:
    what = sys.argv[1]
    if what == "exposed":
        # unshare(2): a process with threads gets no user namespace, and only root a network without one.
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        if os.geteuid() == 0:
            os.setuid(65_534)
    if what == "old-kernel":
        landlock.version = lambda: 0
        platform.machine = lambda: "m68k"
    confine(Limits(memory_bytes=256 << 20, cpu_seconds=1), [Path(sys.argv[2])] if what == "reach" else [])
    match what:
        case "speak":
            sys.stdout.buffer.write(b"x" * 3_000_000)
        case "sleep":
            print("begun", flush=True)
            time.sleep(60)
        case "spin":
            while True:
                pass
        case "eat":
            held = []
            try:
                while True:
                    held.append(bytearray(16 << 20))
            except MemoryError:
                print(len(held) * 16)
        case "write":
            try:
                with Path(sys.argv[2]).open("wb") as file:
                    file.write(b"x" * 100_000)
            except OSError as error:
                print(error.errno)
        case "call":
            try:
                socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2).close()
                print("connected")
            except OSError as error:
                print("refused", error.errno)
        case "reach":
            reach(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        case "old-kernel":
            print("still here")
        case "late":
            time.sleep(1.5)
            print("begun", flush=True)
            time.sleep(60)
        case "closed":
            print("begun", flush=True)
            os.close(1)
            os.close(2)
            time.sleep(60)
        case "environment":
            print(sorted(os.environ))
        case "crash":
            os.kill(os.getpid(), 11)


if __name__ == "__main__":
    main()
