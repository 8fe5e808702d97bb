"""What a hostile decoder might do, as a program for the sandbox: `python -m tests.support.sandboxed WHAT [PATH]`."""

import os
import socket
import sys
import threading
import time
from pathlib import Path

from services.processing.media.sandbox import Limits, confine


def main() -> None:
    what = sys.argv[1]
    if what == "exposed":
        # unshare(2): a process with threads gets no user namespace, and only root a network without one.
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        if os.geteuid() == 0:
            os.setuid(65_534)
    confine(Limits(memory_bytes=256 << 20, cpu_seconds=1))
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
