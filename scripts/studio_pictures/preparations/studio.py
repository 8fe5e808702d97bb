"""What to do in the studio before a picture: open stems, add effects and automation, save versions, bounce."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from scripts.studio_pictures.world import WORK_MS


def opened(page: Page) -> None:
    """The stems are there as channels."""
    page.locator("[data-clip]").first.wait_for()
    page.get_by_text("Loading stems").wait_for(state="detached")


def editing(page: Page) -> None:
    """A channel with an effect, while it plays."""
    opened(page)
    page.get_by_role("list", name="Channels").get_by_role("listitem").first.get_by_role("button").first.click()
    page.get_by_label("Add an effect").select_option("compressor")
    page.get_by_role("button", name="Play", exact=True).first.click()
    page.wait_for_timeout(2500)


def automating(page: Page) -> None:
    """A bus with a reverb, a channel that sends to it, and a gain that moves."""
    opened(page)
    page.get_by_role("list", name="Channels").get_by_role("listitem").first.get_by_role("button").first.click()
    page.get_by_label("Add a send").select_option("new")
    page.get_by_role("button", name="Automation of").first.click()
    timeline = page.get_by_role("group", name="Timeline")
    add = page.get_by_role("button", name="Add a point at the playhead").first
    for number in range(4):
        add.press("Enter")
        point = page.locator("[data-point]").nth(number)
        for _ in range(2 + number % 3):
            point.press("PageDown" if number % 2 else "PageUp")
        for _ in range(9):
            timeline.press("ArrowRight")
    page.get_by_label("Add an effect").select_option("equalizer")


def versions(page: Page) -> None:
    """Two versions of a mix, and what has changed since."""
    opened(page)
    mute = page.get_by_role("list", name="Channels").get_by_role("button", name=re.compile("^Mute")).first
    panel = page.get_by_role("region", name="Versions")
    page.keyboard.press("Control+s")
    for note in ("as it came", "without the drums"):
        panel.get_by_label("What is new in it?").fill(note)
        panel.get_by_role("button", name=re.compile("^Save (a|the first) version$")).click()
        panel.get_by_text(re.compile("^As saved in version")).wait_for()
        mute.press("Enter")
        panel.get_by_text(re.compile("^Changed since version")).wait_for()


def exporting(page: Page) -> None:
    """A bounce, and the files that it comes in."""
    opened(page)
    page.get_by_role("button", name="Bounce").click()
    page.get_by_role("link", name="Open the bounce").wait_for(timeout=WORK_MS)
    page.get_by_role("button", name="Download the bounce").click()
    page.get_by_role("group", name="Download the bounce").get_by_role("link").first.wait_for()
