import json
import multiprocessing
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.shared.assets import transfer
from services.shared.assets.errors import AssetError
from services.shared.assets.store import AssetProgress, AssetStore, sha256_of
from services.shared.errors import ErrorCode

pytestmark = pytest.mark.integration
CONTENT = bytes(range(256)) * 4096
MakeStore = Callable[..., AssetStore]


@pytest.fixture(autouse=True)
def _quick_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transfer.download.__kwdefaults__, "pause_seconds", 0.001)


def test_fetched_file_is_there_with_its_licence_noted(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    store = make_store(f"{files.url}/thing", CONTENT)
    assert not store.has("thing")
    path = store.fetch("thing")
    assert path == store.path("thing")
    assert path.read_bytes() == CONTENT
    note = json.loads(path.with_name("asset.json").read_text())
    assert note["licence"]["name"] == "MIT"
    assert note["source"] == f"{files.url}/thing"


def test_second_fetch_asks_nobody(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    store = make_store(f"{files.url}/thing", CONTENT)
    store.fetch("thing")
    store.fetch("thing")
    assert len(files.requests) == 1


def test_progress_rises_to_the_whole_size(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    seen: list[AssetProgress] = []
    make_store(f"{files.url}/thing", CONTENT).fetch("thing", seen.append)
    done = [step.done_bytes for step in seen if step.stage == "downloading"]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT) == seen[-1].total_bytes
    assert seen[-1].stage == "done"


async def test_async_fetch_leaves_the_loop_free(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    assert (await make_store(f"{files.url}/thing", CONTENT).fetch_async("thing")).exists()


def test_broken_connection_is_resumed_where_it_ended(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    files.cut_after = [1000, 5000]
    store = make_store(f"{files.url}/thing", CONTENT)
    assert store.fetch("thing").read_bytes() == CONTENT
    assert [wanted for _, wanted, _ in files.requests] == [None, "bytes=1000-", "bytes=6000-"]


def test_partial_file_of_an_earlier_run_is_continued(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    files.files["/thing"] = CONTENT
    partial = tmp_path / "store" / ".partial"
    partial.mkdir(parents=True)
    (partial / "thing.part").write_bytes(CONTENT[:777])
    assert make_store(f"{files.url}/thing", CONTENT).fetch("thing").read_bytes() == CONTENT
    assert files.requests[0][1] == "bytes=777-"


def test_whole_partial_file_is_taken_without_fetching_it_again(
    files: Any, make_store: MakeStore, tmp_path: Path
) -> None:
    files.files["/thing"] = CONTENT
    partial = tmp_path / "store" / ".partial"
    partial.mkdir(parents=True)
    (partial / "thing.part").write_bytes(CONTENT)
    assert make_store(f"{files.url}/thing", CONTENT).fetch("thing").read_bytes() == CONTENT


def test_partial_file_longer_than_the_whole_is_begun_anew(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    files.files["/thing"] = CONTENT
    partial = tmp_path / "store" / ".partial"
    partial.mkdir(parents=True)
    (partial / "thing.part").write_bytes(CONTENT + b"more")
    assert make_store(f"{files.url}/thing", CONTENT).fetch("thing").read_bytes() == CONTENT


def test_server_without_ranges_is_read_from_the_start(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    files.cut_after = [1000]
    files.ignore_range = True
    assert make_store(f"{files.url}/thing", CONTENT).fetch("thing").read_bytes() == CONTENT


def test_busy_server_is_asked_again(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    files.statuses = [503, 429]
    assert make_store(f"{files.url}/thing", CONTENT).fetch("thing").exists()


def test_wrong_hash_is_refused_and_thrown_away(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    files.files["/thing"] = b"x" * len(CONTENT)
    store = make_store(f"{files.url}/thing", CONTENT)
    with pytest.raises(AssetError, match="SHA-256") as caught:
        store.fetch("thing")
    assert caught.value.code is ErrorCode.INTERNAL
    assert not store.has("thing")
    assert not list((tmp_path / "store").rglob("*.part"))


def test_damaged_resume_does_not_poison_the_next_run(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    files.files["/thing"] = CONTENT
    partial = tmp_path / "store" / ".partial"
    partial.mkdir(parents=True)
    (partial / "thing.part").write_bytes(b"?" * 100)
    store = make_store(f"{files.url}/thing", CONTENT)
    with pytest.raises(AssetError):
        store.fetch("thing")
    assert store.fetch("thing").read_bytes() == CONTENT


def test_truncated_for_good_says_how_to_go_on(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    files.files["/thing"] = CONTENT
    files.cut_after = [10, 10, 10, 10]
    with pytest.raises(AssetError, match="goes on where it stopped") as caught:
        make_store(f"{files.url}/thing", CONTENT).fetch("thing")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert str(tmp_path / "store" / "thing" / "thing.bin") in caught.value.message


def test_missing_file_is_not_asked_for_again(files: Any, make_store: MakeStore) -> None:
    with pytest.raises(AssetError, match="404"):
        make_store(f"{files.url}/thing", CONTENT).fetch("thing")
    assert len(files.requests) == 1


def test_larger_file_than_pinned_is_refused_before_it_fills_the_disk(
    files: Any, make_store: MakeStore, tmp_path: Path
) -> None:
    files.files["/thing"] = CONTENT * 3
    with pytest.raises(AssetError, match="larger") as caught:
        make_store(f"{files.url}/thing", CONTENT).fetch("thing")
    assert caught.value.code is ErrorCode.PAYLOAD_TOO_LARGE
    assert sum(path.stat().st_size for path in (tmp_path / "store").rglob("*.part")) <= len(CONTENT)


def test_file_put_there_by_hand_is_taken_over(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    place = tmp_path / "store" / "thing" / "thing.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    store = make_store(f"{files.url}/thing", CONTENT)
    assert store.path("thing") == place
    assert store.fetch("thing") == place
    assert files.requests == []
    assert json.loads(place.with_name("asset.json").read_text())["sha256"] == sha256_of(place)


def test_wrong_file_put_there_by_hand_is_replaced(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    files.files["/thing"] = CONTENT
    place = tmp_path / "store" / "thing" / "thing.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"!" * len(CONTENT))
    store = make_store(f"{files.url}/thing", CONTENT)
    assert not store.has("thing")
    assert store.fetch("thing").read_bytes() == CONTENT


def test_changed_pin_brings_the_new_file(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    make_store(f"{files.url}/thing", CONTENT).fetch("thing")
    newer = CONTENT[::-1]
    files.files["/thing"] = newer
    store = make_store(f"{files.url}/thing", newer)
    assert not store.has("thing")
    assert store.fetch("thing").read_bytes() == newer


def test_missing_asset_says_what_to_run(make_store: MakeStore) -> None:
    with pytest.raises(AssetError, match="make assets") as caught:
        make_store("https://music.example/thing", CONTENT).path("thing")
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED


def test_unknown_name_lists_the_known_ones(make_store: MakeStore) -> None:
    with pytest.raises(AssetError, match="thing"):
        make_store("https://music.example/thing", CONTENT).path("nothing")


def test_threads_that_fetch_at_once_download_once(files: Any, make_store: MakeStore) -> None:
    files.files["/thing"] = CONTENT
    files.gate.clear()
    store = make_store(f"{files.url}/thing", CONTENT)
    stages: list[str] = []
    waiting = threading.Event()

    def follow(progress: AssetProgress) -> None:
        stages.append(progress.stage)
        if progress.stage == "waiting":
            waiting.set()

    threads = [threading.Thread(target=store.fetch, args=("thing", follow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert waiting.wait(20)
    files.gate.set()
    for thread in threads:
        thread.join(20)
    assert len(files.requests) == 1
    assert stages.count("done") == 4


def _fetch_elsewhere(folder: str, catalogue: str) -> str:
    return sha256_of(AssetStore(Path(folder), Path(catalogue)).fetch("thing"))


def test_processes_that_fetch_at_once_download_once(files: Any, make_store: MakeStore, tmp_path: Path) -> None:
    files.files["/thing"] = CONTENT
    make_store(f"{files.url}/thing", CONTENT)
    arguments = [(str(tmp_path / "store"), str(tmp_path / "assets.yaml"))] * 3
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        digests = pool.starmap_async(_fetch_elsewhere, arguments).get(60)
    assert len(set(digests)) == 1
    assert len(files.requests) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk_is_refused_before_the_download(files: Any, make_store: MakeStore, small_disk: Path) -> None:
    files.files["/thing"] = CONTENT
    with pytest.raises(AssetError, match="free some space") as caught:
        make_store(f"{files.url}/thing", CONTENT, folder=small_disk / "store").fetch("thing")
    assert caught.value.code is ErrorCode.STORAGE_FULL
    assert files.requests == []


def test_disk_that_fills_up_in_mid_download_leaves_nothing_that_looks_whole(
    files: Any,
    make_store: MakeStore,
    small_disk: Path,
    tarball: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The archive is larger than twice the file, which is what the check before the download can know of.
    content = b"small"
    package = tarball({"thing.bin": content, "ballast": os.urandom(400_000)})
    files.files["/scope-thing/-/scope-thing-1.0.0.tgz"] = package
    monkeypatch.setenv("npm_config_registry", files.url)
    store = make_store("npm:scope-thing@1.0.0/thing.bin", content, folder=small_disk / "store")
    with pytest.raises(AssetError, match="free some space") as caught:
        store.fetch("thing")
    assert caught.value.code is ErrorCode.STORAGE_FULL
    assert not store.has("thing")


def test_read_only_folder_says_so(files: Any, make_store: MakeStore, small_disk: Path) -> None:
    files.files["/thing"] = b"small"
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(AssetError, match="make it writable"):
        make_store(f"{files.url}/thing", b"small", folder=small_disk / "store").fetch("thing")
