"""How fast the mixer is: 16 channels, 3 minutes, with EQ, compressor, automated filter and reverb send on each.

    .venv/bin/python scripts/bench_mixing.py [--seconds 180] [--channels 16] [--threads 2] [--peer PYTHON]

`--peer` is the Python of an environment that has pedalboard (GPL, so it is not installed here): it then renders the
same channels with its own shelves, peaks, compressor, low-pass and reverb, the filter moved once a block as it has no
automation, in one thread. Prints real-time factors (× RT: seconds of song for a second of work), with and without
reading and writing files.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.processing.mixing.build import build, place  # noqa: E402
from services.processing.mixing.catalogue.effects import EFFECTS  # noqa: E402
from services.processing.mixing.effects.insert import Insert  # noqa: E402
from services.processing.mixing.effects.processor import Setting  # noqa: E402
from services.processing.mixing.effects.registry import PROCESSORS  # noqa: E402
from services.processing.mixing.graph import Renderer  # noqa: E402
from services.processing.mixing.session_render import render_session  # noqa: E402
from services.processing.mixing.session_rules import parse  # noqa: E402
from services.processing.mixing.timeline.curve import Curve  # noqa: E402
from services.processing.mixing.timeline.source import open_source  # noqa: E402

RATE_HZ = 44_100

PEER = """
import json, sys, time
import numpy as np, soundfile
from pedalboard import Compressor, HighShelfFilter, LowShelfFilter, LowpassFilter, PeakFilter, Pedalboard, Reverb
job = json.loads(sys.argv[1])
block, rate = job["block"], job["rate"]
began = time.perf_counter()
strips, moving = [], []
for _ in job["files"]:
    low_pass = LowpassFilter(800)
    moving.append(low_pass)
    eq = [LowShelfFilter(80, 2), PeakFilter(600, -3, 1), PeakFilter(1800, 2, 1), HighShelfFilter(10000, 2)]
    strips.append(Pedalboard([*eq, Compressor(-18, 4, 10, 120), low_pass]))
reverb = Pedalboard([Reverb(wet_level=1.0, dry_level=0.0)])
sources = [soundfile.read(path, dtype="float32", always_2d=True)[0].T.copy() for path in job["files"]]
loaded = time.perf_counter()
total = sources[0].shape[1]
for start in range(0, total, block):
    share = start / total
    mix = np.zeros((2, min(block, total - start)), np.float32)
    send = np.zeros_like(mix)
    for source, strip, low_pass in zip(sources, strips, moving):
        low_pass.cutoff_frequency_hz = 800 * (12000 / 800) ** share
        out = strip.process(source[:, start : start + block], rate, buffer_size=block, reset=False)
        mix += out
        send += 0.25 * out
    mix += reverb.process(send, rate, buffer_size=block, reset=False)
took = time.perf_counter() - loaded
print(json.dumps({"graph": took, "reading": loaded - began, "cpu": time.process_time()}))
"""


def session(channels: int, seconds: float) -> dict[str, object]:
    """The benchmark's session."""
    equalizer = {
        "band1_shape": "low_shelf",
        "band1_gain_db": 2.0,
        "band2_shape": "off",
        "band3_gain_db": -3.0,
        "band3_q": 1.0,
        "band4_gain_db": 2.0,
        "band4_q": 1.0,
        "band5_shape": "off",
        "band6_gain_db": 2.0,
    }
    points = [{"time": 0.0, "value": 800.0, "curve": "exponential"}, {"time": seconds, "value": 12_000.0}]
    track = {
        "gain_db": -12.0,
        "effects": [
            {"type": "equalizer", "parameters": equalizer},
            {"type": "compressor"},
            {"type": "low_pass"},
        ],
        "automation": [{"target": "effects/2/frequency_hz", "points": points}],
        "sends": [{"to": "room", "gain_db": -12.0}],
    }
    tracks = [track | {"track_id": f"t{number}", "pan": number / channels} for number in range(channels)]
    return {
        "tracks": tracks,
        "buses": [{"id": "room", "effects": [{"type": "reverb", "parameters": {"mix": 1.0}}]}],
        "tail": 0.0,
    }


