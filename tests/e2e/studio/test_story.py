"""The whole way of somebody new, as they would walk it: from the front door to a song that others love."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.studio.conftest import Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

PROMPT = "rainy-night lofi, dusty piano, 80 bpm"
SECONDS = 120
LONG_WORK_MS = 120_000


def shape_in_the_studio(page: Page) -> None:
    """Move a clip, fade it in, turn it down, and let a channel's gain move over time."""
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    clip = page.locator("[data-clip]").first
    where = clip.get_attribute("aria-label") or ""
    clip.focus()
    page.keyboard.press("ArrowRight")
    expect(clip).not_to_have_attribute("aria-label", where)
    fade = clip.get_by_role("slider", name="Fade in")
    fade.press("ArrowRight")
    expect(fade).to_have_attribute("aria-valuenow", "0.1")
    channels = page.get_by_role("list", name="Channels")
    channels.get_by_role("slider", name="Gain of").nth(1).fill("-6")
    channels.get_by_role("button", name="Automation of").first.click()
    page.get_by_role("button", name="Add a point at the playhead").click()
    point = page.locator("[data-point]").first
    level = point.get_attribute("aria-valuenow") or ""
    point.press("PageDown")
    expect(point).not_to_have_attribute("aria-valuenow", level)


def test_somebody_new_makes_a_song_shapes_masters_and_shares_it_and_others_like_it(
    arrive: Callable[..., Visitor],
) -> None:
    musician = arrive()
    musician.sign_up()
    page = musician.page

    # A prompt; it sounds before it is finished.
    card = musician.make(PROMPT, SECONDS)
    eventually(musician.hears_something, within=60, what="the take while it is made")
    heard_at = datetime.now(UTC)
    card.get_by_role("link", name="Track page").click(timeout=LONG_WORK_MS)
    page.wait_for_url("**/track/?id=*")
    take = page.url.split("id=")[1]
    assert heard_at < datetime.fromisoformat(musician.newest_job()["finished_at"])

    # Its stems become channels, and what is done to them becomes a mix.
    stems = page.get_by_role("region", name="Stems", exact=True).get_by_role("listitem")
    expect(stems.first).to_be_visible()
    parts = stems.count()
    page.get_by_role("link", name="Open in the studio").click()
    expect(page.get_by_role("list", name="Channels").get_by_role("button", name="Solo")).to_have_count(parts)
    shape_in_the_studio(page)
    page.get_by_role("button", name="Bounce").click()
    page.get_by_role("link", name="Open the bounce").click(timeout=LONG_WORK_MS)

    # The mix becomes a master, which is heard against it.
    card = page.get_by_role("region", name="Master", exact=True)
    card.get_by_role("button", name="Master it").click()
    made = card.get_by_role("link", name="Open the master")
    expect(made).to_be_visible(timeout=LONG_WORK_MS)
    card.get_by_role("button", name="Compare at equal loudness").first.click()
    expect(card.get_by_role("meter", name="Momentary")).not_to_have_attribute("aria-valuetext", "nothing heard yet")
    made.click()
    expect(page.get_by_role("region", name="This is a master")).to_be_visible()
    song = page.url.split("id=")[1]

    # The notes of the take go into another program.
    musician.go(f"/track/?id={take}")
    with page.expect_download() as notes:
        page.get_by_role("region", name="Notes").get_by_role("link", name="MIDI").click()
    assert notes.value.path().read_bytes()[:4] == b"MThd"

    # The master gets a name and a tag, and is found by both.
    musician.go(f"/track/?id={song}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Title").fill(f"Rain for {musician.username}")
    page.keyboard.press("Enter")
    page.get_by_role("textbox", name="Add a tag").fill("released")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove the tag released")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Library").first.click()
    rows = page.locator("main ul > li").filter(has=page.get_by_role("link"))
    expect(rows).to_have_count(3)
    page.get_by_role("group", name="Tags").get_by_role("button", name="released").click()
    expect(rows).to_have_count(1)
    page.get_by_role("group", name="Tags").get_by_role("button", name="released").click()
    page.get_by_role("searchbox", name="Search your tracks").fill("Rain for")
    expect(rows).to_have_count(1)
    rows.get_by_role("link", name=f"Rain for {musician.username}").first.click()

    # A friend hears it by its link, without an account.
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog", name="Share")
    dialog.get_by_role("button", name="Make a link").click()
    link = dialog.get_by_role("textbox", name="The link").input_value()
    friend = arrive()
    friend.page.goto(link)
    expect(friend.page.get_by_role("heading", level=1)).to_have_text(f"Rain for {musician.username}")
    friend.page.get_by_role("main").get_by_role("button", name="Play", exact=True).click()
    eventually(friend.hears_something, within=60, what="the song behind the link")
    page.keyboard.press("Escape")

    # It is published; the friend signs up, finds it, likes it, and says so; the musician is told.
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("button", name="Public", exact=True)).to_be_visible()
    friend.sign_up()
    friend.go("/community/")
    friend.page.get_by_role("searchbox", name="Search songs and people").fill(musician.username)
    friend.page.get_by_role("link", name=f"Rain for {musician.username}").last.click()
    friend.page.get_by_role("article").get_by_role("button", name="Like Rain").click()
    friend.page.get_by_role("textbox", name="Your comment").fill("On repeat since the train home")
    friend.page.get_by_role("button", name="Say it").click()
    expect(friend.page.get_by_role("region", name="Comments")).to_contain_text("On repeat")
    page.get_by_role("button", name="Notifications, 2 new").click()
    news = page.get_by_role("group", name="Notifications, 2 new")
    expect(news).to_contain_text(f"{friend.username} likes")
    expect(news).to_contain_text("On repeat since the train home")
    assert musician.complaints == friend.complaints == []
