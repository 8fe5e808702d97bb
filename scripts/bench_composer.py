"""How fast the composer makes songs, and in how much memory: `python scripts/bench_composer.py [--seconds 10 60]`.

Every length is measured in a process of its own: cold (the first song of the process, from the import to the last
file, kernels from numba's cache) and warm (another one after it). Printed by the clock and by processor time: where
other work shares the cores, the clock says little, and twice the length over the processor time is what two idle cores
could do at best. Memory is the process's largest resident size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform as machine
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from composer_measures.unheard import Unheard

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CORES = 2
PARTS = 8
COLD_AT_LEAST, WARM_AT_LEAST, MEMORY_MB_AT_MOST = 10.0, 20.0, 600.0


def child(seconds: float, seeds: Sequence[int]) -> None:
    """Two songs in this process; a line of JSON about each."""
    # Numba looks for it, and only developers have it.
    sys.modules["coverage"] = None  # type: ignore[assignment]
    wall, processor = time.perf_counter(), time.process_time()
    from services.generation.backends.composer import SOUNDFONT, open_studio
    from services.shared.assets.store import AssetStore

    studio = open_studio(AssetStore(ROOT / "var" / "assets").path(SOUNDFONT), CORES)
    from services.generation.composer.compose import compose
    from services.generation.composer.render.progress import Progress

    for state, seed in zip(("cold", "warm"), seeds, strict=True):
        score = compose(_request(seconds, seed))
        with tempfile.TemporaryDirectory() as folder:
            made = studio.record(score, Progress(Unheard(Path(folder))))
        took = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        stages = {name: made.metrics[name] for name in ("sound_check_seconds", "render_seconds", "write_seconds")}
        print(json.dumps({"state": state, "parts": len(score.parts), "megabytes": megabytes, **took, **stages}))
        sys.stdout.flush()
        wall, processor = time.perf_counter(), time.process_time()
    studio.close()


def _request(seconds: float, seed: int) -> Any:
    from services.generation.backends.protocol import GenerationRequest

    return GenerationRequest("", seconds, "composer", seed, spec={"genre": "pop"})


def _seed_of_parts(seconds: float, first_seed: int) -> int:
    """The first seed from here on that gives a pop song of exactly so many parts; looked for before the clock runs."""
    from services.generation.composer.compose import compose

    seeds = range(first_seed, 10**6)
    return next(seed for seed in seeds if len(compose(_request(seconds, seed)).parts) == PARTS)


def main() -> int:
    """Print the table; 1 where a promise is missed by what idle cores could do at best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="*", default=[10.0, 30.0, 60.0, 600.0])
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--seeds", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        child(arguments.child, arguments.seeds)
        return 0
    from services.generation.backends.composer import SOUNDFONT
    from services.shared.assets.store import AssetStore

    AssetStore(ROOT / "var" / "assets").fetch(SOUNDFONT)
    print(f"{machine.platform()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'song':>7}{'':>6}{'parts':>7}{'wall s':>9}{'× rt':>7}{'cpu s':>8}{'at best':>9}{'MB':>7}")
    missed = False
    for seconds in arguments.seconds:
        seeds = [str(_seed_of_parts(seconds, first)) for first in (0, 100)]
        command = [sys.executable, __file__, "--child", str(seconds), "--seeds", *seeds]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for row in map(json.loads, found.splitlines()):
            best = CORES * seconds / row["processor"]
            least = COLD_AT_LEAST if row["state"] == "cold" else WARM_AT_LEAST
            missed |= best < least or row["megabytes"] > MEMORY_MB_AT_MOST
            print(
                f"{seconds:>6.0f}s{row['state']:>6}{row['parts']:>7}{row['wall']:>9.2f}{seconds / row['wall']:>7.1f}"
                f"{row['processor']:>8.2f}{best:>8.1f}×{row['megabytes']:>7.0f}",
                flush=True,
            )
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
