"""How fast the MusicGen engine is on this machine's processor, beside transformers in the same run.

    python scripts/bench_engine.py            whole songs, about half an hour of an idle machine
    python scripts/bench_engine.py --quick    windows of steps at several positions, integrated; a few minutes

musicgen-small's real dimensions (24 layers of 1,024, T5-base, EnCodec 32 kHz), random weights, the same ones for both;
30 s of audio, guidance 3, top-k 250, codec included. transformers computes in float32, its fastest here. CPU seconds
stand beside wall-clock ones: on a machine that others use too, they and the ratios mean more.

"limit" is the share of the speed at which memory, as fast as it was read in the same run, gives a step its weights, its
caches and the codec's weights. Below each of our lines stands where a step in the middle of the song goes.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "scripts"))

from engine_measures.costs import bandwidth  # noqa: E402
from engine_measures.ours import Ours  # noqa: E402
from engine_measures.peer import Peer  # noqa: E402
from engine_measures.setting import FRAME_RATE, SMALL  # noqa: E402
from engine_measures.table import Result, show, step_limit  # noqa: E402

from services.generation.runtimes.machine import Machine  # noqa: E402
from services.generation.runtimes.plan import Wish, plan_runtime  # noqa: E402


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="windows of steps instead of whole songs")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--songs", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--precision", nargs="+", default=["int8", "int4"], choices=["int8", "int4", "bfloat16"])
    parser.add_argument("--cache", default="auto", choices=["auto", "float16", "int8"], help="of keys and values")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--steps", type=int, default=12, help="steps of a window")
    parser.add_argument("--no-peer", action="store_true", help="leave transformers out")
    arguments = parser.parse_args()
    machine = Machine.probe()
    threads = arguments.threads or machine.cores
    torch.set_num_threads(threads)
    mode = "windows of steps, integrated" if arguments.quick else "whole songs"
    print(f"{machine.cores} cores, load {os.getloadavg()[0]:.1f} before, {mode}, {arguments.seconds:g} s songs")
    speed = bandwidth()
    print(f"memory is read at {speed / 1e9:.1f} GB/s")
    print(
        f"\n{'':<24}{'songs':>5}{'wall s':>9}{'cpu s':>9}{'ms/step':>9}{'cpu ms':>9}{'× RT':>8}{'limit':>8}", flush=True
    )
    theirs: dict[int, Result] = {}
    if not arguments.no_peer:
        peer = Peer()
        for songs in arguments.songs:
            theirs[songs] = (
                peer.quick(songs, arguments.seconds, arguments.steps)
                if arguments.quick
                else peer.whole(songs, arguments.seconds)
            )
            show(theirs[songs])
        del peer
        gc.collect()
    firsts = []
    results: list[Result] = []
    for name in arguments.precision:
        # As a worker of so many songs chooses.
        wish = Wish(device="cpu", weights=name, cache=arguments.cache, slots=max(arguments.songs))
        precision = plan_runtime(SMALL.decoder, machine, wish).precision
        ours = Ours(precision, max(arguments.songs), threads, machine.bfloat16)
        # Weights are packed and kernels made in the first steps.
        ours.first_audio()
        for songs in arguments.songs:
            result = (
                ours.quick(f"ours {precision}", songs, arguments.seconds, arguments.steps)
                if arguments.quick
                else ours.whole(f"ours {precision}", songs, arguments.seconds)
            )
            limit = step_limit(precision, songs, arguments.seconds, speed, ours.codec_bytes)
            show(result, limit)
            middle = round(arguments.seconds * FRAME_RATE / 2)
            print(ours.parts(songs, middle, arguments.steps).line(limit.wall), flush=True)
            results.append(result)
        first = ours.first_audio()
        firsts.append(f"{name}: {first.wall:.2f} s ({first.cpu:.2f} s of CPU)")
        ours.close()
        del ours
        gc.collect()
    print(f"\nfirst audio after admission, alone: {', '.join(firsts)}")
    for result in results:
        same, one = theirs.get(result.songs), theirs.get(1)
        if same:
            print(
                f"{result.name}, {result.songs} songs: {same.cost.wall / result.cost.wall:.1f} × "
                f"transformers' batch of {result.songs} (by CPU time {same.cost.cpu / result.cost.cpu:.1f})"
            )
        if one and result.songs > 1:
            print(
                f"{result.name}, {result.songs} songs: {result.songs * one.cost.wall / result.cost.wall:.1f} × "
                f"{result.songs} runs of transformers (by CPU time {result.songs * one.cost.cpu / result.cost.cpu:.1f})"
            )
    print(f"load {os.getloadavg()[0]:.1f} after")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
