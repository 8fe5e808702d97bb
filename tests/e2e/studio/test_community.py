"""Music among people: published, found, liked, talked about, followed, collected; and kept apart where it has to be."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PUBLISH = """(song) => fetch(`/api/v1/tracks/${song}`, {
  method: "PATCH",
  body: JSON.stringify({public: true}),
  headers: {
    "Content-Type": "application/json",
    "X-CSRF-Token": decodeURIComponent(document.cookie.match(/musicgen_csrf=([^;]+)/)[1]),
  },
}).then((answer) => answer.status)"""
STATUS = "(file) => fetch(file, {cache: 'no-store'}).then((answer) => answer.status)"


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
    expect(page.get_by_role("region", name="People").get_by_role("link", name=member.username).first).to_be_visible()
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
    # What is said of all of it stands in the list, too; along the track stands what is said of a second.
    comments.get_by_role("checkbox").uncheck()
    page.get_by_role("textbox", name="Your comment").fill("I hum it all day")
    page.get_by_role("button", name="Say it").click()
    expect(comments.get_by_role("list").last.get_by_role("listitem")).to_have_count(2)
    expect(comments).to_contain_text("I hum it all day")
    pin = page.get_by_role("list", name="Comments along the track").get_by_role("button")
    expect(pin).to_have_accessible_name(re.compile(r"at 0:0\d: That last chord"))
    picture(listener, "track-of-another")

    # Told at once, without a reload, on whatever page.
    bell = member.page.get_by_role("button", name="Notifications, 3 new")
    bell.click()
    news = member.page.get_by_role("group", name="Notifications, 3 new")
    expect(news).to_contain_text(f"{listener.username} likes")
    expect(news).to_contain_text("That last chord")
    picture(member, "notifications")
    news.get_by_role("button", name="Mark all as read").click()
    expect(member.page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
    assert listener.complaints == member.complaints == []


def test_song_is_heard_by_its_link_until_the_link_is_ended(
    member: Visitor, arrive: Callable[..., Visitor], song: str
) -> None:
    page = member.page
    member.go(f"/track/?id={song}")
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog", name="Share")
    expect(dialog).to_contain_text("No links yet.")
    dialog.get_by_label("Works for").select_option("week")
    dialog.get_by_label("Password, if you like").fill("only for the band")
    dialog.get_by_role("button", name="Make a link").click()
    link = dialog.get_by_role("textbox", name="The link").input_value()
    expect(dialog.get_by_role("listitem")).to_contain_text("never opened · with a password")
    picture(member, "share-dialog")

    stranger = arrive()
    stranger.page.goto(link)
    password = stranger.page.get_by_label("Password")
    password.fill("only for the cat")
    stranger.page.get_by_role("button", name="Listen").click()
    expect(stranger.page.get_by_role("main").get_by_role("alert")).to_contain_text("That is not it.")
    picture(stranger, "shared-password")
    password.fill("only for the band")
    stranger.page.get_by_role("button", name="Listen").click()
    expect(stranger.page.get_by_role("heading", level=1)).to_contain_text("Calm piano")
    stranger.page.get_by_role("main").get_by_role("button", name="Play", exact=True).click()
    eventually(stranger.hears_something, within=30, what="the shared song")
    cover = stranger.page.get_by_role("img", name=f"Cover of “Calm piano for {member.username}”")
    eventually(lambda: cover.evaluate("(image) => image.naturalWidth ?? 0") > 0, within=60, what="the song's cover")
    assert "/api/v1/shared/" in cover.evaluate("(image) => image.currentSrc")
    picture(stranger, "shared")
    file = stranger.page.get_by_role("link", name="FLAC").get_attribute("href")
    assert stranger.page.evaluate(STATUS, file) == 200
    # The token stands behind the # and in one body: no address that was asked for holds it.
    token = link.partition("token=")[2]
    assert token.startswith("mgs_")
    asked = stranger.page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert not [address for address in asked if token in address]

    dialog.get_by_role("button", name="End the link").click()
    dialog.get_by_role("button", name="End it now").click()
    expect(dialog).to_contain_text("No links yet.")
    stranger.page.reload()
    expect(stranger.page.get_by_role("heading", name="This link leads nowhere any more")).to_be_visible()
    assert stranger.page.evaluate(STATUS, file) == 404
    assert stranger.complaints == member.complaints == []


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


@pytest.mark.slow
def test_reported_song_is_taken_down_and_shown_again(
    member: Visitor, listener: Visitor, administrator: Visitor, song: str
) -> None:
    assert member.page.evaluate(PUBLISH, song) == 200
    page = listener.page
    listener.go(f"/track/?id={song}")
    page.get_by_role("button", name="More for Calm piano").click()
    page.get_by_role("button", name="Report", exact=True).click()
    dialog = page.get_by_role("dialog", name="Report")
    dialog.get_by_label("What is wrong").select_option("copyright")
    dialog.get_by_label("What else they should know").fill("Bar 3 is mine <i>entirely</i>")
    dialog.get_by_role("button", name="Send the report").click()
    expect(page.get_by_text("Moderators know of it now.")).to_be_visible()
    listener.go("/moderation/")
    expect(page.get_by_role("heading", name="Only moderators get in here")).to_be_visible()

    moderator = administrator
    moderator.page.get_by_role("button", name="Account of").click()
    moderator.page.get_by_role("link", name="Moderation").click()
    report = moderator.page.get_by_role("listitem").filter(has_text=f"Calm piano for {member.username}")
    expect(report).to_contain_text("Bar 3 is mine <i>entirely</i>")
    picture(moderator, "moderation")
    report.get_by_role("button", name="Take it down").click()
    sure = moderator.page.get_by_role("dialog")
    sure.get_by_label("Why").fill("heard it before")
    picture(moderator, "moderation-asked")
    sure.get_by_role("button", name="Take it down").click()
    expect(report).to_have_count(0)
    listener.go(f"/track/?id={song}")
    expect(page.get_by_role("heading", name="This track is not here")).to_be_visible()
    moderator.page.get_by_role("tab", name="Acted upon").click()
    expect(report).to_contain_text("heard it before")
    report.get_by_role("button", name="Show it again").click()
    expect(report.get_by_role("button", name="Show it again")).to_have_count(0)
    listener.go(f"/track/?id={song}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Calm piano")
    assert moderator.complaints == listener.complaints == []


@pytest.mark.slow
def test_remix_of_a_song_stands_under_it_in_the_tree_of_versions(member: Visitor, listener: Visitor, song: str) -> None:
    assert member.page.evaluate(PUBLISH, song) == 200
    page = listener.page
    listener.go(f"/track/?id={song}")
    page.get_by_role("button", name="More for Calm piano").click()
    page.get_by_role("button", name="Remix", exact=True).click()
    expect(page.get_by_text("A remix of “Calm piano")).to_be_visible()
    made = eventually(
        lambda: (job := listener.newest_job())["status"] == "succeeded" and job["result"]["track_ids"][0],
        within=90,
        what="the remix",
    )
    assert listener.api(f"/tracks/{made}")["relation"] == "remix"
    listener.go(f"/track/?id={made}")
    tree = page.get_by_role("region", name="Versions")
    expect(tree.locator("li li [aria-current=true]")).to_contain_text("Remix")
    expect(tree.get_by_role("listitem")).to_have_count(2)
    picture(listener, "versions")
    # What somebody keeps to themselves stands in nobody else's tree.
    assert [track["id"] for track in member.api(f"/tracks/{song}/versions")["items"]] == [song]
    tree.get_by_role("link", name="Calm piano").first.click()
    page.wait_for_url(f"**id={song}")
    expect(page.get_by_role("region", name="Versions").locator("li > [aria-current=true]").first).to_contain_text(
        "this one"
    )


def test_songs_are_collected_put_in_order_and_the_list_is_shared(member: Visitor, listener: Visitor, song: str) -> None:
    page = member.page
    second = member.finished_track("slow blues", 5)
    member.go("/library/")
    assert page.evaluate(PUBLISH, song) == 200
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

    # Asked in by name, the listener is told, and says yes where the playlist is.
    address = page.url.partition("id=")[2]
    page.get_by_role("button", name="Invite people").click()
    dialog = page.get_by_role("dialog", name="Who is in")
    dialog.get_by_label("Username").fill("nobody-of-this-name")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Nobody here has this name")
    dialog.get_by_label("Username").fill(f"@{listener.username}")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("listitem")).to_contain_text("Asked, has not answered yet")
    dialog.get_by_role("checkbox", name="Members may add songs").check()
    picture(member, "playlist-members")
    listener.go("/community/")
    listener.page.get_by_role("button", name=re.compile("^Notifications")).click()
    news = listener.page.get_by_role("group", name=re.compile("^Notifications"))
    news.get_by_role("link", name=re.compile("Evenings")).click()
    listener.page.wait_for_url(f"**/playlist/?id={address}")
    listener.page.get_by_role("button", name="Join").click()
    expect(listener.page.get_by_text("“Evenings” is among your playlists now")).to_be_visible()
    joined = listener.api(f"/playlists/{address}")
    assert (joined["role"], joined["collaborative"]) == ("member", True)

    # Let go, called back by the undo, and gone by their own will.
    remove = dialog.get_by_role("button", name=f"Let {listener.username} go")
    remove.click()
    expect(remove).to_have_count(0)
    dialog.get_by_role("button", name=f"Keep {listener.username} in").click()
    expect(remove).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    listener.page.get_by_role("button", name="Who is in").click()
    listener.page.get_by_role("dialog").get_by_role("button", name="Leave the playlist").click()
    listener.page.wait_for_url("**/playlists/")
    assert member.api(f"/playlists/{address}/members")["items"] == []

    page.get_by_role("button", name="Delete playlist").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete playlist").click()
    page.wait_for_url("**/playlists/")
    expect(page.get_by_text("No playlists yet")).to_be_visible()
    assert member.api(f"/tracks/{second}")["title"] == "Slow blues"
    assert member.complaints == []
