"""What to do at a track, or at a link to one, before a picture: master, share, comment, report, picture."""

from __future__ import annotations

from playwright.sync_api import Page

from scripts.studio_pictures.preparations.library import track_menu
from scripts.studio_pictures.preparations.states import reach
from scripts.studio_pictures.world import WORK_MS
from tests.support.platform import ROOT

# What stands for a picture of somebody's own.
PICTURE = ROOT / "docs" / "guides" / "pictures" / "composer-spectrograms.png"


def picturing(page: Page) -> None:
    """A picture that is about to be the track's."""
    buffer = PICTURE.read_bytes()
    page.locator("input[type=file]").set_input_files({"name": "cover.png", "mimeType": "image/png", "buffer": buffer})
    page.get_by_role("dialog").get_by_role("img").wait_for()


def sharing(page: Page) -> None:
    """A link that was just made, and those from before."""
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make a link").click()
    dialog.locator("[data-secret]").wait_for()


def locked(page: Page) -> None:
    """A wrong password at a link that asks for one."""
    page.get_by_label("Password").fill("a guess")
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("main").get_by_role("alert").wait_for()


def notes(page: Page) -> None:
    """The piano roll."""
    reach(page, "Notes")


def talk(page: Page) -> None:
    """What people say, while it plays."""
    page.get_by_role("button", name="Play", exact=True).first.click()
    page.get_by_role("textbox", name="Your comment").fill("The brush on the second bar")
    reach(page, "Comments")


def lineage(page: Page) -> None:
    """Where a track comes from, and what became of it."""
    reach(page, "Versions")


def mastering(page: Page) -> None:
    """What a master should be like."""
    card = page.get_by_role("region", name="Master", exact=True)
    card.get_by_role("button", name="Loudness, ceiling, reference").click()
    reach(page, "Master")


def mastered(page: Page) -> None:
    """A master that was just made, heard against what it was made from."""
    card = page.get_by_role("region", name="Master", exact=True)
    card.get_by_role("button", name="Master it").click()
    card.get_by_role("link", name="Open the master").wait_for(timeout=WORK_MS)
    card.get_by_role("button", name="Compare at equal loudness").first.click()
    page.wait_for_timeout(2500)
    reach(page, "Master")


def reporting(page: Page) -> None:
    """Somebody tells the moderators of a track."""
    track_menu(page)
    page.get_by_role("button", name="Report", exact=True).click()
    page.get_by_role("dialog").wait_for()
