"""What the server describes and draws."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from protos.processing.v1 import processing_pb2
from services.processing.heavy_work import HeavyWork
from services.processing.jobs.catalogues import document
from services.processing.media.pictures import Pictures
from services.processing.scratch import Scratch
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

KEY = "jobs/j/1/master.flac"


def test_effects_and_presets_are_described() -> None:
    effects = json.loads(document(processing_pb2.CATALOGUE_EFFECTS))
    assert "compressor" in {effect["id"] for effect in effects["effects"]}
    assert json.loads(document(processing_pb2.CATALOGUE_PRESETS))["items"]


def test_unknown_catalogue_is_refused() -> None:
    with pytest.raises(AppError) as raised:
        document(processing_pb2.CATALOGUE_UNSPECIFIED)
    assert raised.value.code is ErrorCode.VALIDATION


@pytest.fixture
async def pictures(store: ObjectStore, scratch: Scratch, heavy: HeavyWork, master: Path) -> Pictures:
    await store.put_file(KEY, master)
    return Pictures(store, scratch, heavy, linger_seconds=5.0)


async def test_picture_is_drawn_once(pictures: Pictures, store: ObjectStore) -> None:
    first, second = await asyncio.gather(*(pictures.spectrogram(KEY, 200, 100, "ember") for _ in range(2)))
    assert first == second
    data = await store.get(first.object_key)
    # PNG (ISO/IEC 15948 §5.2, §11.2.2): signature, then width and height.
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    # As large as asked or the next larger: a track has a few pictures, not one for each number.
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (400, 100)
    assert (await pictures.spectrogram(KEY, 399, 64, "ember")).object_key == first.object_key
    assert (await pictures.spectrogram(KEY, 200, 100, "ocean")).etag != first.etag
    await pictures.aclose()


@pytest.mark.parametrize(
    ("width", "height", "scheme", "pointer"),
    [
        (10, 100, "ember", "/width"),
        (200, 5_000, "ember", "/width"),
        (200, 100, "x/../y", "/scheme"),
        (200, 100, "nope", "/scheme"),
    ],
)
async def test_picture_that_cannot_be_drawn_is_refused(
    pictures: Pictures, width: int, height: int, scheme: str, pointer: str
) -> None:
    with pytest.raises(AppError) as raised:
        await pictures.spectrogram(KEY, width, height, scheme)
    assert pointer in [violation.pointer for violation in raised.value.violations]


async def test_waveform_is_drawn_as_pixels_and_as_shapes(pictures: Pictures, store: ObjectStore) -> None:
    pixels = await pictures.waveform(KEY, 300, 90, "ocean", vector=False)
    shapes = await pictures.waveform(KEY, 300, 90, "ocean", vector=True)
    data = await store.get(pixels.object_key)
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (400, 100)
    picture = ElementTree.fromstring(await store.get(shapes.object_key))
    assert (picture.get("width"), picture.get("height")) == ("400", "100")
    assert len(picture.findall("{http://www.w3.org/2000/svg}polygon")) == 2
    assert pixels.etag != shapes.etag
    with pytest.raises(AppError) as raised:
        await pictures.waveform(KEY, 300, 90, "nope", vector=True)
    assert [violation.pointer for violation in raised.value.violations] == ["/scheme"]
