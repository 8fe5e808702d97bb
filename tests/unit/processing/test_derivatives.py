"""Derivatives: made once however many ask, found afterwards, remade when damaged, and never half there."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from prometheus_client import REGISTRY

from services.processing.covers.painting import painted
from services.processing.heavy_work import HeavyWork
from services.processing.media.derivatives import Derivatives, derivative_folder
from services.processing.media.formats import FORMATS
from services.processing.media.tagging import FileTags
from services.processing.scratch import Scratch
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

SOURCE = "jobs/j1/1/master.flac"
JPEG = painted(np.zeros(360, np.float32), np.ones(360, np.float32), 64)


@pytest.fixture
def derivatives(store: ObjectStore, scratch: Scratch, heavy: HeavyWork) -> Derivatives:
    return Derivatives(store, scratch, heavy, linger_seconds=5.0)


def made_so_far(name: str) -> float:
    return REGISTRY.get_sample_value("processing_derivative_seconds_count", {"format": name}) or 0.0


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("wav", "audio/wav"),
        ("mp3", "audio/mpeg"),
        ("ogg", "audio/ogg; codecs=vorbis"),
        ("opus", "audio/ogg; codecs=opus"),
    ],
)
async def test_derivative_is_stored_under_its_key(
    derivatives: Derivatives, store: ObjectStore, master: Path, name: str, media_type: str
) -> None:
    await store.put_file(SOURCE, master)
    made = await derivatives.ensure(SOURCE, FORMATS[name])
    assert made.object_key == f"derivatives/{hashlib.sha256(SOURCE.encode()).hexdigest()}/audio.{name}"
    data = await store.get(made.object_key)
    assert (made.size_bytes, made.media_type) == (len(data), media_type)
    assert made.etag == hashlib.sha256(data).hexdigest()[:32]


async def test_flac_of_a_flac_is_the_master_itself(derivatives: Derivatives, store: ObjectStore, master: Path) -> None:
    await store.put_file(SOURCE, master)
    for _ in range(2):
        made = await derivatives.ensure(SOURCE, FORMATS["flac"])
        assert made.object_key == SOURCE
        assert made.etag == hashlib.sha256(await store.get(SOURCE)).hexdigest()[:32]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
async def test_wav_master_becomes_flac_and_stays_wav(
    subtype: str,
    derivatives: Derivatives,
    store: ObjectStore,
    music: Any,
    write_master: Callable[..., Path],
    tmp_path: Path,
) -> None:
    await store.put_file("jobs/j/1/master.wav", write_master(music, subtype=subtype, name="master.wav"))
    assert (await derivatives.ensure("jobs/j/1/master.wav", FORMATS["wav"])).object_key == "jobs/j/1/master.wav"
    flac = await derivatives.ensure("jobs/j/1/master.wav", FORMATS["flac"])
    await store.download(flac.object_key, tmp_path / "made.flac")
    assert soundfile.info(tmp_path / "made.flac").frames == len(music)


async def test_second_request_finds_the_first_one_s_work(
    derivatives: Derivatives, store: ObjectStore, master: Path
) -> None:
    await store.put_file(SOURCE, master)
    first = await derivatives.ensure(SOURCE, FORMATS["mp3"])
    before = made_so_far("mp3")
    assert await derivatives.ensure(SOURCE, FORMATS["mp3"]) == first
    assert made_so_far("mp3") == before


async def test_requests_at_the_same_time_share_one_piece_of_work(
    derivatives: Derivatives, store: ObjectStore, master: Path
) -> None:
    await store.put_file(SOURCE, master)
    before = made_so_far("ogg")
    answers = await asyncio.gather(*(derivatives.ensure(SOURCE, FORMATS["ogg"]) for _ in range(10)))
    assert len(set(answers)) == 1
    assert made_so_far("ogg") == before + 1


async def test_two_processes_at_the_same_time_agree(
    store: ObjectStore, heavy: HeavyWork, tmp_path: Path, master: Path
) -> None:
    await store.put_file(SOURCE, master)
    scratches = [Scratch(tmp_path / "scratch2", "a"), Scratch(tmp_path / "scratch2", "b")]
    both = [Derivatives(store, scratch, heavy, linger_seconds=1.0) for scratch in scratches]
    answers = await asyncio.gather(*(one.ensure(SOURCE, FORMATS["opus"]) for one in both))
    assert answers[0] == answers[1]
    data = await store.get(answers[0].object_key)
    assert answers[0].etag == hashlib.sha256(data).hexdigest()[:32]


async def test_lost_or_cut_file_is_made_again(derivatives: Derivatives, store: ObjectStore, master: Path) -> None:
    await store.put_file(SOURCE, master)
    made = await derivatives.ensure(SOURCE, FORMATS["mp3"])
    await store.put(made.object_key, b"half")
    assert await derivatives.ensure(SOURCE, FORMATS["mp3"]) == made
    await store.delete(made.object_key)
    assert await derivatives.ensure(SOURCE, FORMATS["mp3"]) == made
    assert len(await store.get(made.object_key)) == made.size_bytes


async def test_missing_source_is_not_found(derivatives: Derivatives) -> None:
    with pytest.raises(AppError) as raised:
        await derivatives.ensure("jobs/none/1/master.flac", FORMATS["mp3"])
    assert raised.value.code is ErrorCode.NOT_FOUND


async def test_key_that_leaves_the_store_is_refused(derivatives: Derivatives) -> None:
    with pytest.raises(AppError) as raised:
        await derivatives.ensure("../secrets/internal_token.pem", FORMATS["mp3"])
    assert raised.value.code is ErrorCode.VALIDATION


async def test_failed_work_leaves_nothing_and_is_tried_anew(
    derivatives: Derivatives, store: ObjectStore, master: Path, scratch: Scratch
) -> None:
    await store.put(SOURCE, b"this is no audio")
    for _ in range(2):
        with pytest.raises(AppError) as raised:
            await derivatives.ensure(SOURCE, FORMATS["mp3"])
        assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA
    assert [info.key async for info in store.list(derivative_folder(SOURCE))] == []
    await store.put_file(SOURCE, master)
    assert (await derivatives.ensure(SOURCE, FORMATS["mp3"])).size_bytes > 0


async def until_running(pieces: float) -> None:
    async with asyncio.timeout(60):
        while REGISTRY.get_sample_value("processing_work_running") != pieces:  # noqa: ASYNC110 — a gauge tells nobody
            await asyncio.sleep(0.005)


async def test_work_that_nobody_waits_for_is_stopped(
    store: ObjectStore, scratch: Scratch, heavy: HeavyWork, write_master: Callable[..., Path]
) -> None:
    long = write_master(np.zeros((44_100 * 120, 2), dtype=np.float32))
    await store.put_file(SOURCE, long)
    derivatives = Derivatives(store, scratch, heavy, linger_seconds=0.0)
    waiting = asyncio.create_task(derivatives.ensure(SOURCE, FORMATS["mp3"]))
    await until_running(1.0)
    waiting.cancel()
    await until_running(0.0)
    assert [info.key async for info in store.list(derivative_folder(SOURCE))] == []
    await derivatives.aclose()


async def test_loop_stays_quick_while_work_runs(
    derivatives: Derivatives, store: ObjectStore, write_master: Any
) -> None:
    long = write_master((0.1 * np.random.default_rng(0).standard_normal((44_100 * 20, 2))).astype(np.float32))
    await store.put_file(SOURCE, long)
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(derivatives.ensure(SOURCE, FORMATS["mp3"]))
    longest = 0.0
    while not work.done():
        before = loop.time()
        await asyncio.sleep(0.001)
        longest = max(longest, loop.time() - before)
    await work
    assert longest < 0.25


async def test_cancelled_caller_waits_for_its_thread(heavy: HeavyWork) -> None:
    entered, left = threading.Event(), threading.Event()

    def work(check: Callable[[], None]) -> None:
        entered.set()
        try:
            while True:
                check()
        finally:
            left.set()

    task = asyncio.create_task(heavy.run(work))
    assert await asyncio.to_thread(entered.wait, 5.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left.is_set()


async def downloads(store: ObjectStore) -> list[str]:
    return [info.key async for info in store.list(derivative_folder(SOURCE)) if "/download-" in info.key]


async def test_file_to_be_kept_says_what_it_is_and_its_sound_is_the_plain_one_s(
    derivatives: Derivatives, store: ObjectStore, master: Path, tmp_path: Path
) -> None:
    await store.put_file(SOURCE, master)
    await store.put("cover.jpg", JPEG)
    words = FileTags("Töne", "ada")
    for name in ("flac", "mp3", "ogg", "opus", "wav"):
        one, other = await asyncio.gather(
            *(derivatives.tagged(SOURCE, FORMATS[name], words, "cover.jpg") for _ in range(2))
        )
        assert one == other == await derivatives.tagged(SOURCE, FORMATS[name], words, "cover.jpg")
        data = await store.get(one.object_key)
        assert (one.size_bytes, one.etag) == (len(data), hashlib.sha256(data).hexdigest()[:32])
        plain = await derivatives.ensure(SOURCE, FORMATS[name])
        assert plain.etag != one.etag
        for made, path in ((plain, tmp_path / f"plain.{name}"), (one, tmp_path / f"kept.{name}")):
            await store.download(made.object_key, path)
        assert np.array_equal(
            soundfile.read(tmp_path / f"plain.{name}")[0], soundfile.read(tmp_path / f"kept.{name}")[0]
        )
        if name != "wav":
            with soundfile.SoundFile(tmp_path / f"kept.{name}") as file:
                assert (file.title, file.artist) == ("Töne", "ada")


async def test_file_of_other_words_or_another_picture_takes_the_place_of_the_one_before(
    derivatives: Derivatives, store: ObjectStore, master: Path
) -> None:
    """Otherwise whoever changes a title again and again fills the storage beside every limit."""
    await store.put_file(SOURCE, master)
    for key in ("a.jpg", "b.jpg"):
        await store.put(key, JPEG)
    seen = set()
    for title, cover in (("one", "a.jpg"), ("two", "a.jpg"), ("two", "b.jpg"), ("one", "a.jpg")):
        made = await derivatives.tagged(SOURCE, FORMATS["mp3"], FileTags(title), cover)
        seen.add(made.object_key)
        assert await downloads(store) == [made.object_key]
    assert len(seen) == 3


async def test_lost_picture_is_an_error_and_leaves_nothing(
    derivatives: Derivatives, store: ObjectStore, master: Path
) -> None:
    await store.put_file(SOURCE, master)
    with pytest.raises(AppError) as raised:
        await derivatives.tagged(SOURCE, FORMATS["flac"], FileTags("x"), "gone.jpg")
    assert raised.value.code is ErrorCode.NOT_FOUND
    assert await downloads(store) == []
