"""The ways through the studio by keys alone, with motion reduced: every step can be taken, is seen, keeps its place."""

import re
import time
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.studio.conftest import PASSWORD, Visitor
from tests.e2e.studio.keys import Keys
from tests.support.authenticator import code_at
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

LONG_WORK_MS = 120_000


def test_account_is_made_and_a_take_made_and_heard(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    page, keys = visitor.page, Keys(visitor.page)
    visitor.go("/")
    keys.press(page.get_by_role("link", name="Create account").first)
    page.wait_for_url("**/sign-up/")
    keys.write(page.get_by_label("Username"), visitor.username)
    keys.write(page.get_by_label("E-mail"), f"{visitor.username}@example.com")
    keys.write(page.get_by_label("Password"), PASSWORD, "Enter")
    page.wait_for_url("**/create/")
    keys.choose(page.locator("form select").first, "0:15")
    keys.write(page.locator("#prompt"), "brisk polka by keys", "Enter")
    card = visitor.card("brisk polka")
    play = card.get_by_role("button", name=re.compile("^Play|^Pause"))
    eventually(visitor.hears_something, within=60, what="the take")
    keys.press(play)
    expect(play).to_have_accessible_name(re.compile("^Play"))
    page.keyboard.press("Enter")
    expect(play).to_have_accessible_name(re.compile("^Pause"))
    expect(card.get_by_role("link", name="Track page")).to_be_visible(timeout=LONG_WORK_MS)
    keys.place_is_kept()
    keys.press(card.get_by_role("link", name="Track page"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Brisk polka by keys")
    keys.place_is_kept()
    assert visitor.complaints == []


def test_mix_is_shaped_bounced_and_downloaded(member: Visitor) -> None:
    page, keys = member.page, Keys(member.page)
    track = member.finished_track("synthwave by keys", 8)
    member.go(f"/track/?id={track}")
    keys.press(page.get_by_role("link", name="Open in the studio"))
    expect(page.get_by_text("Loading stems")).to_have_count(0)
    channels = page.get_by_role("list", name="Channels")
    panel = page.get_by_role("region", name="Channel")
    keys.press(channels.get_by_role("button", name="drums", exact=True))
    keys.press(channels.get_by_role("button", name="Automation of drums"))
    gain = channels.get_by_label("Gain of bass")
    before = gain.input_value()
    keys.press(gain, "ArrowLeft", "ArrowLeft")
    assert gain.input_value() != before

    keys.press(page.get_by_role("button", name="Add a point at the playhead"))
    point = page.locator("[data-point]").first
    level = point.get_attribute("aria-valuenow") or ""
    keys.press(point, "PageDown")
    expect(point).not_to_have_attribute("aria-valuenow", level)
    keys.press(point, "Delete")
    expect(page.locator("[data-point]")).to_have_count(0)

    clips = page.locator("[data-clip]")
    count = clips.count()
    clip = clips.nth(1)
    keys.press(page.get_by_role("group", name="Timeline"), *["ArrowRight"] * 4)
    told = clip.get_attribute("aria-label") or ""
    keys.press(clip, "ArrowRight", "Shift+ArrowLeft", "Alt+ArrowRight")
    expect(clip).not_to_have_attribute("aria-label", told)
    keys.press(clip.get_by_role("slider", name="Fade in"), "ArrowRight")
    expect(clip.get_by_role("slider", name="Fade in")).to_have_attribute("aria-valuenow", "0.1")
    keys.press(clip, "s", back=True)
    expect(clips).to_have_count(count + 1)
    keys.press(clips.nth(2), "Delete")
    expect(clips).to_have_count(count)

    keys.choose(panel.get_by_label("Add an effect"), "Reverb")
    expect(panel.get_by_role("button", name="Remove Reverb")).to_have_count(1)
    keys.press(panel.get_by_role("button", name="Remove Reverb"))
    keys.press(page.get_by_role("button", name="Undo"))
    keys.choose(panel.get_by_label("Add a send"), "A new bus")
    keys.press(panel.get_by_role("button", name="Remove the send to Bus 1"))

    keys.press(page.get_by_role("button", name="Bounce"))
    expect(page.get_by_role("link", name="Open the bounce")).to_be_visible(timeout=LONG_WORK_MS)
    keys.press(page.get_by_role("button", name="Download the bounce"))
    files = page.get_by_role("group", name="Download the bounce").get_by_role("link")
    keys.to(files.nth(1))
    page.keyboard.press("Escape")
    keys.place_is_kept()
    keys.press(page.get_by_role("link", name="Open the bounce"))
    page.wait_for_url("**/track/?id=*")
    keys.place_is_kept()
    assert member.complaints == []


def test_track_is_mastered_published_shared_talked_about_and_put_in_order(member: Visitor) -> None:
    page, keys = member.page, Keys(member.page)
    titles = ["Waltz by keys", "March by keys"]
    track, _ = (member.finished_track(title, 4) for title in titles)
    member.go(f"/track/?id={track}")
    card = page.get_by_role("region", name="Master", exact=True)
    keys.press(card.get_by_role("button", name="Master it"))
    expect(card.get_by_role("link", name="Open the master")).to_be_visible(timeout=LONG_WORK_MS)
    keys.press(card.get_by_role("button", name="Compare at equal loudness").first)
    meter = card.get_by_role("meter", name="Momentary")
    expect(meter).not_to_have_attribute("aria-valuetext", "nothing heard yet")
    keys.press(page.get_by_role("button", name="Publish", exact=True))
    expect(page.get_by_role("button", name="Public", exact=True)).to_be_visible()
    keys.press(page.get_by_role("button", name="Share", exact=True))
    dialog = page.get_by_role("dialog", name="Share")
    keys.press(dialog.get_by_role("button", name="Make a link"))
    expect(dialog.get_by_role("textbox", name="The link")).to_be_visible()
    keys.press(dialog.get_by_role("button", name=re.compile("^End the link")))
    keys.press(dialog.get_by_role("button", name="End it now"))
    expect(dialog).to_contain_text("No links yet.")
    keys.press(dialog.get_by_role("button", name="Close"))
    expect(page.get_by_role("button", name="Share", exact=True)).to_be_focused()
    keys.write(page.get_by_role("textbox", name="Your comment"), "All by keys")
    keys.press(page.get_by_role("button", name="Say it"))
    comments = page.get_by_role("region", name="Comments")
    expect(comments).to_contain_text("All by keys")
    expect(page.get_by_role("textbox", name="Your comment")).to_be_focused()
    keys.press(comments.get_by_role("button", name="Delete the comment of"))
    expect(comments).to_contain_text("Nobody has said anything yet.")
    keys.place_is_kept()

    member.go("/library/")
    for title in titles:
        row = page.locator("main").get_by_role("listitem").filter(has_text=title).last
        keys.press(row.get_by_role("button", name=f"More for {title}"))
        keys.press(page.get_by_role("button", name="Add to a playlist"))
        dialog = page.get_by_role("dialog")
        if title == titles[0]:
            keys.write(dialog.get_by_role("textbox", name="Name of a new playlist"), "By keys", "Enter")
        else:
            keys.press(dialog.get_by_role("button", name="By keys"))
        expect(dialog).to_have_count(0)
        keys.place_is_kept()
    keys.press(page.get_by_role("main").get_by_role("link", name="Playlists"), back=True)
    page.wait_for_url("**/playlists/")
    keys.press(page.get_by_role("link", name="By keys"))
    lines = page.locator("ol").get_by_role("listitem")
    up = page.get_by_role("button", name=f"Move {titles[1]} up")
    keys.press(up)
    expect(lines.first).to_contain_text(titles[1])
    expect(up).to_be_focused()
    expect(up).to_have_attribute("aria-disabled", "true")
    keys.press(page.get_by_role("button", name=f"Take {titles[0]} out"))
    expect(lines).to_have_count(1)
    keys.place_is_kept()
    keys.press(page.get_by_role("button", name="Delete playlist"), back=True)
    keys.press(page.get_by_role("dialog").get_by_role("button", name="Keep it"))
    expect(page.get_by_role("button", name="Delete playlist")).to_be_focused()
    assert member.complaints == []


def test_keys_sessions_and_the_second_factor_are_settled(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    visitor.sign_up()
    page, keys = visitor.page, Keys(visitor.page)
    elsewhere = httpx.post(
        f"{visitor.platform.url}/api/v1/auth/session",
        json={"identifier": visitor.username, "password": PASSWORD},
        headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
    )
    assert elsewhere.status_code < 300, elsewhere.text
    visitor.go("/settings/")
    sessions = page.get_by_role("list", name="Signed in on").get_by_role("listitem")
    expect(sessions).not_to_have_count(0)
    for left in range(sessions.count() - 1, 0, -1):
        keys.press(sessions.get_by_role("button", name="Sign out the device").first)
        expect(sessions).to_have_count(left)
        keys.place_is_kept()

    keys.press(page.get_by_role("button", name="New key"))
    keys.write(page.get_by_label("What it is for"), "Radio")
    keys.press(page.get_by_role("button", name="Make the key"))
    expect(page.locator("[data-secret]")).to_be_visible()
    keys.press(page.get_by_role("button", name="I have kept it"))
    mine = page.get_by_role("list", name="API keys").get_by_role("listitem")
    keys.press(mine.get_by_role("button", name="Revoke the key Radio"), back=True)
    keys.press(mine.get_by_role("button", name="now"))
    expect(page.get_by_text("No keys yet.")).to_be_visible()
    keys.place_is_kept()

    keys.press(page.get_by_role("button", name="Set up"), back=True)
    keys.write(page.get_by_label("Present password"), PASSWORD, "Enter")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    keys.place_is_kept()
    secret = (page.locator("form code").text_content() or "").replace(" ", "")
    keys.write(page.get_by_label("Code", exact=True), code_at(secret, time.time()), "Enter")
    expect(page.get_by_role("list", name="Your recovery codes")).to_be_visible()
    keys.press(page.get_by_role("button", name="I have kept them"))
    expect(page.get_by_text("Two-step sign-in is on")).to_be_visible()
    keys.place_is_kept()
    assert visitor.complaints == []


def test_tracks_are_chosen_tagged_deleted_and_restored(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    visitor.sign_up()
    page, keys = visitor.page, Keys(visitor.page)
    titles = ["Rumba by keys", "Samba by keys", "Tango by keys"]
    for title in titles:
        visitor.finished_track(title, 3)
    visitor.go("/library/")
    rows = page.locator("main").get_by_role("listitem").filter(has_text="by keys")
    expect(rows).to_have_count(3)
    keys.press(page.get_by_role("button", name="Choose", exact=True))
    for title in titles[:2]:
        keys.press(page.get_by_role("checkbox", name=f"Choose {title}"), "Space", back=title == titles[0])
    chosen = page.get_by_role("group", name="2 tracks chosen")
    keys.press(chosen.get_by_role("button", name="Tag"), back=True)
    keys.write(page.get_by_role("dialog").get_by_role("textbox"), "dances", "Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("group", name="Tags").get_by_role("button", name="dances")).to_be_visible()
    keys.place_is_kept()

    keys.press(page.get_by_role("button", name="Choose", exact=True))
    for title in titles[:2]:
        keys.press(page.get_by_role("checkbox", name=f"Choose {title}"), "Space")
    keys.press(page.get_by_role("group", name="2 tracks chosen").get_by_role("button", name="Delete"), back=True)
    expect(rows).to_have_count(1)
    keys.press(page.get_by_role("link", name="Trash"), back=True)
    page.wait_for_url("**/trash/")
    expect(rows).to_have_count(2)
    keys.press(page.get_by_role("button", name="Restore Samba"))
    expect(rows).to_have_count(1)
    keys.place_is_kept()
    keys.press(page.get_by_role("checkbox", name="Choose Rumba"), "Space", back=True)
    keys.press(page.get_by_role("group", name="1 chosen").get_by_role("button", name="Restore"))
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    keys.place_is_kept()
    assert visitor.complaints == []


def test_administrator_suspends_somebody_and_lets_them_in_again(member: Visitor, administrator: Visitor) -> None:
    page, keys = administrator.page, Keys(administrator.page)
    administrator.go("/admin/")
    keys.write(page.get_by_role("searchbox", name="Find by name"), member.username)
    people = page.get_by_role("region", name="People").get_by_role("listitem")
    expect(people).to_have_count(1)
    keys.press(people.get_by_role("button").first)
    keys.press(people.get_by_role("button", name="Suspend"))
    back = people.get_by_role("button", name="Let in again")
    expect(back).to_be_enabled()
    expect(back).to_be_focused()
    page.keyboard.press("Enter")
    suspend = people.get_by_role("button", name="Suspend")
    expect(suspend).to_be_enabled()
    expect(suspend).to_be_focused()
    assert administrator.complaints == []