def write_sources(folder: Path, channels: int, seconds: float) -> dict[str, Path]:
    """Stereo FLAC files of 24 bits: decaying tones and noise, different on each channel."""
    frames = round(seconds * RATE_HZ)
    clock = np.arange(frames) / RATE_HZ
    made = {}
    for number in range(channels):
        random = np.random.default_rng(number)
        envelope = np.exp(-3.0 * (clock % (0.3 + 0.05 * number)))
        tone = np.sin(2 * np.pi * 55.0 * 2 ** (number / 5) * clock) * envelope
        audio = 0.3 * tone[:, None] + 0.02 * random.standard_normal((frames, 2)) * envelope[:, None]
        made[f"t{number}"] = folder / f"{number}.flac"
        soundfile.write(made[f"t{number}"], audio, RATE_HZ, subtype="PCM_24")
    return made


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(what: str, seconds: float, work: Callable[[], object]) -> None:
    """Print the real-time factor of `work`, by the clock and by the processor time that it used."""
    used = time.process_time()
    took = timed(work)
    used = time.process_time() - used
    print(f"{what:34s}{seconds / took:7.1f} × RT   {seconds / used:7.1f} × RT of processor time")


def bench_effects(seconds: float = 4.0) -> None:
    """Each effect alone, in one thread, with its defaults."""
    noise = np.random.default_rng(0).standard_normal((2, round(seconds * RATE_HZ))) * 0.1
    print("effect                  × RT")
    for name, kind in EFFECTS.items():
        values = kind.settings({"semitones": 3.0} if name == "pitch_shift" else {})
        curves = {item.name: Curve.constant(float(values[item.name])) for item in kind.parameters if item.is_number}
        best = float("inf")
        for _ in range(4):
            insert = Insert(PROCESSORS[name](Setting(values, RATE_HZ, 120.0)), curves, 0)

            def run(insert: Insert = insert) -> None:
                for start in range(0, noise.shape[1], 8_192):
                    insert.process(np.ascontiguousarray(noise[:, start : start + 8_192]), start, None)

            best = min(best, timed(run))
        print(f"{name:22s} {seconds / best:6.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast the mixer is.")
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peer", type=Path, help="a Python that can import pedalboard")
    parser.add_argument("--effects", action="store_true", help="each effect alone as well")
    options = parser.parse_args()
    print(
        f"load {os.getloadavg()[0]:.1f}, {options.channels} channels, {options.seconds:g} s, {options.threads} threads"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_sources(folder, options.channels, options.seconds)
        request = parse(session(options.channels, options.seconds))
        plan = place(request, lambda _, clip: open_source(files[str(clip.track_id)], RATE_HZ), RATE_HZ, 120.0)
        Renderer(build(plan)).read(20_000)  # compiles

        def graph(threads: int) -> None:
            renderer = Renderer(build(plan, threads=threads))
            for _ in range(0, renderer.frames, RATE_HZ):
                renderer.read(RATE_HZ)
            renderer.close()

        def whole() -> None:
            render_session(
                request,
                {},
                lambda _, clip: files[str(clip.track_id)],
                folder / "mix.flac",
                scratch=folder,
                threads=options.threads,
                check=lambda: None,
                report=lambda _done, _what: None,
            )

        show("files → samples, 1 thread", options.seconds, lambda: graph(1))
        show(f"files → samples, {options.threads} threads", options.seconds, lambda: graph(options.threads))
        show(f"files → FLAC, {options.threads} threads", options.seconds, whole)
        print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        if options.peer is not None:
            job = {"files": [str(path) for path in files.values()], "rate": RATE_HZ, "block": 8_192}
            done = subprocess.run(
                [options.peer, "-c", PEER, json.dumps(job)], check=True, capture_output=True, text=True
            )
            took = json.loads(done.stdout)
            files_to_samples = options.seconds / (took["graph"] + took["reading"])
            print(f"{'pedalboard, files → samples':34s}{files_to_samples:7.1f} × RT", end="")
            print(f"   {options.seconds / took['cpu']:7.1f} × RT of processor time (with its start)")
            print(f"{'pedalboard, samples → samples':34s}{options.seconds / took['graph']:7.1f} × RT")
    if options.effects:
        bench_effects()


if __name__ == "__main__":
    main()
