"""What to do among people and playlists before a picture: tabs, a search, an invitation."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page


def shown_tab(name: str) -> Callable[[Page], None]:
    """Show one of the page's tabs."""

    def show(page: Page) -> None:
        page.get_by_role("tab", name=re.compile(name)).click()
        page.get_by_role("tabpanel").locator("li, h2, p").first.wait_for()

    return show


def found(page: Page) -> None:
    """Songs and people that have a word."""
    page.get_by_role("searchbox", name="Search songs and people").fill("jonas")
    page.get_by_role("heading", name="People").wait_for()


def inviting(page: Page) -> None:
    """Who is in a playlist."""
    page.get_by_role("button", name="Invite people").click()
    page.get_by_role("dialog").locator("li").first.wait_for()


def renaming(page: Page) -> None:
    """What a playlist is called, and what it is for."""
    page.get_by_role("button", name="Rename playlist").click()
    page.get_by_role("dialog").get_by_label("What it is for").fill("For when the light goes, and the neighbours sing.")


def asked_to_delete_list(page: Page) -> None:
    """The question before a playlist goes."""
    page.get_by_role("button", name="Delete playlist").click()
    page.get_by_role("dialog").wait_for()
