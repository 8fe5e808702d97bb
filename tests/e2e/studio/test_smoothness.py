"""Nothing freezes: half an hour of music in the editor, a hundred tracks in the library."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

from tests.e2e.studio.busy import WATCH, print_busy, work_of
from tests.e2e.studio.conftest import MAKE, Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

HALF_AN_HOUR_SECONDS = 1_800
RATE_HZ = 44_100
TRACKS = 100
# The window and a page on each side of it, at two pixels of canvas for one of the page.
MOST_DRAWN_PIXELS = 2 * 5_000
# After so much another part of a picture is drawn: PAGE_PIXELS in rows.ts.
PAGE_PIXELS = 1_000
FRAME_MS = 1_000 / 60
SCROLL_PIXELS, SCROLL_FRAMES, ZOOM_FRAMES = 200, 60, 30
SCROLL = f"() => {{ document.querySelector('[role=group][aria-label=Timeline]').scrollLeft -= {SCROLL_PIXELS}; }}"
ZOOM = f"""
(frame) => {{
  const slider = document.querySelector("input[type=range][aria-label=Zoom]");
  const write = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
  write.call(slider, String(1 - (frame + 1) / {ZOOM_FRAMES}));
  slider.dispatchEvent(new Event("input", {{bubbles: true}}));
}}
"""
SCROLL_PAGE = f"""
() => {{
  scrollBy(0, 150);
  const below = document.documentElement.scrollHeight - innerHeight - scrollY;
  return below > 2 || document.querySelectorAll("main ul > li").length < {TRACKS};
}}
"""
# A piece of 20 s, and a second on each side of it.
MOST_DECODED_SECONDS = 22
KEEP_DECODED = """
const decode = BaseAudioContext.prototype.decodeAudioData;
window.decodedSeconds = [];
BaseAudioContext.prototype.decodeAudioData = async function (...file) {
  const sound = await decode.apply(this, file);
  window.decodedSeconds.push(sound.duration);
  return sound;
};
"""


def new_page(visitor: Visitor) -> Page:
    page = visitor.context.new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(WATCH)
    return page


@pytest.fixture(scope="module")
def long_track(member: Visitor, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Half an hour of music, sent by its owner."""
    path: Path = tmp_path_factory.mktemp("long") / "half an hour.flac"
    seconds = np.arange(10 * RATE_HZ) / RATE_HZ
    bar = (0.3 * np.sin(2 * np.pi * 220 * seconds) * np.exp(-2 * (seconds % 0.5))).astype(np.float32)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for _ in range(HALF_AN_HOUR_SECONDS // 10):
            file.write(bar)
    page = member.page
    member.go("/library/")
    page.locator("input[type=file]").first.set_input_files(path)
    found: dict[str, Any] = eventually(
        lambda: next((item for item in member.api("/tracks?limit=20")["items"] if item["duration"] > 1_000), None),
        within=600,
        what="the long track",
        every=1,
    )
    return str(found["id"])


def test_half_an_hour_of_music_opens_while_the_page_answers_and_is_drawn_where_one_looks(
    member: Visitor, long_track: str
) -> None:
    page = new_page(member)
    page.add_init_script(KEEP_DECODED)
    page.goto(f"{member.platform.url}/studio/?track={long_track}")
    channels = page.get_by_role("list", name="Channels")
    mute = channels.get_by_role("button", name="Mute").first
    mute.click()
    # It answers long before its sound is here.
    expect(mute).to_have_attribute("aria-pressed", "true")
    mute.click()
    clip = page.locator("[data-clip] canvas").first
    inked = "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    eventually(lambda: clip.evaluate(inked) > 2, within=300, what="the waveform", every=0.5)
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    print_busy(page, "opened")
    page.get_by_role("slider", name="Zoom").fill("1")
    timeline = page.get_by_role("group", name="Timeline")
    width: int = timeline.evaluate("(element) => element.scrollWidth")
    assert width > HALF_AN_HOUR_SECONDS * 200
    for part in (0.25, 0.5, 0.75, 1.0):
        timeline.evaluate("(element, part) => { element.scrollLeft = element.scrollWidth * part * 0.98; }", part)
        eventually(lambda: clip.evaluate(inked) > 2, within=60, what="the waveform there")
        drawn: int = page.evaluate(
            "[...document.querySelectorAll('[data-clip] canvas')].reduce((sum, canvas) => sum + canvas.width, 0)"
        )
        assert 0 < drawn <= MOST_DRAWN_PIXELS
    print_busy(page, "looked through")
    scrolled = work_of(page, "half an hour, scrolled", SCROLL, SCROLL_FRAMES)
    print_busy(page, "scrolled")
    zoomed = work_of(page, "half an hour, zoomed", ZOOM, ZOOM_FRAMES)
    print_busy(page, "zoomed")
    # Its picture is drawn when a page of it has gone by; closer or farther, anew and where that leads to.
    assert 0 < scrolled.canvases_drawn <= SCROLL_FRAMES * SCROLL_PIXELS / PAGE_PIXELS + 4
    assert 0 < zoomed.canvases_drawn <= 2 * ZOOM_FRAMES + 4
    assert max(scrolled.cpu_ms_per_frame, zoomed.cpu_ms_per_frame) <= FRAME_MS
    page.get_by_role("slider", name="Zoom").fill("1")
    clip_box = page.locator("[data-clip]").first
    before = clip_box.get_attribute("aria-label")
    clip_box.focus()
    page.keyboard.press("ArrowRight")
    expect(clip_box).not_to_have_attribute("aria-label", before or "")
    page.get_by_role("button", name="Undo").first.click()
    expect(clip_box).to_have_attribute("aria-label", before or "")
    print_busy(page, "moved")
    page.get_by_role("button", name="To the beginning").click()
    page.get_by_role("button", name="Play", exact=True).first.click()
    clock = page.get_by_role("timer", name="Position")
    eventually(lambda: clock.inner_text() > "00:03", within=120, what="three seconds of it")
    listening = Visitor(member.platform, member.context, page)
    eventually(listening.hears_something, within=60, what="the music, piece by piece")
    decoded: list[float] = page.evaluate("window.decodedSeconds")
    assert 0 < max(decoded) <= MOST_DECODED_SECONDS
    print_busy(page, "played")
    page.close()


def test_a_hundred_tracks_scroll_by_without_a_question_for_each(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    visitor.sign_up()
    for batch in range(TRACKS // 10):
        jobs = [visitor.page.evaluate(MAKE, [f"song {batch * 10 + number}", 2])["id"] for number in range(10)]
        for job in jobs:
            eventually(
                lambda job=job: visitor.api(f"/jobs/{job}?wait=10")["status"] == "succeeded",  # type: ignore[misc]
                within=300,
                what="a track",
            )
    page = new_page(visitor)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
    page.goto(f"{visitor.platform.url}/library/")
    rows = page.locator("main ul > li").filter(has=page.get_by_role("link"))
    expect(rows.first).to_be_visible()
    print_busy(page, "opened")
    # What is searched for is found where it was not looked at yet, too.
    search = page.get_by_role("searchbox", name="Search your tracks")
    search.fill("song 7")
    expect(rows).to_have_count(11)
    expect(rows.last).to_contain_text("Song 7")
    search.fill("")
    page.get_by_label("Order").select_option("oldest")
    # Those of one batch are made beside each other: which of them is first is not told.
    first = rows.first.get_by_role("link")
    expect(first).to_have_text(re.compile(r"^Song \d$"))
    page.get_by_label("Order").select_option("newest")
    expect(first).to_have_text(re.compile(r"^Song 9\d$"))
    asked.clear()
    page.reload()
    expect(first).to_have_text(re.compile(r"^Song 9\d$"))
    assert work_of(page, "a hundred tracks, scrolled", SCROLL_PAGE, 10_000).cpu_ms_per_frame <= FRAME_MS
    expect(rows).to_have_count(TRACKS)
    print_busy(page, "scrolled")
    print(f"{len(asked)} requests: {sorted({url.split('?')[0].split('/api/v1')[-1] for url in asked})}")
    # Their pictures are asked for as they come into view.
    assert sum("/tracks" in url and "/cover" not in url for url in asked) <= 4
    page.close()
