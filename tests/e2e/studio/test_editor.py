"""The studio's editor: stems as channels, a preview that sounds, a bounce that the server renders."""

import base64
import io
import math
import re
from collections.abc import Callable

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# The preview's own graph, made to render as fast as it can instead of through loudspeakers.
RENDER_PREVIEW = """
window.AudioContext = class extends OfflineAudioContext {
  constructor() {
    super(2, %d, 44100);
    window.preview = this;
  }
  resume() { return Promise.resolve(); }
  close() { return Promise.resolve(); }
};
"""
HEAR_PREVIEW = """async (from) => {
  const audio = await window.preview.startRendering();
  const bytes = new Uint8Array(new Float32Array(
    [0, 1].flatMap((side) => [...audio.getChannelData(side).subarray(from)])).buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}"""
PREVIEW_STARTS_SAMPLES = 2_646  # START_DELAY_SECONDS in multitrack.ts
LIMITER_LATE_SAMPLES = 284  # 5 ms of look-ahead, and what a height is read from
EFFECTS_LATE_SAMPLES = 244 + 2 * LIMITER_LATE_SAMPLES  # the compressor's 5 ms, the saturation's filters, two limiters
RATE_HZ = 44_100
WINDOW_SAMPLES = RATE_HZ // 10
AUDIBLE_DBFS = -50.0


def samples_of(visitor: Visitor, path: str) -> np.ndarray:
    """Some audio of the platform, `[frames, channels]`."""
    cookies = {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies()}
    answer = httpx.get(f"{visitor.platform.url}/api/v1{path}", cookies=cookies, timeout=30)
    assert answer.status_code == 200, answer.text
    audio, _ = soundfile.read(io.BytesIO(answer.content), always_2d=True)
    return np.asarray(audio)


def level_db(visitor: Visitor, path: str) -> float:
    """RMS of some audio of the platform, in dBFS."""
    return 20 * math.log10(float(np.sqrt(np.mean(samples_of(visitor, path) ** 2))))


def window_levels_db(audio: np.ndarray) -> np.ndarray:
    """RMS of each tenth of a second and side, in dBFS, `[windows, 2]`."""
    count = len(audio) // WINDOW_SAMPLES
    power = (audio[: count * WINDOW_SAMPLES].reshape(count, WINDOW_SAMPLES, 2) ** 2).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)))


def bounce(visitor: Visitor) -> np.ndarray:
    """Render the session; what came of it, `[frames, 2]`."""
    visitor.page.get_by_role("button", name="Bounce").click()
    link = visitor.page.get_by_role("link", name="Open the bounce")
    expect(link).to_be_visible(timeout=60_000)
    made = (link.get_attribute("href") or "").split("id=")[1]
    return samples_of(visitor, f"/tracks/{made}/audio?format=flac")


