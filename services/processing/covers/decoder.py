"""The child that decodes a stranger's picture: `python -m services.processing.covers.decoder PATH` in a sandbox.

It writes one line of JSON, `{"sizes": {"160": 5120, …}}`, then that many bytes of JPEG for each size: the square in
the picture's middle, scaled down, without anything of the file but its pixels. What is wrong with the file is one line
of JSON on standard error, `{"message": "…"}`, and exit status 3.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.processing.covers.sizes import JPEG_QUALITY, LONGEST_SIDE, MOST_PIXELS, SHORTEST_SIDE, SIZES
from services.processing.media.sandbox import Limits, confine

if TYPE_CHECKING:
    from PIL.Image import Image

REFUSED: Final = 3
LIMITS: Final = Limits(memory_bytes=1 << 30, cpu_seconds=20, silent_seconds=20.0, whole_seconds=40.0)

_FORMATS: Final = ("PNG", "JPEG", "WEBP")
# What shows through a picture that is transparent.
_GROUND: Final = (18, 18, 24)


class Refused(Exception):  # noqa: N818 — an outcome, not an error
    """The picture cannot be taken; the text is for its owner."""


def main() -> None:
    """Decode the file that is named by the first argument."""
    path = Path(sys.argv[1])
    # Before anything of the file is read; the libraries are loaded from where they may still be read.
    confine(LIMITS, [path])
    try:
        made = rendered(path)
    except (Refused, MemoryError) as error:
        message = str(error) or "The picture needs more memory than it may have."
        sys.stderr.write(json.dumps({"message": message}))
        sys.stderr.flush()
        os._exit(REFUSED)
    head = {"sizes": {str(size): len(data) for size, data in made.items()}}
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + b"".join(made.values()))
        sys.stdout.buffer.flush()
    os._exit(0)


def rendered(path: Path) -> dict[int, bytes]:
    """The picture as JPEG in each size. Raises `Refused`."""
    from PIL import Image as Images
    from PIL import ImageOps, UnidentifiedImageError

    # Sizes are judged below, by our own measure and in our own words.
    Images.MAX_IMAGE_PIXELS = None
    try:
        with Images.open(path, formats=_FORMATS) as picture:
            _check_size(*picture.size)
            # JPEGs are decoded at a fraction of their size where that is enough.
            picture.draft("RGB", (SIZES[-1], SIZES[-1]))
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            square = _square(_opaque(_in_srgb(upright)))
    except UnidentifiedImageError:
        raise Refused("This is no PNG, JPEG or WebP picture. Send one of these.") from None
    except (Refused, MemoryError):
        raise
    except Exception as error:  # whatever a decoder trips over is the file's fault, and ends here
        raise Refused("The picture is damaged and cannot be decoded. Save it anew and send it again.") from error
    return {size: _jpeg(square, size) for size in SIZES}


def _check_size(width: int, height: int) -> None:
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise Refused(
            f"The picture has {width:,} × {height:,} pixels; at most {MOST_PIXELS // 1_000_000} million and "
            f"{LONGEST_SIDE:,} a side are taken. Send a smaller one."
        )
    if min(width, height) < SHORTEST_SIDE:
        raise Refused(f"The picture is too small: send at least {SHORTEST_SIDE} × {SHORTEST_SIDE} pixels.")


def _in_srgb(picture: Image) -> Image:
    """The picture in the colours that screens show, whatever profile it came with."""
    from PIL import Image as Images
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if profile and picture.mode in {"RGB", "RGBA", "CMYK", "L"}:
        # A profile that makes no sense is ignored, as browsers do.
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            target = "RGBA" if picture.mode == "RGBA" else "RGB"
            there = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, there, ImageCms.createProfile("sRGB"), outputMode=target)
            if converted is not None:
                return converted
    if picture.mode.startswith("I"):
        # 16 bits a sample: the upper eight.
        import numpy as np

        return Images.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    return picture


def _opaque(picture: Image) -> Image:
    from PIL import Image as Images

    if picture.mode in {"RGBA", "LA", "PA", "RGBa"} or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        ground = Images.new("RGBA", seen.size, (*_GROUND, 255))
        ground.alpha_composite(seen)
        return ground.convert("RGB")
    return picture.convert("RGB")


def _square(picture: Image) -> Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def _jpeg(picture: Image, size: int) -> bytes:
    from PIL import Image as Images

    # Never larger than it came: that would add bytes and nothing to see.
    side = min(size, picture.width)
    scaled = picture if side == picture.width else picture.resize((side, side), Images.Resampling.LANCZOS)
    clean = Images.frombytes("RGB", scaled.size, scaled.tobytes())
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main()
