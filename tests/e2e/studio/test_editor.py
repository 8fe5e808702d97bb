"""The studio's editor: stems as channels, a preview that sounds, a bounce that the server renders."""

import io
import math

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def level_db(visitor: Visitor, path: str) -> float:
    """RMS of some audio of the platform, in dBFS."""
    cookies = {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies()}
    answer = httpx.get(f"{visitor.platform.url}/api/v1{path}", cookies=cookies, timeout=30)
    assert answer.status_code == 200, answer.text
    audio, _ = soundfile.read(io.BytesIO(answer.content), always_2d=True)
    return 20 * math.log10(float(np.sqrt(np.mean(audio**2))))


def test_stems_open_as_channels_and_the_bounce_follows_the_faders(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("synthwave with a glassy lead", 8)
    member.go(f"/track/?id={track}")
    page.get_by_role("link", name="Open in the studio").click()
    channels = page.get_by_role("list", name="Channels")
    expect(channels.get_by_role("button", name="Solo bass")).to_be_visible()
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    channels.get_by_role("button", name="Solo bass").click()
    channels.get_by_label("Gain of bass").fill("-6")
    page.get_by_role("button", name="Play", exact=True).first.click()
    eventually(member.hears_something, within=15, what="the preview")
    page.get_by_role("button", name="Bounce").click()
    expect(page.get_by_role("link", name="Open the bounce")).to_be_visible(timeout=60_000)
    made = page.get_by_role("link", name="Open the bounce").get_attribute("href") or ""
    stem = level_db(member, f"/tracks/{track}/stems/bass/audio?format=flac")
    bounced = level_db(member, f"/tracks/{made.split('id=')[1]}/audio?format=flac")
    print(f"bass {stem:.2f} dBFS, bounced at −6 dB {bounced:.2f} dBFS")
    assert bounced == pytest.approx(stem - 6, abs=0.1)


@pytest.mark.slow
def test_edits_are_undone_redone_and_kept_over_a_reload(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("little folk song", 4)
    member.go(f"/studio/?track={track}")
    channels = page.get_by_role("list", name="Channels")
    mute = channels.get_by_role("button", name="Mute").first
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Undo").click()
    expect(mute).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Redo").click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    clip = page.locator("[data-clip]").first
    before = clip.get_attribute("aria-label")
    clip.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    moved = clip.get_attribute("aria-label")
    assert moved != before
    kept = f"localStorage.getItem('studio.project.{track}')"
    eventually(lambda: '"mute":true' in (page.evaluate(kept) or ""), within=5, what="the autosave")
    page.reload()
    expect(channels.get_by_role("button", name="Mute").first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-clip]").first).to_have_attribute("aria-label", moved or "")
