"""How fast this machine makes music, measured through the public API: `python scripts/benchmark.py [--seconds 30]`.

Prints, for prompts of different genres: time to the first sound, time to the finished song, and how many times faster
than real time that is.
"""

from __future__ import annotations

import argparse
import os
import platform as machine
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "scripts"))

from load_test import start  # noqa: E402

PROMPTS = (
    "warm lo-fi hip hop piano for a rainy evening",
    "driving house with a funky bass",
    "slow jazz ballad with walking bass",
    "epic cinematic orchestra",
    "heavy rock with distorted guitars",
    "calm ambient pads",
)


def main() -> int:
    """Make each song alone, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--model", default="")
    arguments = parser.parse_args()
    model = {"model": arguments.model} if arguments.model else {}
    print(f"{machine.platform()}, {len(os.sched_getaffinity(0))} cores, {arguments.seconds:g} s songs")
    print(f"{'prompt':<48}{'first sound':>12}{'finished':>10}{'× real time':>13}")
    with tempfile.TemporaryDirectory(prefix="mg-bench-", ignore_cleanup_errors=True) as name:
        platform = start(Path(name))
        try:
            caller = platform.sign_up()
            for prompt in PROMPTS:
                began = time.monotonic()
                job = caller.generate(prompt, duration=arguments.seconds, **model)
                received, first = 0, 0.0
                for piece in caller.stream(job["id"], "wav"):
                    received += len(piece)
                    if received > 44 and not first:
                        first = time.monotonic() - began
                ended = caller.finished(job["id"], within=600)
                took = time.monotonic() - began
                if ended["status"] != "succeeded":
                    print(f"{prompt:<48}failed: {ended['error']}")
                    return 1
                print(f"{prompt:<48}{first:>10.2f} s{took:>8.2f} s{arguments.seconds / took:>13.1f}", flush=True)
        finally:
            platform.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
