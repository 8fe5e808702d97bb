"""From files to objects, titles and keys."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from protos.users.v1 import jobs_pb2
from services.generation.backends.protocol import BackendEnvironment, GeneratedTrack, GenerationRequest, StemFile
from services.generation.job_request import SourceTrack
from services.generation.worker.outputs import Outputs, engine_version, title_from
from services.shared.errors import AppError, ErrorCode
from services.shared.leases import Lease, LeaseKeeper
from services.shared.live_channel import StaleToken
from services.shared.storage import ObjectStore
from tests.support.backends import ToneBackend


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("slow piano", "Slow piano"),
        ("\n one line\nand another", "One line"),
        ("word " * 40, "Word" + " word" * 14 + "…"),
        ("雨の夜", "雨の夜"),
    ],
)
def test_title_is_the_prompts_first_line_cut_at_a_word(prompt: str, title: str) -> None:
    assert title_from(prompt) == title
    assert len(title_from(prompt)) <= 80


def test_engine_has_a_version() -> None:
    assert engine_version()


REQUEST = GenerationRequest("a song", 1.0, "tone", 3, title="My song")
MODEL = ToneBackend(BackendEnvironment(Path("/x"), Path("/x"))).describe()[0]


@pytest.fixture
def lease() -> Iterator[Lease]:
    """A lease whose ledger cannot be reached."""
    with grpc.insecure_channel("unix:/nonexistent") as channel:
        keeper = LeaseKeeper(channel, "worker", guard_seconds=60.0)
        job = jobs_pb2.Job(id="0198c0de-0000-7000-8000-000000000001")
        yield keeper.hold(jobs_pb2.LeasedJob(job=job, lease_id="l", fencing_token=4, attempt=2))
        keeper.close()


def made(folder: Path, size: int = 100) -> GeneratedTrack:
    """A song with stems and MIDI; what the files hold does not matter here."""
    names = ("Lead & Pad", "drums")
    for name in ("master.flac", "song.mid", *(f"{name}.flac" for name in names)):
        (folder / name).write_bytes(name.encode() * size)
    return GeneratedTrack(
        master_path=folder / "master.flac",
        duration_seconds=1.0,
        sample_rate_hz=44_100,
        channels=2,
        loudness_lufs=-14.0,
        true_peak_dbtp=-1.0,
        mastering_gain_db=2.0,
        title="Composed title",
        runtime="numpy",
        precision="float32",
        stems=[StemFile(name, folder / f"{name}.flac") for name in names],
        midi_path=folder / "song.mid",
        bpm=120.0,
        key="A minor",
        tags=("calm",),
    )


async def test_files_lie_below_the_fencing_token(tmp_path: Path, lease: Lease) -> None:
    store = ObjectStore.from_url("memory://")
    outputs = Outputs(store, lease)
    content = await outputs.store(made(tmp_path), REQUEST, MODEL)
    folder = f"jobs/{lease.job_id}/4"
    assert outputs.stored_bytes == sum([info.size_bytes async for info in store.list(folder)]) > 0
    assert content.master_object_key == f"{folder}/master.flac"
    assert [(stem.name, stem.object_key) for stem in content.stems] == [
        ("Lead & Pad", f"{folder}/stems/lead-pad.flac"),
        ("drums", f"{folder}/stems/drums.flac"),
    ]
    assert content.midi_object_key == f"{folder}/song.mid"
    assert await store.get(f"{folder}/stems/drums.flac") == b"drums.flac" * 100
    assert content.master_sha256 == hashlib.sha256(b"master.flac" * 100).hexdigest()
    assert (content.title, content.bpm, content.key, list(content.tags)) == ("My song", 120.0, "A minor", ["calm"])


async def test_storage_that_is_away_for_a_moment_is_tried_again(tmp_path: Path, lease: Lease) -> None:
    root = tmp_path / "objects"
    store = ObjectStore.from_url(root.as_uri())
    obstacle = root / "jobs"
    obstacle.write_text("in the way")
    asyncio.get_running_loop().call_later(0.05, obstacle.unlink)
    content = await Outputs(store, lease).store(made(tmp_path), REQUEST, MODEL)
    assert await store.exists(content.master_object_key)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    yield disk
    # A file that the store has just given up may be open for a moment.
    subprocess.run(["umount", "-l", str(disk)], check=True)


async def test_full_storage_is_said_at_once(tmp_path: Path, tiny_disk: Path, lease: Lease) -> None:
    store = ObjectStore.from_url(tiny_disk.as_uri())
    with pytest.raises(AppError) as caught:
        await Outputs(store, lease).store(made(tmp_path, size=200_000), REQUEST, MODEL)
    assert caught.value.code is ErrorCode.STORAGE_FULL


async def test_lost_lease_stores_nothing(tmp_path: Path, lease: Lease) -> None:
    store = ObjectStore.from_url("memory://")
    lease.refused()
    with pytest.raises(StaleToken):
        await Outputs(store, lease).store(made(tmp_path), REQUEST, MODEL)
    assert [info async for info in store.list()] == []


async def test_terms_of_the_tracks_that_a_song_starts_from_hold_for_it(lease: Lease, tmp_path: Path) -> None:
    free = SourceTrack("a", "MIT", commercial_use=True, attributions=("A",))
    bound = SourceTrack("b", "CC-BY-NC-4.0", commercial_use=False, attributions=("B",))
    outputs = Outputs(ObjectStore.from_url("memory://"), lease)
    first = await outputs.store(made(tmp_path), REQUEST, MODEL, (free,))
    assert MODEL.commercial_use
    assert (first.licence.name, first.licence.commercial_use) == (MODEL.licence, True)
    assert first.licence.attributions[-1] == "A"
    second = await outputs.store(made(tmp_path), REQUEST, MODEL, (free, bound))
    assert (second.licence.name, second.licence.commercial_use) == ("CC-BY-NC-4.0", False)
    assert second.licence.attributions[-2:] == ["A", "B"]
