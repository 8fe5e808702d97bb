"""Pictures, read back by Pillow and the standard library's XML parser."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from services.processing.analysis.colours import SCHEMES
from services.processing.analysis.pictures import spectrogram_png, waveform_png, waveform_svg
from services.processing.analysis.png import encode_png
from services.shared.errors import AppError

RATE = 44_100


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.fixture
def sweep(write_master):
    """Two seconds of 100 Hz, then two of 5 kHz, then two of silence."""
    time = np.arange(2 * RATE) / RATE
    parts = [0.5 * np.sin(2 * np.pi * hz * time) for hz in (100.0, 5_000.0)]
    samples = np.concatenate([*parts, np.zeros(2 * RATE)]).astype(np.float32)
    return write_master(np.stack([samples, samples], axis=1))


def test_a_png_is_what_was_drawn():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    palette = np.random.default_rng(1).integers(0, 256, (12, 3)).astype(np.uint8)
    assert (opened(encode_png(pixels, palette)) == palette[pixels]).all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_spectrogram_shows_each_tone_at_its_time_and_height(sweep, scheme):
    picture = opened(spectrogram_png(sweep, 300, 200, scheme))
    assert picture.shape == (200, 300, 3)
    background = np.array(SCHEMES[scheme].gradient[0])
    strength = np.abs(picture - background).sum(axis=2)
    rows = np.geomspace(20_000.0, 30.0, 201)
    for column, hz in ((50, 100.0), (150, 5_000.0)):
        brightest = int(np.argmax(strength[:, column]))
        assert rows[brightest + 1] * 0.9 < hz < rows[brightest] * 1.1
    assert strength[:, 250].max() == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lightness_says_the_level_in_every_scheme(scheme):
    palette = SCHEMES[scheme].palette().astype(float)
    lightness = palette @ [0.2126, 0.7152, 0.0722]
    steps = np.diff(lightness)
    assert (steps >= -0.6).all() or (steps <= 0.6).all()
    assert abs(lightness[-1] - lightness[0]) > 150


def test_a_waveform_is_as_high_as_its_audio(sweep):
    picture = opened(waveform_png(sweep, 300, 200, "grey"))
    lit = (picture.sum(axis=2) > 30).sum(axis=0)
    assert lit[20:180] == pytest.approx(100, abs=3)
    assert lit[220:].max() <= 2
    core = (picture[:, 50, 0] > 190).sum()
    assert core == pytest.approx(0.5 / np.sqrt(2) * 200, abs=4)


def test_an_svg_holds_body_and_core_with_the_same_heights(sweep):
    root = ElementTree.fromstring(waveform_svg(sweep, 300, 200, "paper"))
    polygons = root.findall("{http://www.w3.org/2000/svg}polygon")
    assert root.get("viewBox") == "0 0 300 200"
    assert [polygon.get("fill") for polygon in polygons] == ["#7896c4", "#345496"]
    points = np.array([pair.split(",") for pair in polygons[0].get("points").split()], dtype=float)
    assert len(points) == 600
    assert points[50] == pytest.approx([50.5, 50.0], abs=1.0)


def test_the_same_file_gives_the_same_bytes(sweep):
    assert spectrogram_png(sweep, 64, 64) == spectrogram_png(sweep, 64, 64)
    assert waveform_png(sweep, 64, 64) == waveform_png(sweep, 64, 64)


@pytest.mark.parametrize("seconds", [0.001, 0.1])
def test_songs_shorter_than_their_picture_fill_it(write_master, seconds):
    time = np.arange(int(seconds * RATE)) / RATE
    path = write_master((0.5 * np.cos(2 * np.pi * 30.0 * time))[:, None].astype(np.float32))
    assert (opened(spectrogram_png(path, 200, 32)).sum(axis=(0, 2)) > 0).all()
    assert (opened(waveform_png(path, 200, 32, "grey")).sum(axis=(0, 2)) > 0).all()


def test_a_long_song_is_drawn_with_fewer_frames_than_samples(write_master):
    # Two tones in turns of 10 s: the picture still knows which is when although it looks at one frame in many.
    time = np.arange(120 * 8_000) / 8_000
    samples = 0.5 * np.sin(2 * np.pi * np.where(time % 20 < 10, 200.0, 2_000.0) * time)
    path = write_master(samples[:, None].astype(np.float32), rate=8_000)
    picture = opened(spectrogram_png(path, 24, 100, "grey"))[:, :, 0]
    rows = picture.argmax(axis=0)
    assert (rows[0::4] > rows[2::4] + 20).all()


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [((15, 100, "ember"), "/width"), ((8_193, 100, "ember"), "/width"), ((100, 2_049, "ember"), "/height"),
     ((100, 100, "rainbow"), "/scheme")],
)  # fmt: skip
def test_sizes_and_schemes_that_are_not_offered_are_refused(sweep, arguments, pointer):
    for draw in (spectrogram_png, waveform_png, waveform_svg):
        with pytest.raises(AppError) as caught:
            draw(sweep, *arguments)
        assert caught.value.violations[0].pointer == pointer
