"""Pictures that strangers sent: what comes out is new, small and square, and what harms is refused in words."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from services.processing.covers.decoding import decoded
from services.processing.covers.sizes import MOST_BYTES, SIZES
from services.processing.media.sandbox import Limits
from services.shared.errors import AppError, ErrorCode


def photo(width: int = 900, height: int = 700, mode: str = "RGB") -> Image.Image:
    """A gradient with noise: red to the right, green downwards."""
    x, y = np.linspace(0, 255, width), np.linspace(0, 255, height)
    noise = np.random.default_rng(5).integers(0, 20, (height, width))
    parts = [np.broadcast_to(x, (height, width)), np.broadcast_to(y[:, None], (height, width)), noise]
    return Image.fromarray(np.stack(parts, axis=2).astype(np.uint8), "RGB").convert(mode)


def packed(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def sent(data: bytes, folder: Path, **options: Any) -> dict[int, bytes]:
    path = folder / "picture"
    path.write_bytes(data)
    return decoded(path, lambda: None, **options)


def png_of(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG whose header says what it is told to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("PNG", "1"), ("PNG", "LA"), ("PNG", "I;16"),
     ("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("WEBP", "RGB"), ("WEBP", "RGBA")],
)  # fmt: skip
def test_picture_of_each_kind_becomes_square_jpegs(kind: str, mode: str, tmp_path: Path) -> None:
    picture = photo(1_300, 1_290, "L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
        assert picture.mode == mode
    made = sent(packed(picture, kind), tmp_path)
    assert tuple(made) == SIZES
    for size, data in made.items():
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (size, size))
            # It shows something, whatever it came as.
            assert np.asarray(picture).std() > 10


def test_square_is_the_picture_s_middle(tmp_path: Path) -> None:
    made = sent(packed(photo(900, 300), "PNG"), tmp_path)
    with Image.open(io.BytesIO(made[320])) as picture:
        pixels = np.asarray(picture)[..., 0]
    assert pixels[:, 0].mean() == pytest.approx(85, abs=6)
    assert pixels[:, -1].mean() == pytest.approx(170, abs=6)


def test_small_picture_is_not_blown_up(tmp_path: Path) -> None:
    made = sent(packed(photo(200, 200), "PNG"), tmp_path)
    assert [Image.open(io.BytesIO(data)).size[0] for data in made.values()] == [160, 200, 200, 200]


def test_nothing_but_pixels_is_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET place"
    exif.get_ifd(0x8825)[1] = "N"
    picture = photo()
    data = packed(
        picture, "JPEG", exif=exif, comment=b"SECRET comment", icc_profile=ImageCms.ImageCmsProfile(
            ImageCms.createProfile("sRGB")).tobytes(), xmp=b"<x>SECRET xmp</x>",
    )  # fmt: skip
    assert data.count(b"SECRET") == 3
    for made in sent(data + b"SECRET behind its end", tmp_path).values():
        assert b"SECRET" not in made
        with Image.open(io.BytesIO(made)) as found:
            assert not found.getexif()
            assert not {"icc_profile", "comment", "xmp", "exif"} & set(found.info)


def test_picture_stands_upright_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    made = sent(packed(photo(400, 400), "JPEG", exif=exif), tmp_path)
    with Image.open(io.BytesIO(made[160])) as picture:
        pixels = np.asarray(picture).astype(float)
    assert pixels[:, :20, 0].mean() > pixels[:, -20:, 0].mean() + 100


def test_same_picture_makes_the_same_bytes(tmp_path: Path) -> None:
    data = packed(photo(), "PNG")
    assert sent(data, tmp_path) == sent(data, tmp_path)


HARM: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "no PNG, JPEG or WebP"),
    "a text": (lambda: b"These are words." * 50, "no PNG, JPEG or WebP"),
    "an SVG with a script": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "no PNG"),
    "a GIF": (lambda: packed(photo(100, 100, "P"), "GIF"), "no PNG, JPEG or WebP"),
    "a TIFF": (lambda: packed(photo(100, 100), "TIFF"), "no PNG, JPEG or WebP"),
    "half a JPEG": (lambda: packed(photo(), "JPEG")[:5_000], "damaged"),
    "half a PNG": (lambda: packed(photo(), "PNG")[:50_000], "damaged"),
    "half a WebP": (lambda: packed(photo(), "WEBP")[:2_000], ""),
    "more pixels than anybody needs": (lambda: png_of(11_000, 11_000), "pixels"),
    "a side beyond all measure": (lambda: png_of(2_000_000_000, 1), "pixels"),
    "a bomb of one colour": (lambda: png_of(100_000, 100_000, bytes(10_000_000)), "pixels"),
    "too few pixels": (lambda: packed(photo(20, 20), "PNG"), "too small"),
    "one pixel high": (lambda: packed(photo(4_000, 1), "PNG"), "too small"),
    "too many bytes": (lambda: bytes(MOST_BYTES + 1), "larger than 10 MiB"),
    "a header without a picture": (lambda: png_of(500, 500), "damaged"),
}


@pytest.mark.parametrize(("make", "word"), HARM.values(), ids=HARM)
def test_picture_made_to_harm_is_refused_in_words(make: Callable[[], bytes], word: str, tmp_path: Path) -> None:
    with pytest.raises(AppError) as raised:
        sent(make(), tmp_path)
    assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA
    assert word in raised.value.message
    assert raised.value.message.endswith(".")


def test_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="too long"):
        sent(packed(photo(), "PNG"), tmp_path, limits=Limits(first_seconds=0.0, whole_seconds=0.0))


def test_caller_that_gives_up_ends_the_child(tmp_path: Path) -> None:
    def check() -> None:
        raise KeyboardInterrupt

    path = tmp_path / "picture"
    path.write_bytes(packed(photo(), "PNG"))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        decoded(path, check)
    assert time.monotonic() - began < 30


def test_mutated_pictures_end_in_jpegs_or_in_words(tmp_path: Path) -> None:
    """In this process: the confinement is tested above, and starting a child for each would take minutes."""
    from services.processing.covers.decoder import Refused, rendered

    chance = np.random.default_rng(11)
    good = [packed(photo(300, 200, mode), kind) for kind, mode in (("PNG", "RGBA"), ("JPEG", "RGB"), ("WEBP", "RGB"))]
    taken = refused = 0
    for number in range(150):
        data = bytearray(good[number % 3])
        for _ in range(int(chance.integers(1, 12))):
            data[int(chance.integers(len(data) if number % 2 else 200))] = int(chance.integers(256))
        if number % 5 == 0:
            del data[int(chance.integers(len(data))) :]
        path = tmp_path / "mutated"
        path.write_bytes(data)
        try:
            made = rendered(path)
        except Refused as error:
            refused += str(error).endswith(".")
        else:
            assert all(jpeg.startswith(b"\xff\xd8\xff") for jpeg in made.values())
            taken += 1
    assert taken + refused == 150
    assert min(taken, refused) > 0
