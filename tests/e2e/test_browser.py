"""Chromium plays each live format while the job still runs."""

import pytest

from tests.support.chromium import CHROMIUM, FLAGS
from tests.support.platform import Caller, Platform

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


PLAY = """async (source) => {
  const audio = new Audio(source);
  await audio.play();
  const deadline = performance.now() + 15000;
  const waiting = () => audio.currentTime < 1 && !audio.error && performance.now() < deadline;
  while (waiting()) await new Promise(resolve => setTimeout(resolve, 50));
  const result = {time: audio.currentTime, error: audio.error && audio.error.message, ended: audio.ended};
  audio.pause(); audio.src = "";
  return result;
}"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt install chromium)")
@pytest.mark.parametrize("audio_format", ["wav", "mp3", "opus"])
def test_chromium_plays_the_song_in_mid_job(platform: Platform, musician: Caller, audio_format: str) -> None:
    from playwright.sync_api import sync_playwright

    job = musician.generate("a tone", model="tone", duration=120, spec={"speed": 4})
    source = f"{platform.url}{musician.job(job['id'])['links']['stream']}&format={audio_format}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(f"{platform.url}/docs")
        played = page.evaluate(PLAY, source)
        browser.close()
    status = musician.job(job["id"])["status"]
    musician.call("POST", f"/jobs/{job['id']}/cancel")
    assert played["error"] is None, played
    assert played["time"] >= 1
    assert status == "running"
