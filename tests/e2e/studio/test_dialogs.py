"""Every dialog by keys alone: it takes the focus and holds it, Escape closes it, and one is back where one was."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor
from tests.e2e.studio.keys import Keys
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


def test_webhook_is_made_tested_renewed_and_deleted(member: Visitor) -> None:
    page, keys = member.page, Keys(member.page)
    member.go("/settings/")
    webhooks = page.get_by_role("region", name="Webhooks")
    keys.write(keys.form(webhooks, "New webhook", "Address"), "https://hooks.invalid/by-keys", "Enter")
    expect(webhooks.locator("[data-secret]")).to_be_visible()
    expect(webhooks.get_by_role("button", name="Copy")).to_be_focused()
    keys.press(webhooks.get_by_role("button", name="I have kept it"))

    hook = webhooks.get_by_role("list", name="Webhooks").get_by_role("listitem").first
    keys.press(hook.get_by_role("button", name="hooks.invalid"))
    test = hook.get_by_role("button", name="Send a test")
    keys.press(test)
    expect(hook.get_by_role("list", name="Messages to")).to_contain_text("webhook.test")
    expect(test).to_be_focused()
    ask = keys.dialog(hook.get_by_role("button", name="New secret"), "Draw a new secret?")
    keys.press(ask.get_by_role("button", name="New secret"))
    expect(webhooks.get_by_role("button", name="Copy")).to_be_focused()
    keys.press(webhooks.get_by_role("button", name="I have kept it"))
    keys.press(hook.get_by_role("button", name="Turn off"))
    expect(hook.get_by_role("button", name="Turn on")).to_be_focused()
    ask = keys.dialog(hook.get_by_role("button", name="Delete", exact=True), "Delete this webhook?")
    keys.press(ask.get_by_role("button", name="Delete"))
    expect(webhooks.get_by_text("No webhooks yet.")).to_be_visible()
    keys.place_is_kept()
    assert member.complaints == []


def test_key_is_made_shown_once_and_revoked(member: Visitor) -> None:
    page, keys = member.page, Keys(member.page)
    member.go("/settings/")
    region = page.get_by_role("region", name="API keys")
    keys.write(keys.form(region, "New key", "What it is for"), "Radio", "Enter")
    expect(region.get_by_role("button", name="Copy")).to_be_focused()
    keys.press(region.get_by_role("button", name="I have kept it"))
    revoke = region.get_by_role("button", name="Revoke the key Radio")
    keys.press(revoke)
    page.keyboard.press("Escape")
    expect(revoke).to_be_focused()
    page.keyboard.press("Enter")
    keys.press(region.get_by_role("button", name="now"))
    expect(region.get_by_text("No keys yet.")).to_be_visible()
    keys.place_is_kept()

    profile = page.get_by_role("region", name="Profile")
    keys.write(profile.get_by_label("Name that others see"), "Keys Alone", "Tab")
    keys.write(profile.get_by_label("About you"), "Never touched a mouse.")
    keys.write(profile.get_by_label("Links"), "http://not.secure", "Tab")
    page.keyboard.press("Enter")
    expect(profile.get_by_role("alert")).to_be_visible()
    keys.write(profile.get_by_label("Links"), "https://keys.example/alone", "Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    keys.press(profile.get_by_role("link", name=member.username), back=True)
    page.wait_for_url("**/person/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("Keys Alone")
    expect(page.get_by_role("main")).to_contain_text("Never touched a mouse.")
    expect(page.get_by_role("link", name="keys.example/alone")).to_be_visible()
    assert member.complaints == []


def test_tracks_are_renamed_put_into_projects_and_changed_together(member: Visitor) -> None:
    page, keys = member.page, Keys(member.page)
    titles = ["Gavotte by keys", "Minuet by keys"]
    track, _ = (member.finished_track(title, 3) for title in titles)
    member.go(f"/track/?id={track}")
    rename = page.get_by_role("button", name="Rename")
    keys.press(rename)
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(rename).to_be_focused()
    page.keyboard.press("Enter")
    keys.write(page.get_by_role("textbox", name="Title"), "Sarabande by keys", "Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sarabande by keys")
    expect(rename).to_be_focused()
    titles[0] = "Sarabande by keys"

    member.go("/library/")
    ask = keys.dialog(page.get_by_role("button", name="New project"), "New project")
    keys.write(ask.get_by_role("textbox"), "Suite", "Enter")
    expect(page.get_by_role("heading", level=2, name="Suite")).to_be_visible()
    keys.place_is_kept()
    rename = page.get_by_role("button", name="Rename the project")
    ask = keys.dialog(rename, "Rename the project")
    keys.write(ask.get_by_role("textbox"), "French suite", "Enter")
    expect(page.get_by_role("heading", level=2, name="French suite")).to_be_visible()
    expect(rename).to_be_focused()

    keys.press(page.get_by_role("link", name="All tracks", exact=True), back=True)
    keys.press(page.get_by_role("button", name="Choose", exact=True))
    for title in titles:
        keys.press(page.get_by_role("checkbox", name=f"Choose {title}"), "Space", back=title == titles[0])
    chosen = page.get_by_role("group", name="2 tracks chosen")
    ask = keys.dialog(chosen.get_by_role("button", name="Tag"), "Tag 2 tracks", back=True)
    page.keyboard.press("Escape")
    ask = keys.dialog(chosen.get_by_role("button", name="Move"), "Move 2 tracks", back=True)
    keys.press(ask.get_by_role("button", name="French suite"))
    expect(page.get_by_role("link", name="French suite 2")).to_be_visible()
    keys.place_is_kept()
    keys.press(page.get_by_role("link", name="French suite"), back=True)
    expect(page.get_by_role("heading", level=2, name="French suite")).to_be_visible()
    keys.press(page.get_by_role("button", name="Choose", exact=True))
    keys.press(page.get_by_role("button", name="Choose all"))
    keys.press(page.get_by_role("group", name="2 tracks chosen").get_by_role("button", name="Publish"))
    expect(page.get_by_text("2 tracks published")).to_be_visible()
    keys.place_is_kept()

    more = page.get_by_role("button", name=f"More for {titles[0]}")
    keys.press(more)
    keys.dialog(page.get_by_role("button", name="Share", exact=True), f"Share “{titles[0]}”", back_to=more)
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    keys.press(page.get_by_role("button", name="Delete the project"), back=True)
    expect(page.get_by_role("link", name="French suite")).to_have_count(0)
    keys.press(page.locator("[data-sonner-toast][data-front=true]").get_by_role("button", name="Undo"), back=True)
    expect(page.get_by_role("heading", level=2, name="French suite")).to_be_visible()
    assert member.complaints == []


def test_versions_of_a_track_are_seen_and_reached_from_the_library(member: Visitor) -> None:
    page, keys = member.page, Keys(member.page)
    track = member.finished_track("Bourrée by keys", 3)
    member.send("POST", f"/tracks/{track}/remix", {})
    remix = eventually(
        lambda: (job := member.newest_job())["status"] == "succeeded" and job["result"]["track_ids"][0],
        within=90,
        what="the remix",
    )
    member.go("/library/")
    more = page.get_by_role("button", name="More for Bourrée by keys", exact=True)
    keys.press(more)
    opener = page.get_by_role("button", name="Versions")
    tree = keys.dialog(opener, "Versions of “Bourrée by keys”", back_to=more)
    expect(tree.get_by_role("listitem")).to_have_count(2)
    expect(tree.locator("li > [aria-current=true]")).to_contain_text("this one")
    keys.press(tree.get_by_role("link", name="Bourrée by keys (remix)"))
    page.wait_for_url(f"**/track/?id={remix}")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert member.complaints == []


def test_playlist_is_made_renamed_shared_and_deleted(member: Visitor) -> None:
    page, keys = member.page, Keys(member.page)
    member.go("/playlists/")
    keys.write(page.get_by_role("textbox", name="Name of a new playlist"), "Mornings by keys", "Enter")
    keys.press(page.get_by_role("link", name="Mornings by keys"))
    edit = page.get_by_role("button", name="Rename playlist")
    ask = keys.dialog(edit, "Rename playlist")
    keys.write(ask.get_by_label("What it is for"), "Coffee first.")
    keys.to(ask.get_by_label("Name"), back=True)
    keys.write(ask.get_by_label("Name"), "Evenings by keys", "Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Evenings by keys")
    expect(page.get_by_role("main")).to_contain_text("Coffee first.")
    expect(edit).to_be_focused()
    people = page.get_by_role("button", name=re.compile("^Invite people"))
    keys.to(people, back=True)
    keys.dialog(people, "Who is in")
    page.keyboard.press("Escape")
    expect(people).to_be_focused()
    ask = keys.dialog(page.get_by_role("button", name="Delete playlist"), "Delete playlist")
    keys.press(ask.get_by_role("button", name="Delete playlist"))
    page.wait_for_url("**/playlists/")
    expect(page.get_by_role("link", name="Evenings by keys")).to_have_count(0)
    assert member.complaints == []


def test_news_are_read_back_to_the_oldest(member: Visitor, arrive: Callable[..., Visitor]) -> None:
    track = member.finished_track("Gigue by keys", 3)
    member.send("PATCH", f"/tracks/{track}", {"public": True})
    listener = arrive()
    listener.sign_up()
    for number in range(22):
        listener.send("POST", f"/tracks/{track}/comments", {"body": f"bar {number}", "position": None})
    page, keys = member.page, Keys(member.page)
    member.go("/playlists/")
    keys.press(page.get_by_role("button", name="Notifications, 22 new"))
    news = page.get_by_role("group", name="Notifications, 22 new")
    expect(news.get_by_role("listitem")).to_have_count(20)
    keys.press(news.get_by_role("button", name="Older ones"))
    expect(news.get_by_role("listitem")).to_have_count(22)
    expect(news.get_by_role("listitem").last).to_contain_text("bar 0")
    keys.place_is_kept()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Notifications, 22 new")).to_be_focused()
    assert member.complaints == []


def test_door_leads_back_to_the_page_that_was_wanted(member: Visitor, arrive: Callable[..., Visitor]) -> None:
    wanted = f"/person/?name={member.username}"
    visitor = arrive()
    visitor.go(wanted)
    main = visitor.page.get_by_role("main")
    keys = Keys(visitor.page)
    keys.press(main.get_by_role("link", name="Sign in"))
    visitor.page.wait_for_url("**/sign-in/**")
    keys.press(main.get_by_role("link", name="Create account"))
    visitor.page.wait_for_url("**/sign-up/**")
    keys.write(visitor.page.get_by_label("Username"), visitor.username)
    keys.write(visitor.page.get_by_label("E-mail"), f"{visitor.username}@example.com")
    keys.write(visitor.page.get_by_label("Password"), "correct horse battery", "Enter")
    visitor.page.wait_for_url(f"**{wanted}")
