"""Strangers' files: none crashes the service, hangs, or takes much memory, and each gets an answer that can be read."""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from services.processing.importing.mastering_copy import Kept, keep
from services.processing.media import aac_extra, decoder
from services.processing.media.sandbox import ROOT
from services.shared.errors import AppError, ErrorCode
from tests.support.hostile import KINDS, by_hand, music, mutated, wav, write_good
from tests.support.timing import PATIENCE_SECONDS

LONGEST_SECONDS = 10.0
MOST_BYTES = 400 << 20
# An interpreter with the sandbox, and nothing decoded yet.
LEAST_BYTES = 8 << 20
# Frames: 64 KiB of one channel, and the block that the decoder holds.
LONGEST_IN_A_PIPE = 32_768


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return write_good(tmp_path_factory.mktemp("good"))


def taken(data: bytes, folder: Path) -> Kept | AppError:
    """What becomes of a file: a master, or an error for its sender. Anything else fails the test."""
    source, target = folder / "upload", folder / "master.flac"
    source.write_bytes(data)
    seen = len(_peaks)
    began, worked = time.monotonic(), processor_seconds()
    try:
        found: Kept | AppError = keep(source, target, look_at_children, lambda part: None)
    except AppError as error:
        found = error
    if isinstance(found, AppError):
        assert found.code is ErrorCode.UNSUPPORTED_MEDIA
        assert found.message.endswith(".")
        assert "Traceback" not in found.message
    # Whatever else the machine does, its own work is no more than that; and what waits in vain works nothing.
    assert processor_seconds() - worked <= LONGEST_SECONDS
    assert time.monotonic() - began <= PATIENCE_SECONDS
    assert children_bytes() < MOST_BYTES
    # What does not fit into a pipe cannot be over before it was looked at.
    if isinstance(found, Kept) and found.frames > LONGEST_IN_A_PIPE:
        assert len(_peaks) > seen, "nobody looked at the decoder's memory"
        assert children_bytes() > LEAST_BYTES
    return found


def processor_seconds() -> float:
    """What this process and those of its children that have ended have worked so far."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


# By process id and when it began: the system gives ids again.
_peaks: Counter[tuple[int, float]] = Counter()


def look_at_children() -> None:
    """Note how much memory each decoder had resident at most. The system's sum over all children would not do: until
    it runs its own program, a child counts with the memory of this very process."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, OSError):
            if decoder.__name__ in child.cmdline():
                status = Path(f"/proc/{child.pid}/status")
                found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
                peak = int(found[1]) * 1024 if found else child.memory_info().rss
                name = (child.pid, child.create_time())
                _peaks[name] = max(_peaks[name], peak)


def children_bytes() -> int:
    """The most memory that any decoder so far was seen with."""
    return max(_peaks.values(), default=0)


def check_master(kept: Kept) -> None:
    samples, rate = soundfile.read(kept.path, always_2d=True)
    assert len(samples) == kept.frames > 0
    assert 8_000 <= rate <= 192_000
    assert samples.shape[1] in (1, 2)
    assert np.abs(samples).max() <= 1.0


_GREEDY = "held = b'x' * (64 << 20); print('now', flush=True); input()"


def test_what_a_decoder_holds_is_seen() -> None:
    before = children_bytes()
    child = subprocess.Popen(
        [sys.executable, "-c", _GREEDY, decoder.__name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        look_at_children()
        assert children_bytes() >= max(before, 64 << 20)
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize(("make", "word"), [case[1:] for case in by_hand()], ids=[case[0] for case in by_hand()])
def test_file_made_to_harm_is_refused_in_words(make: Callable[[], bytes], word: str, tmp_path: Path) -> None:
    found = taken(make(), tmp_path)
    assert isinstance(found, AppError)
    assert word in found.message


@pytest.mark.parametrize("name", [name for name in KINDS if not name.endswith(".mp3")])
def test_half_a_file_is_no_file(good: dict[str, bytes], name: str, tmp_path: Path) -> None:
    found = taken(good[name][: len(good[name]) // 2], tmp_path)
    assert isinstance(found, AppError)


@pytest.mark.parametrize("name", KINDS)
def test_whole_file_is_kept(good: dict[str, bytes], name: str, tmp_path: Path) -> None:
    found = taken(good[name], tmp_path)
    assert isinstance(found, Kept)
    check_master(found)


def test_header_that_lies_about_its_length_ends_in_time(tmp_path: Path) -> None:
    # Sizes that writers leave when they did not know are no lie.
    assert isinstance(taken(wav(announced=0xFFFF_FFFF), tmp_path), Kept)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hours_need_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    sizes = {}
    for name, minutes in (("minute", 1), ("hours", 120)):
        with soundfile.SoundFile(tmp_path / name, "w", 44_100, 2, format="FLAC", subtype="PCM_16") as file:
            second = (music(1.0, 44_100) * 32_767).astype(np.int16)
            for _ in range(minutes * 60):
                file.write(second)
        done = subprocess.run(
            [sys.executable, "-c", _KEEP, str(tmp_path / name), str(tmp_path / f"{name}.flac")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=500,
        )
        sizes[name] = [int(word) for word in done.stdout.split()]
        print(name, "minutes", minutes, "MiB (worker, child), s", sizes[name])
    assert sizes["hours"][0] < sizes["minute"][0] + 50
    assert sizes["hours"][1] < sizes["minute"][1] + 50


_KEEP = """
import resource, sys, time
from pathlib import Path
from services.processing.importing.mastering_copy import keep
began = time.monotonic()
keep(Path(sys.argv[1]), Path(sys.argv[2]), lambda: None, lambda part: None)
peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(*(peak // 1024 // (1024 if sys.platform == "darwin" else 1) for peak in peaks), round(time.monotonic() - began))
"""


def fuzz(good: dict[str, bytes], seed: int, count: int, folder: Path) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(count):
        name, data = mutated(good, random.Random(f"{seed}-{number}"))
        began = time.monotonic()
        try:
            found = taken(data, folder)
            if isinstance(found, Kept):
                check_master(found)
        except BaseException:
            print(f"\nmutation {seed}-{number} of {name}")
            raise
        slowest = max(slowest, time.monotonic() - began)
        kind = name.rpartition(".")[2]
        outcomes[f"{kind} {'kept' if isinstance(found, Kept) else 'refused'}"] += 1
    print(f"\n{count} files, seed {seed}: {dict(sorted(outcomes.items()))}")
    print(f"slowest {slowest:.2f} s, most memory of a child {children_bytes() / 2**20:.0f} MiB")
    return outcomes


@pytest.mark.skipif(not aac_extra.available(), reason="the extra aac is not installed")
def test_mutated_m4a_files_do_no_harm(good: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    outcomes = fuzz({"aac.m4a": good["aac.m4a"]}, seed, 60, tmp_path)
    assert set(outcomes) == {"m4a kept", "m4a refused"}


def test_sample_of_mutated_files_does_no_harm(good: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    outcomes = fuzz(good, seed, 16, tmp_path)
    assert sum(outcomes.values()) == 16


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_mutated_files_do_no_harm(good: dict[str, bytes], tmp_path: Path, seed: int) -> None:
    outcomes = fuzz(good, seed, 600, tmp_path)
    kinds = {name.rpartition(".")[2] for name in KINDS}
    assert {outcome.split()[0] for outcome in outcomes} == kinds
    assert {outcome.split()[1] for outcome in outcomes} == {"kept", "refused"}


@pytest.fixture
def seed() -> int:
    """Rotates with the commit (scripts/run_tests.py)."""
    return int(os.environ.get("TEST_SAMPLE_SEED", "0"))
