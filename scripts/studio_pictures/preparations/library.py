"""What to do in the library and its trash before a picture: narrow, choose, move, tag, upload, throw away."""

from __future__ import annotations

import re

from playwright.sync_api import Page


def filters(page: Page) -> None:
    """What narrows the library; a phone keeps it behind a button."""
    page.locator("main li").first.wait_for()
    button = page.get_by_role("button", name=re.compile("^Filter"))
    if button.is_visible():
        button.click()


def grid(page: Page) -> None:
    """The library as covers."""
    filters(page)
    page.get_by_role("button", name="Grid").click()


def nothing_found(page: Page) -> None:
    """A search that finds nothing."""
    page.get_by_role("searchbox").first.fill("tuba quartet in a lift")
    page.get_by_role("heading", name=re.compile("sounds like that")).wait_for()


def choosing(page: Page) -> None:
    """Tracks that are chosen, with what can be done with all of them."""
    filters(page)
    page.get_by_role("button", name="Choose", exact=True).click()
    for box in page.locator("main li input[type=checkbox]").all()[:3]:
        box.check()


def moving(page: Page) -> None:
    """The projects that chosen tracks may go into."""
    choosing(page)
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("dialog").locator("li").first.wait_for()


def tagging(page: Page) -> None:
    """Words for chosen tracks."""
    choosing(page)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("dialog").wait_for()


def track_menu(page: Page) -> None:
    """What can be done with one track."""
    page.get_by_role("button", name=re.compile("^More for")).first.click()


def into_playlist(page: Page) -> None:
    """The playlists that a track may go into."""
    track_menu(page)
    page.get_by_role("button", name="Add to a playlist").click()
    page.get_by_role("dialog").wait_for()


def bad_file(page: Page) -> None:
    """A file that holds no sound."""
    field = page.get_by_label("Upload", exact=True).first
    field.set_input_files({"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"this is no music at all " * 99})
    page.get_by_text("song.mp3 cannot be used").wait_for()


def binning(page: Page) -> None:
    """A deleted track that is chosen."""
    page.locator("main li input[type=checkbox]").first.check()


def emptying(page: Page) -> None:
    """The question before something goes for good."""
    page.get_by_role("button", name="Empty the trash").click()
