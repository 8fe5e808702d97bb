"""What to do with what stands round every page before a picture: the player, its queue, search, news, the account."""

from __future__ import annotations

import re

from playwright.sync_api import Page


def playing(page: Page) -> None:
    """Something is on."""
    page.locator("main button[aria-label^='Play']").first.click()
    page.wait_for_timeout(2500)


def queue(page: Page) -> None:
    """What plays next."""
    playing(page)
    page.get_by_role("button", name="Queue").click()


def palette(page: Page) -> None:
    """The search over everything."""
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("combobox").wait_for()


def account_menu(page: Page) -> None:
    """Who is signed in."""
    page.get_by_role("button", name=re.compile("^Account of")).click()


def news(page: Page) -> None:
    """What others did with one's music."""
    page.get_by_role("button", name=re.compile("^Notifications")).click()
    news_of = page.get_by_role("group", name=re.compile("^Notifications"))
    news_of.get_by_text(re.compile("follows you|you read")).first.wait_for()
