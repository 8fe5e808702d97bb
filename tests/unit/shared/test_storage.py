"""Objects are stored whole or not at all, below the store's root and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return ObjectStore.from_url("memory://" if request.param == "memory" else f"file://{tmp_path}/objects")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("mounting a small file system takes rights that this user lacks")
    yield folder
    # A file that the store has just given up may be open for a moment.
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def code_of(operation: object) -> ErrorCode:
    with pytest.raises(AppError) as caught:
        await operation  # type: ignore[misc]
    return caught.value.code


async def collect(store: ObjectStore, key: str, start: int = 0, end: int | None = None, chunk: int = 4096) -> bytes:
    return b"".join([part async for part in store.stream(key, start, end, chunk)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_is_put_is_got(store: ObjectStore) -> None:
    await store.put("jobs/1/a.bin", b"first")
    await store.put("jobs/1/a.bin", b"second")
    assert await store.get("jobs/1/a.bin") == b"second"
    info = await store.head("jobs/1/a.bin")
    assert (info.key, info.size_bytes) == ("jobs/1/a.bin", 6)
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=1)
    assert await store.exists("jobs/1/a.bin")


async def test_empty_object_is_an_object(store: ObjectStore) -> None:
    await store.put("empty", b"")
    assert await store.get("empty") == b""
    assert await collect(store, "empty") == b""
    assert await store.get_range("empty", 0, 0) == b""


async def test_missing_object_is_not_found(store: ObjectStore, tmp_path: Path) -> None:
    assert await code_of(store.get("no")) is ErrorCode.NOT_FOUND
    assert await code_of(store.head("no")) is ErrorCode.NOT_FOUND
    assert await code_of(store.get_range("no", 0, 4)) is ErrorCode.NOT_FOUND
    assert await code_of(store.get_range("no", 2, 2)) is ErrorCode.NOT_FOUND
    assert await code_of(collect(store, "no")) is ErrorCode.NOT_FOUND
    assert await code_of(store.download("no", tmp_path / "no")) is ErrorCode.NOT_FOUND
    assert not await store.exists("no")
    await store.delete("no")
    assert await store.delete_prefix("no") == 0


@pytest.mark.parametrize(("start", "end"), [(0, 10), (3, 7), (0, 100), (9, 10), (4, 4), (0, 0)])
async def test_range_is_a_slice(store: ObjectStore, start: int, end: int) -> None:
    await store.put("a", b"0123456789")
    assert await store.get_range("a", start, end) == b"0123456789"[start:end]
    assert await collect(store, "a", start, end) == b"0123456789"[start:end]


async def test_open_range_reaches_the_end(store: ObjectStore) -> None:
    await store.put("a", b"0123456789")
    assert await collect(store, "a", 4) == b"456789"


@pytest.mark.parametrize(("start", "end"), [(10, 12), (11, None), (10, None), (10, 10), (-1, 5), (7, 3)])
async def test_range_beyond_the_end_is_refused(store: ObjectStore, start: int, end: int | None) -> None:
    await store.put("a", b"0123456789")
    assert await code_of(collect(store, "a", start, end)) is ErrorCode.RANGE_NOT_SATISFIABLE
    if end is not None:
        assert await code_of(store.get_range("a", start, end)) is ErrorCode.RANGE_NOT_SATISFIABLE


async def test_large_file_goes_in_and_out_by_parts(store: ObjectStore, tmp_path: Path) -> None:
    content = os.urandom(1024 * 1024) * 20
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    await store.put_file("big", source)
    chunks = [chunk async for chunk in store.stream("big", chunk_bytes=65_536)]
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= 65_536
    await store.download("big", target)
    assert target.read_bytes() == content
    assert [name for name in names(tmp_path) if name != "objects"] == ["source", "target"]


async def test_missing_source_file_is_the_callers_mistake(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await store.put_file("a", tmp_path / "no")


async def test_prefix_is_a_folder(store: ObjectStore) -> None:
    for key in ("jobs/1/a", "jobs/1/b/c", "jobs/10/a", "other"):
        await store.put(key, b"x")
    assert sorted([info.key async for info in store.list("jobs/1")]) == ["jobs/1/a", "jobs/1/b/c"]
    assert len([info async for info in store.list()]) == 4
    assert await store.delete_prefix("jobs/1/") == 2
    assert sorted([info.key async for info in store.list("")]) == ["jobs/10/a", "other"]


async def test_deleting_leaves_no_empty_folders(tmp_path: Path) -> None:
    store = ObjectStore.from_url(f"file://{tmp_path}/objects")
    await store.put("a/b/c", b"x")
    await store.put("d/e", b"x")
    (tmp_path / "objects/d/killed#1").write_bytes(b"what a killed writer left")
    await store.delete("a/b/c")
    await store.delete_prefix("d")
    assert names(tmp_path / "objects") == []


@pytest.mark.parametrize(
    "key",
    ["", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "a/./b", "...", "a\\b", "a\x00b", "a b", "a#1",
     "ä", "a%2e", "a\n", "x" * 256, "/".join(["abcdefgh"] * 120)],
)  # fmt: skip
async def test_bad_key_is_refused_everywhere(store: ObjectStore, tmp_path: Path, key: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert await code_of(store.put(key, b"x")) is ErrorCode.VALIDATION
    assert await code_of(store.put_file(key, tmp_path / "file")) is ErrorCode.VALIDATION
    assert await code_of(store.get(key)) is ErrorCode.VALIDATION
    assert await code_of(store.get_range(key, 0, 1)) is ErrorCode.VALIDATION
    assert await code_of(collect(store, key)) is ErrorCode.VALIDATION
    assert await code_of(store.delete(key)) is ErrorCode.VALIDATION
    if key != "a/":
        assert await code_of(store.delete_prefix(key)) is ErrorCode.VALIDATION


@given(st.text(max_size=40))
async def test_no_key_leaves_the_root(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    outside = tmp_path_factory.mktemp("outside")
    store = ObjectStore.from_url(f"file://{outside}/root")
    with contextlib.suppress(AppError):
        await store.put(key, b"x")
    assert names(outside) == ["root"]


async def test_full_disk_is_said_and_leaves_nothing_behind(tiny_disk: Path, tmp_path: Path) -> None:
    store = ObjectStore.from_url(f"file://{tiny_disk}")
    await store.put("keep", b"x" * 1000)
    big = tmp_path / "big"
    big.write_bytes(b"x" * 20_000_000)
    assert await code_of(store.put("keep", b"y" * 3_000_000)) is ErrorCode.STORAGE_FULL
    assert await code_of(store.put_file("big", big)) is ErrorCode.STORAGE_FULL
    assert await store.get("keep") == b"x" * 1000
    assert names(tiny_disk) == ["keep"]


async def test_full_local_disk_fails_a_download(tiny_disk: Path) -> None:
    store = ObjectStore.from_url("memory://")
    await store.put("big", b"x" * 3_000_000)
    assert await code_of(store.download("big", tiny_disk / "big")) is ErrorCode.STORAGE_FULL
    assert names(tiny_disk) == []


async def test_read_only_disk_is_said(tiny_disk: Path) -> None:
    store = ObjectStore.from_url(f"file://{tiny_disk}")
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with pytest.raises(AppError, match="read-only") as caught:
        await store.put("a", b"x")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    with pytest.raises(AppError, match="read-only"):
        ObjectStore.from_url(f"file://{tiny_disk}/new")


async def test_download_into_a_missing_folder_is_said(tmp_path: Path) -> None:
    store = ObjectStore.from_url("memory://")
    await store.put("a", b"x")
    assert await code_of(store.download("a", tmp_path / "no" / "a")) is ErrorCode.UNAVAILABLE


async def test_key_that_is_a_folder_is_an_error_of_storage(tmp_path: Path) -> None:
    store = ObjectStore.from_url(f"file://{tmp_path}")
    await store.put("a/b", b"x")
    assert await code_of(store.put("a", b"x")) is ErrorCode.UNAVAILABLE


@pytest.mark.parametrize("url", ["ftp://host/x", "nonsense", "az://container/prefix", "s3://"])
def test_url_that_cannot_be_used_is_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(AppError, match="STORAGE_URL") as caught:
        ObjectStore.from_url(url)
    assert caught.value.code is ErrorCode.VALIDATION


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "gs://bucket/prefix"])
def test_cloud_urls_are_understood(url: str) -> None:
    ObjectStore.from_url(url)


async def test_private_s3_on_plain_http_is_allowed_by_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        answered.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    store = ObjectStore.from_url("s3://bucket/prefix")
    assert await code_of(store.get("a")) is ErrorCode.NOT_FOUND
    assert answered.is_set()
    server.close()
