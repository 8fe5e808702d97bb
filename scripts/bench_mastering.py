"""How fast mastering and analysis are, beside what others use: `python scripts/bench_mastering.py [--seconds 180]`.

Prints times real time (seconds of audio a second of work), by processor time and by the clock, on one core. With
`--peers PYTHON` the same file is given to pyloudnorm, matchering and librosa in that interpreter's environment
(`python -m venv peers && peers/bin/pip install pyloudnorm matchering librosa`); they are no dependencies of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform as machine
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# One core each, so that a figure means the same on every machine.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import soundfile  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.processing.analysis.job import KIND as ANALYZE  # noqa: E402
from services.processing.jobs.kind import JobKind, LicenceTerms, SourceTrack, Work  # noqa: E402
from services.processing.mastering.job import KIND as MASTER  # noqa: E402
from services.processing.mastering.presets import PRESETS  # noqa: E402

RATE = 44_100

PEERS = """
import json, sys, time
song, reference, out = sys.argv[1:4]
def timed(name, work):
    try:
        work()
        clock, processor = time.perf_counter(), time.process_time()
        work()
        print(json.dumps([name, time.process_time() - processor, time.perf_counter() - clock]), flush=True)
    except Exception as error:
        print(json.dumps([f"{name}: {type(error).__name__}", None, None]), flush=True)
def loudness():
    import pyloudnorm, soundfile
    samples, rate = soundfile.read(song)
    level = pyloudnorm.Meter(rate).integrated_loudness(samples)
    soundfile.write(out, pyloudnorm.normalize.loudness(samples, level, -14.0).clip(-1, 1), rate, subtype="PCM_24")
def matching():
    import matchering
    matchering.process(target=song, reference=reference, results=[matchering.pcm24(out)])
def features():
    import librosa, numpy
    samples, rate = librosa.load(song, sr=22050)
    librosa.beat.beat_track(y=samples, sr=rate)
    librosa.feature.chroma_cqt(y=samples, sr=rate)
    librosa.feature.spectral_centroid(y=samples, sr=rate)
    librosa.feature.rms(y=samples)
timed("pyloudnorm: measure, one gain, write (no limiter)", loudness)
timed("matchering: match a reference, limit, write", matching)
timed("librosa: load, beats, chroma, centroid, level", features)
"""


def song(path: Path, seconds: float, seed: int) -> None:
    """Drums, bass, chords and air: dense enough that every stage has work to do."""
    time_axis = np.arange(int(seconds * RATE)) / RATE
    random = np.random.default_rng(seed)
    beat = time_axis % 0.5
    kick = np.sin(2 * np.pi * 55.0 * beat + 6.0 * (1 - np.exp(-30.0 * beat))) * np.exp(-9.0 * beat)
    snare = random.standard_normal(len(time_axis)) * np.exp(-22.0 * ((time_axis + 0.5) % 1.0))
    root = np.array([82.4, 110.0, 98.0, 73.4])[(time_axis // 2.0).astype(int) % 4]
    phase = np.cumsum(root) / RATE
    bass = np.sign(np.sin(2 * np.pi * phase)) * 0.12
    chord = sum(np.sin(2 * np.pi * phase * ratio + ratio) for ratio in (4.0, 5.0, 6.0, 8.0)) * 0.06
    left, right = 0.55 * kick + 0.15 * snare + bass + chord, 0.55 * kick + 0.12 * snare + bass + np.roll(chord, 441)
    samples = 0.6 * np.stack([left, right], axis=1) + 0.005 * random.standard_normal((len(time_axis), 2))
    soundfile.write(path, samples, RATE, subtype="PCM_24")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds and clock seconds of the better of two runs, after one that compiles."""
    work()
    found = []
    for _ in range(2):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        found.append((time.process_time() - processor, time.perf_counter() - clock))
    return min(found)


def job(kind: JobKind, body: dict[str, object], paths: dict[str, Path]) -> Callable[[], object]:
    """A job as the worker runs it."""

    def run() -> object:
        sources = {}
        for name, path in paths.items():
            info = soundfile.info(path)
            terms = LicenceTerms("CC0-1.0", commercial_use=True)
            sources[name] = SourceTrack(
                name, name, "", info.duration, info.samplerate, info.channels, 0.0, "", (), terms, path, {}, None
            )
        with tempfile.TemporaryDirectory() as folder:
            request = kind.parse({"track_id": "song", **body})
            return kind.run(Work(request, sources, Path(folder), lambda: None, lambda _done, _stage: None))

    return run


def main() -> int:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--peers", type=Path, help="a Python interpreter that has pyloudnorm, matchering and librosa")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{machine.platform()}, {len(os.sched_getaffinity(0))} cores, load {load:.1f}, {arguments.seconds:g} s, stereo"
    )
    print(f"{'':<56}{'processor':>12}{'clock':>10}")

    def row(name: str, processor: float, clock: float) -> None:
        print(f"{name:<56}{arguments.seconds / processor:>10.0f} x{arguments.seconds / clock:>8.0f} x", flush=True)

    with tempfile.TemporaryDirectory(prefix="mg-bench-") as name:
        source, reference = Path(name) / "song.flac", Path(name) / "reference.flac"
        song(source, arguments.seconds, 1)
        song(reference, arguments.seconds, 2)
        for preset in PRESETS:
            row(f"master: {preset}", *timed(job(MASTER, {"preset": preset}, {"song": source})))
        both = {"song": source, "reference": reference}
        row("master: match a reference", *timed(job(MASTER, {"reference_track_id": "reference"}, both)))
        row("analyze: everything, with pictures", *timed(job(ANALYZE, {}, {"song": source})))
        musical = {"features": ["tempo", "beats", "key", "chords", "sections"]}
        row("analyze: tempo, beats, key, chords, sections", *timed(job(ANALYZE, musical, {"song": source})))
        row("analyze: loudness", *timed(job(ANALYZE, {"features": ["loudness"]}, {"song": source})))
        if arguments.peers:
            command = [str(arguments.peers), "-c", PEERS, str(source), str(reference), str(Path(name) / "out.wav")]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            for line in answer.stdout.splitlines():
                if line.startswith("["):
                    peer, processor, clock = json.loads(line)
                    row(peer, processor, clock) if processor else print(peer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
