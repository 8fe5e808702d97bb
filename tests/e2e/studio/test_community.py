"""Music among people: published, found, liked, talked about, followed, collected; and kept apart where it has to be."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


@pytest.fixture(scope="module")
def listener(arrive: Callable[..., Visitor]) -> Visitor:
    """A second person, with a browser of their own."""
    visitor = arrive()
    visitor.sign_up()
    return visitor


@pytest.fixture(scope="module")
def song(member: Visitor) -> str:
    """The member's track, still private; its id."""
    return member.finished_track(f"calm piano for {member.username}", 5)


def picture(visitor: Visitor, name: str) -> None:
    """Keep what the page looks like, for whoever set a folder for it."""
    if folder := os.environ.get("STUDIO_PICTURES"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_published_song_is_found_heard_liked_and_talked_about(member: Visitor, listener: Visitor, song: str) -> None:
    listener.go(f"/track/?id={song}")
    expect(listener.page.get_by_role("heading", name="This track is not here")).to_be_visible()

    member.go(f"/track/?id={song}")
    member.page.get_by_role("button", name="Publish", exact=True).click()
    expect(member.page.get_by_role("button", name="Public", exact=True)).to_have_attribute("aria-pressed", "true")
    picture(member, "track-own")

    page = listener.page
    listener.go("/community/")
    page.get_by_role("searchbox", name="Search songs and people").fill(member.username)
    page.get_by_role("link", name=f"Calm piano for {member.username}").last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Calm piano")
    expect(page.get_by_role("button", name="Rename")).to_have_count(0)
    expect(page.get_by_role("button", name="Publish", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Play", exact=True).first.click()
    heart = page.get_by_role("article").get_by_role("button", name="Like Calm piano")
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(heart).to_have_text("1")
    page.get_by_role("textbox", name="Your comment").fill("That last chord <b>hangs</b> beautifully")
    page.get_by_role("button", name="Say it").click()
    comments = page.get_by_role("region", name="Comments")
    expect(comments.get_by_role("listitem")).to_have_count(1)
    expect(comments).to_contain_text("<b>hangs</b>")
    expect(comments.get_by_role("button", name="Listen at 0:0")).to_be_visible()
    picture(listener, "track-of-another")

    # Told at once, without a reload, on whatever page.
    bell = member.page.get_by_role("button", name="Notifications, 2 new")
    bell.click()
    news = member.page.get_by_role("group", name="Notifications, 2 new")
    expect(news).to_contain_text(f"{listener.username} likes")
    expect(news).to_contain_text("That last chord")
    picture(member, "notifications")
    news.get_by_role("button", name="Mark all as read").click()
    expect(member.page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
    assert listener.complaints == member.complaints == []


def test_followed_person_s_song_comes_into_the_feed_and_leaves_it_with_a_block(
    member: Visitor, listener: Visitor, song: str
) -> None:
    page = listener.page
    listener.go(f"/person/?name={member.username}")
    expect(page.get_by_role("heading", level=1)).to_have_text(member.username)
    page.get_by_role("button", name="Follow", exact=True).click()
    expect(page.get_by_role("tab", name="1 follower")).to_be_visible()
    picture(listener, "person")
    page.get_by_role("tab", name="1 follower").click()
    expect(page.get_by_role("tabpanel")).to_contain_text(f"@{listener.username}")

    listener.go("/community/")
    picture(listener, "community")
    page.get_by_role("tab", name="Following").click()
    expect(page.get_by_role("tabpanel").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("tab", name="Following").press("ArrowRight")
    expect(page.get_by_role("tab", name="Liked")).to_be_focused()
    expect(page.get_by_role("tabpanel").get_by_role("listitem")).to_have_count(1)

    listener.go(f"/person/?name={member.username}")
    page.get_by_role("button", name=f"More for {member.username}").click()
    page.get_by_role("button", name="Block", exact=True).click()
    expect(page.get_by_text(f"{member.username} is blocked")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(f"You have blocked {member.username}")).to_have_count(0)


def test_songs_are_collected_put_in_order_and_the_list_is_shared(member: Visitor, listener: Visitor, song: str) -> None:
    page = member.page
    second = member.finished_track("slow blues", 5)
    member.go("/library/")
    for title in ("Calm piano", "Slow blues"):
        row = page.locator("main").get_by_role("listitem").filter(has_text=title)
        row.get_by_role("button", name=f"More for {title}").click()
        row.get_by_role("button", name="Add to a playlist").click()
        dialog = page.get_by_role("dialog")
        if title == "Calm piano":
            dialog.get_by_role("textbox", name="Name of a new playlist").fill("Evenings")
            dialog.get_by_role("button", name="Make it").click()
        else:
            dialog.get_by_role("button", name="Evenings").click()
        expect(page.get_by_text("Added to “Evenings”").first).to_be_visible()
        expect(dialog).to_have_count(0)
    page.get_by_role("main").get_by_role("link", name="Playlists").click()
    page.get_by_role("link", name="Evenings").click()
    lines = page.locator("ol").get_by_role("listitem")
    expect(lines).to_have_count(2)
    page.get_by_role("button", name="Move Slow blues up").click()
    expect(lines.first).to_contain_text("Slow blues")
    page.get_by_role("button", name="Private", exact=True).click()
    expect(page.get_by_role("button", name="Public", exact=True)).to_be_visible()
    picture(member, "playlist")

    listener.go(page.url.removeprefix(member.platform.url))
    expect(listener.page.get_by_role("heading", level=1)).to_have_text("Evenings")
    # The other one was not published.
    expect(listener.page.locator("ol").get_by_role("listitem")).to_have_count(1)
    expect(listener.page.get_by_role("button", name="Delete playlist")).to_have_count(0)

    page.get_by_role("button", name="Delete playlist").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete playlist").click()
    page.wait_for_url("**/playlists/")
    expect(page.get_by_text("No playlists yet")).to_be_visible()
    assert member.api(f"/tracks/{second}")["title"] == "Slow blues"
    assert member.complaints == []
