"""What to do where the platform is run before a picture: an account, a model, a report."""

from __future__ import annotations

import re

from playwright.sync_api import Page


def administering(page: Page) -> None:
    """One account, opened."""
    page.get_by_role("button", name=re.compile("^mira")).click()
    page.get_by_role("button", name="Suspend").wait_for()
    page.get_by_role("list", name="Work").get_by_role("listitem").first.wait_for()


def installing(page: Page) -> None:
    """What a model brings with it, before it is installed."""
    page.get_by_role("button", name=re.compile("^Install ")).first.click()
    page.get_by_role("dialog").wait_for()


def taking_down(page: Page) -> None:
    """A decision that is asked for."""
    page.get_by_role("button", name="Take it down").first.click()
    page.get_by_role("dialog").wait_for()