def test_stems_open_as_channels_and_the_bounce_follows_the_faders_and_is_found_after_a_reload(member: Visitor) -> None:
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
    eventually(member.hears_something, within=60, what="the preview")
    page.get_by_role("button", name="Bounce").click()
    kept = "Object.keys(sessionStorage).some((key) => key.startsWith('studio.job.bounce'))"
    eventually(lambda: page.evaluate(kept), within=20, what="the bounce to begin")
    page.reload()
    expect(page.get_by_role("link", name="Open the bounce")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Download the bounce").click()
    files = page.get_by_role("group", name="Download the bounce").get_by_role("link")
    assert [name.split()[0] for name in files.all_inner_texts()] == ["WAV", "FLAC", "MP3", "OGG", "OPUS"]
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
    page.keyboard.press("Control+z")
    expect(mute).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Control+y")
    expect(mute).to_have_attribute("aria-pressed", "true")
    clips = page.locator("[data-clip]")
    count = clips.count()
    clip = clips.first
    clip.press("Delete")
    expect(clips).to_have_count(count - 1)
    expect(page.locator("[data-clip]:focus")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(clips).to_have_count(count)
    fade = clip.get_by_role("slider", name="Fade in")
    fade.press("ArrowRight")
    fade.press("ArrowRight")
    expect(fade).to_have_attribute("aria-valuenow", "0.2")
    fade.press("Delete")
    expect(fade).to_have_attribute("aria-valuenow", "0")
    before = clip.get_attribute("aria-label")
    clip.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    moved = clip.get_attribute("aria-label")
    assert moved != before
    kept = f"localStorage.getItem('studio.project.{track}')"
    eventually(lambda: '"mute":true' in (page.evaluate(kept) or ""), within=60, what="the autosave")
    page.reload()
    expect(channels.get_by_role("button", name="Mute").first).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-clip]").first).to_have_attribute("aria-label", moved or "")


SAVE_ELSEWHERE = """([mix, number]) => fetch(`/api/v1/mixes/${mix}/versions/${number}`)
  .then((answer) => answer.json())
  .then(({session}) => fetch(`/api/v1/mixes/${mix}/versions`, {
    method: "POST",
    body: JSON.stringify({
      session: {...session, tracks: session.tracks.map((track) => ({...track, pan: -1}))},
      note: "hard left",
    }),
    headers: {
      "Content-Type": "application/json",
      "X-CSRF-Token": decodeURIComponent(document.cookie.match(/musicgen_csrf=([^;]+)/)[1]),
    },
  }))
  .then((answer) => answer.json())
  .then((made) => made.number)"""


@pytest.mark.slow
def test_versions_are_saved_met_by_others_compared_restored_undone_and_rendered_by_keyboard(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("slow waltz for piano and strings", 4)
    member.go(f"/studio/?track={track}")
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    channels = page.get_by_role("list", name="Channels")
    gain = channels.get_by_role("slider").first
    panel = page.get_by_role("region", name="Versions")
    history = panel.get_by_role("list", name="Versions so far")
    gain.fill("-3")
    page.keyboard.press("Control+s")
    note = panel.get_by_label("What is new in it?")
    expect(note).to_be_focused()
    page.keyboard.type("first try")
    # Twice, and before the first answer is there: one mix.
    before = len(member.api("/mixes")["items"])
    form = panel.locator("form").element_handle()
    page.evaluate("(form) => { form.requestSubmit(); form.requestSubmit(); }", form)
    expect(panel.get_by_text("As saved in version 1")).to_be_visible()
    assert len(member.api("/mixes")["items"]) == before + 1
    gain.fill("-9")
    expect(panel.get_by_text("Changed since version 1")).to_be_visible()

    # Somebody saves into the same mix elsewhere: nothing is overwritten, and the choice is clear.
    linked = f"JSON.parse(localStorage.getItem('studio.project.{track}'))?.mix?.id"
    mix = eventually(lambda: page.evaluate(linked), within=60, what="the autosave of the link")
    assert page.evaluate(SAVE_ELSEWHERE, [mix, 1]) == 2
    note.fill("quieter and")
    note.press("Control+z")
    expect(gain).to_have_value("-9")  # a field takes back its own words
    note.fill("quieter")
    note.press("Enter")
    meeting = panel.get_by_role("alert").filter(has_text="Version 2 was saved meanwhile")
    expect(meeting).to_be_visible()
    meeting.get_by_role("button", name="Compare first").press("Enter")
    expect(panel.get_by_text("pan 100 left → centre").first).to_be_visible()
    panel.get_by_role("button", name="Hear version 2").press("Enter")
    expect(page.get_by_text("You hear version 2.")).to_be_visible()
    expect(gain).to_have_value("-9")
    panel.get_by_role("button", name="Hear mine again").press("Enter")
    meeting.get_by_role("button", name="Keep mine as a new version").press("Enter")
    expect(panel.get_by_text("As saved in version 3")).to_be_visible()
    expect(meeting).to_have_count(0)
    expect(history.get_by_role("listitem").filter(has_text="Version")).to_have_count(3)

    panel.get_by_role("button", name="Restore version 1").press("Enter")
    expect(gain).to_have_value("-3")
    said = page.locator("[data-sonner-toast]").filter(has_text="Version 1 is in front again, as version 4")
    said.get_by_role("button", name="Undo").press("Enter")
    expect(gain).to_have_value("-9")
    expect(panel.get_by_text("As saved in version 5")).to_be_visible()
    expect(panel.get_by_text("as version 1 was")).to_be_visible()

    panel.get_by_role("button", name="Render version 2").press("Enter")
    link = panel.get_by_role("link", name="Open version 2 as a track")
    expect(link).to_be_visible(timeout=60_000)
    made = (link.get_attribute("href") or "").split("id=")[1]
    left, right = (samples_of(member, f"/tracks/{made}/audio?format=flac") ** 2).mean(axis=0)
    assert left > 1e-6 > right

    page.keyboard.press("Escape")
    page.reload()
    expect(gain).to_have_value("-9")
    page.get_by_role("button", name="Versions").press("Enter")
    expect(panel.get_by_text("As saved in version 5")).to_be_visible()
    assert page.evaluate(SAVE_ELSEWHERE, [mix, 5]) == 6
    panel.get_by_role("button", name="Restore version 1").press("Enter")
    expect(panel.get_by_role("alert").filter(has_text="Version 6 was saved meanwhile")).to_be_visible()
    expect(gain).to_have_value("-9")
    panel.get_by_role("button", name="Close the versions").press("Enter")
    expect(page.get_by_role("button", name="Versions")).to_be_focused()


@pytest.mark.slow
def test_automation_sends_effects_and_crossfades_by_keyboard_sound_in_the_preview_as_in_the_bounce(
    member: Visitor,
) -> None:
    track = member.finished_track("driving synthwave, steady bass", 8)
    page = member.context.new_page()
    page.set_default_timeout(30_000)
    page.add_init_script(RENDER_PREVIEW % (RATE_HZ * 14))
    visitor = Visitor(member.platform, member.context, page)
    visitor.go(f"/studio/?track={track}")
    channels = page.get_by_role("list", name="Channels")
    keys = page.keyboard
    channels.get_by_role("button", name="Solo bass").press("Enter")
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    timeline = page.get_by_role("group", name="Timeline")

    def later(times: int) -> None:
        timeline.focus()
        for _ in range(times):
            keys.press("ArrowRight")

    channels.get_by_role("button", name="bass", exact=True).press("Enter")
    channels.get_by_role("button", name="Automation of bass").press("Enter")
    page.get_by_role("button", name="Automate Pan").press("Enter")
    gain = page.get_by_role("group", name="Gain of bass over time").get_by_role("slider")
    pan = page.get_by_role("group", name="Pan of bass over time").get_by_role("slider")
    add = page.get_by_role("button", name="Add a point at the playhead")
    add.nth(0).press("Enter")
    gain.nth(0).press("PageDown")
    add.nth(1).press("Enter")
    pan.nth(0).press("PageDown")
    later(12)
    add.nth(0).press("Enter")
    for _ in range(2):
        gain.nth(1).press("PageDown")
    gain.nth(0).press("c")  # exponential
    gain.nth(1).press("c")
    gain.nth(1).press("c")  # hold
    later(2)
    add.nth(0).press("Enter")
    gain.nth(2).press("PageUp")
    add.nth(1).press("Enter")
    pan.nth(1).press("PageUp")
    pan.nth(1).press("PageUp")
    for _ in range(2):
        pan.nth(0).press("c")  # exponential is not open through zero: hold, Bézier
    expect(pan.nth(0)).to_have_attribute("aria-valuetext", "−0.2 at 00:00.000, Bézier")
    page.get_by_label("Add a send").select_option("new")
    page.get_by_role("button", name="Bus 1", exact=True).press("Enter")
    panel = page.get_by_role("region", name="Channel")
    panel.get_by_label("Pan", exact=True).fill("0.5")

    expect(page.locator("[data-effects-heard=true]")).to_have_count(1)
    for effect in ("chorus", "delay", "convolution_reverb"):
        panel.get_by_label("Add an effect").select_option(effect)
    expect(panel.locator("[data-space=made]")).to_have_count(1)
    channels.get_by_role("button", name="bass", exact=True).press("Enter")
    for effect in ("compressor", "saturation", "equalizer", "limiter"):
        panel.get_by_label("Add an effect").select_option(effect)
    panel.get_by_role("slider", name="Look-ahead").fill("0.25")
    panel.get_by_label("Steered by").first.select_option(label="drums")
    panel.get_by_role("slider", name="Threshold").fill("0.65")
    panel.get_by_role("slider", name="Band 3 gain").fill("0.7")
    panel.get_by_role("slider", name="Input gain").fill("0.75")
    expect(panel.get_by_text("Heard in the bounce only")).to_have_count(0)
    # At the end of the mix it is held once more, deep enough to be heard.
    channels.get_by_role("button", name="Master", exact=True).press("Enter")
    panel.get_by_role("slider", name="Ceiling").fill("-12")

    clip = page.locator("[data-clip]").nth(1)
    clip.focus()
    keys.press("s")
    second = page.locator("[data-clip]").nth(2)
    second.focus()
    keys.press("ArrowLeft")
    keys.press("ArrowLeft")
    keys.press("[")
    keys.press("[")
    expect(second).to_have_attribute("aria-label", re.compile("comes again every"))

    page.get_by_role("button", name="To the beginning").press("Enter")
    bounced = bounce(visitor)
    page.get_by_role("button", name="Play", exact=True).first.press("Enter")
    # Everything waits for what looks ahead.
    text = page.evaluate(HEAR_PREVIEW, PREVIEW_STARTS_SAMPLES + EFFECTS_LATE_SAMPLES)
    heard = np.frombuffer(base64.b64decode(text), dtype=np.float32).astype(np.float64).reshape(2, -1).T
    page.close()

    want = window_levels_db(bounced)
    here = window_levels_db(heard)
    want, here = want[: len(here)], here[: len(want)]
    loud = (want > AUDIBLE_DBFS) & (np.arange(len(want)) > 0)[:, None]
    worst = float(np.abs(here - want)[loud].max())
    span = float(want[loud].max() - want[loud].min())
    print(f"{loud.sum()} windows over {span:.1f} dB: preview and bounce differ by {worst:.3f} dB at most")
    assert loud.sum() > 80
    assert worst <= 0.1
    # A sample too early or too late would be −28 dB.
    length = min(len(bounced), len(heard))
    off = float(np.square(heard[:length] - bounced[:length]).sum() / np.square(bounced[:length]).sum())
    assert 10 * math.log10(off) < -33
    peaks = [20 * math.log10(float(np.abs(sound[RATE_HZ // 10 :]).max())) for sound in (bounced, heard)]
    print(f"limited to {peaks[0]:.2f} dB by the server, to {peaks[1]:.2f} dB here")
    assert max(peaks) <= -12
    assert min(peaks) > -13


@pytest.mark.slow
def test_points_are_drawn_pulled_and_taken_away_with_the_pointer(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("small march for two flutes", 4)
    member.go(f"/studio/?track={track}")
    page.get_by_role("button", name="Automation of").first.click()
    lane = page.locator("[data-lane]").first
    box = lane.bounding_box()
    assert box is not None
    points = lane.locator("[data-point]")

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + box["width"] * x, box["y"] + box["height"] * y

    page.mouse.click(*at(0.1, 0.5))
    page.mouse.click(*at(0.4, 0.8))
    expect(points).to_have_count(2)
    before = points.nth(1).get_attribute("aria-valuenow")
    page.mouse.move(*at(0.4, 0.8))
    page.mouse.down()
    page.mouse.move(*at(0.45, 0.3), steps=4)
    page.mouse.up()
    expect(points).to_have_count(2)
    assert points.nth(1).get_attribute("aria-valuenow") != before
    points.nth(1).dblclick()
    expect(points).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(points).to_have_count(2)
    page.get_by_role("button", name="Draw with the pencil").click()
    page.mouse.move(*at(0.5, 0.2))
    page.mouse.down()
    page.mouse.move(*at(0.8, 0.9), steps=20)
    page.mouse.up()
    assert points.count() > 4
    page.get_by_role("button", name="Remove all points").click()
    expect(points).to_have_count(0)

    # A clip is pulled along the grid, then its edge and its fade.
    clip = page.locator("[data-clip]").first

    def span() -> tuple[float, float]:
        told = re.search(r"from (\d+):([\d.]+), (\d+):([\d.]+) long", clip.get_attribute("aria-label") or "")
        assert told is not None
        return 60 * int(told[1]) + float(told[2]), 60 * int(told[3]) + float(told[4])

    def pull(where: Callable[[float], float], y: float, by: float) -> None:
        now = clip.bounding_box()
        assert now is not None
        x = now["x"] + where(now["width"])
        page.mouse.move(x, now["y"] + y)
        page.mouse.down()
        page.mouse.move(x + by * now["width"], now["y"] + y, steps=6)
        page.mouse.up()

    start, length = span()
    page.get_by_label("Snap").select_option("bar")
    pull(lambda width: width / 2, 50, 0.6)
    bars = (span()[0] - start) / (240 / member.api(f"/tracks/{track}")["bpm"])
    assert bars == pytest.approx(round(bars), abs=0.01)
    assert round(bars) >= 1
    page.get_by_label("Snap").select_option("free")
    pull(lambda width: width - 3, 20, -1 / 3)
    assert span()[1] == pytest.approx(length * 2 / 3, rel=0.05)
    pull(lambda _: 8, 8, 0.1)
    fade = clip.get_by_role("slider", name="Fade in")
    assert float(fade.get_attribute("aria-valuenow") or 0) == pytest.approx(length * 2 / 30, rel=0.25)
    for _ in range(3):
        page.get_by_role("button", name="Undo").click()
    assert span() == (start, length)


@pytest.mark.slow
def test_reverb_on_a_bus_with_automation_rings_after_the_clip_in_the_bounce(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("short drum and bass loop", 4)
    member.go(f"/studio/?track={track}")
    channels = page.get_by_role("list", name="Channels")
    channels.get_by_role("button", name="Solo").first.click()
    channels.get_by_role("listitem").first.get_by_role("button").first.click()
    page.get_by_label("Add a send").select_option("new")
    channels.get_by_role("button", name="Bus 1", exact=True).click()
    panel = page.get_by_role("region", name="Channel")
    panel.get_by_label("Add an effect").select_option("reverb")
    panel.get_by_role("button", name="Automate Mix").click()
    page.get_by_role("button", name="Add a point at the playhead").click()
    point = page.locator("[data-point]").first
    for _ in range(8):
        point.press("PageUp")
    expect(point).to_have_attribute("aria-valuenow", "1")
    audio = bounce(member)
    clip_ends = round(float(member.api(f"/tracks/{track}")["duration"]) * RATE_HZ)
    tail = audio[clip_ends : clip_ends + RATE_HZ // 4]
    assert len(tail) > RATE_HZ // 8
    assert float(np.sqrt(np.mean(tail**2))) > 1e-4
