"""From a mix to a release: mastering with its report, and what is kept of it."""

import io
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Locator, expect

from tests.e2e.studio.conftest import Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

RATE_HZ = 44_100


def matches(card: Locator) -> list[str]:
    """By how many dB the side that is chosen is played louder or softer, as it is written."""
    return re.findall(r"Played at ([−+\d.]+) dB", card.inner_text())


@pytest.mark.slow
def test_meters_read_a_tone_as_the_standard_has_it(member: Visitor) -> None:
    page = member.page
    seconds = np.arange(6 * RATE_HZ) / RATE_HZ
    tone = 10 ** (-23 / 20) * np.sin(2 * np.pi * 997 * seconds)
    sound = io.BytesIO()
    soundfile.write(sound, np.stack([tone, tone], axis=1), RATE_HZ, format="WAV", subtype="PCM_24")
    member.go("/library/")
    field = page.get_by_label("Upload", exact=True).first
    field.set_input_files({"name": "line-up tone.wav", "mimeType": "audio/wav", "buffer": sound.getvalue()})
    link = page.locator("main").get_by_role("link", name="line-up tone").first
    member.go(f"/studio/?track={(link.get_attribute('href') or '').split('id=')[1]}")
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    page.get_by_role("list", name="Channels").get_by_role("button", name="Master", exact=True).click()
    momentary, short_term, peak, correlation = (
        page.get_by_role("meter", name=name) for name in ("Momentary", "Short-term", "True peak", "Correlation")
    )
    page.get_by_role("button", name="Play", exact=True).first.click()
    # EBU Tech 3341, case 1: −23.0 ± 0.1 LUFS.
    for meter in (momentary, short_term):
        expect(meter).to_have_attribute("aria-valuetext", re.compile(r"^−(22\.9|23\.[01]) LUFS$"))
    expect(peak).to_have_attribute("aria-valuetext", re.compile(r"^−2[23]\.\d dBTP$"))
    expect(correlation).to_have_attribute("aria-valuetext", "+1.00")


def test_master_meets_the_loudness_that_was_asked_for_and_says_what_changed(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("upbeat synthpop, bright and steady", 8)
    member.go(f"/track/?id={track}")
    card = page.get_by_role("region", name="Master")
    card.get_by_role("button", name="Loudness, ceiling, reference").click()
    card.get_by_label("Target loudness").fill("-16")
    card.get_by_label("Ceiling").fill("-2")
    card.get_by_role("button", name="Master it").click()
    link = card.get_by_role("link", name="Open the master")
    expect(link).to_be_visible(timeout=60_000)
    loudness = card.get_by_role("row", name=re.compile("^Loudness"))
    expect(loudness.get_by_role("cell").last).to_have_text(re.compile(r"^−(15\.[6-9]|16\.[0-4]) LUFS$"))
    expect(card.get_by_role("img", name="Level in thirds of an octave")).to_be_visible()
    made = member.api(f"/tracks/{(link.get_attribute('href') or '').split('id=')[1]}")
    assert made["loudness_lufs"] == pytest.approx(-16, abs=0.4)
    assert made["true_peak_dbtp"] <= -1.9

    # What plays is measured as it is, and played at the loudness of the quieter one.
    peak = card.get_by_role("meter", name="True peak")
    expect(peak).to_have_attribute("aria-valuetext", "nothing heard yet")
    card.get_by_role("button", name="Compare at equal loudness").first.click()
    heard = re.compile(r"^−\d+\.\d (LUFS|dBTP)$")
    for meter in ("Momentary", "Short-term", "True peak"):
        expect(card.get_by_role("meter", name=meter)).to_have_attribute("aria-valuetext", heard)
    assert float(peak.get_attribute("aria-valuenow") or 0) <= -1.9
    matched = [float(text.replace("−", "-")) for text in matches(card)]
    before = member.api(f"/tracks/{track}")["loudness_lufs"]
    assert matched == pytest.approx([min(0, before - made["loudness_lufs"])], abs=0.06)
    card.get_by_role("button", name="Before").click()
    expect(card.get_by_role("button", name="Before")).to_have_attribute("aria-pressed", "true")
    expect(card.get_by_role("meter", name="Momentary")).to_have_attribute("aria-valuetext", heard)
    link.click()
    kept = page.get_by_role("region", name="This is a master")
    expect(kept.get_by_role("row", name=re.compile("^True peak"))).to_be_visible()
    eventually(lambda: page.get_by_role("region", name="Master", exact=True).count() == 0, within=60, what="one card")


@pytest.mark.slow
def test_recording_is_taken_apart_and_its_parts_are_mixed_beside_each_other(member: Visitor) -> None:
    page = member.page
    seconds = np.arange(4 * RATE_HZ) / RATE_HZ
    tune = 0.2 * np.sin(2 * np.pi * 330 * seconds) + 0.2 * np.sin(2 * np.pi * 82 * seconds) * (seconds % 0.5 < 0.1)
    sound = io.BytesIO()
    soundfile.write(sound, np.stack([tune, tune], axis=1), RATE_HZ, format="WAV", subtype="PCM_16")
    member.go("/library/")
    field = page.get_by_label("Upload", exact=True).first
    field.set_input_files({"name": "two hands.wav", "mimeType": "audio/wav", "buffer": sound.getvalue()})
    page.locator("main").get_by_role("link", name="two hands").first.click()
    card = page.get_by_role("region", name="Take it apart")
    card.get_by_role("button", name="Separate").click()
    parts = card.get_by_role("link", name="Open the parts in the studio")
    expect(parts).to_be_visible(timeout=120_000)
    page.reload()
    expect(card.get_by_role("button", name="Separate again")).to_be_visible()
    parts.click()
    channels = page.get_by_role("list", name="Channels")
    expect(channels.get_by_role("button", name="Solo vocals")).to_be_visible()
    expect(page.locator("[data-clip]")).to_have_count(2)
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    page.get_by_role("button", name="Play", exact=True).first.click()
    eventually(member.hears_something, within=60, what="the parts together")
    channels.get_by_role("button", name="Mute vocals").click()
    page.get_by_role("button", name="Bounce").click()
    link = page.get_by_role("link", name="Open the bounce")
    expect(link).to_be_visible(timeout=60_000)
    link.click()
    with page.expect_download() as download:
        page.get_by_role("region", name="Download").get_by_role("link", name="FLAC").click()
    audio, _ = soundfile.read(download.value.path())
    assert np.abs(audio).max() > 0.01
    assert len(audio) >= len(tune)


@pytest.mark.slow
def test_master_sounds_like_another_track_when_told_so(member: Visitor) -> None:
    page = member.page
    quiet = member.finished_track("tender solo piano", 6)
    track = member.finished_track("dense drum and bass", 6)
    member.go(f"/track/?id={track}")
    card = page.get_by_role("region", name="Master")
    card.get_by_role("button", name="Loudness, ceiling, reference").click()
    card.get_by_label("Sound like").select_option(quiet)
    card.get_by_label("Made for").select_option("")
    expect(card.get_by_text("Tone and loudness come from the track")).to_be_visible()
    card.get_by_role("button", name="Master it").click()
    link = card.get_by_role("link", name="Open the master")
    expect(link).to_be_visible(timeout=60_000)
    made = member.api(f"/tracks/{(link.get_attribute('href') or '').split('id=')[1]}")
    wanted = member.api(f"/tracks/{quiet}")["loudness_lufs"]
    assert made["spec"]["reference_track_id"] == quiet
    assert made["loudness_lufs"] == pytest.approx(wanted, abs=0.6)
