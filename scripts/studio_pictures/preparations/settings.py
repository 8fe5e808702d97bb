"""What to do in the settings before a picture: keys, webhooks, a second factor, leaving."""

from __future__ import annotations

from playwright.sync_api import Page

from scripts.studio_pictures.preparations.states import reach
from scripts.studio_pictures.world import PASSWORD


def new_key(page: Page) -> None:
    """A key that is about to be made."""
    page.get_by_role("button", name="New key").click()
    reach(page, "API keys")


def key_made(page: Page) -> None:
    """A key, shown this once."""
    new_key(page)
    page.get_by_label("What it is for").fill("Radio bot")
    page.get_by_role("button", name="Make the key").click()
    page.locator("[data-secret]").wait_for()
    reach(page, "API keys")


def hooking(page: Page) -> None:
    """A webhook that is being made, and an address that will not do."""
    region = page.get_by_role("region", name="Webhooks")
    region.get_by_role("button", name="New webhook").click()
    region.get_by_label("Address").fill("http://127.0.0.1/inside")
    region.get_by_role("button", name="Make the webhook").click()
    region.get_by_role("alert").wait_for()
    reach(page, "Webhooks")


def second_factor(page: Page) -> None:
    """The picture for the authenticator app."""
    page.get_by_role("button", name="Set up").click()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("img", name="QR code").wait_for()
    reach(page, "Security")


def leaving(page: Page) -> None:
    """The question before an account goes."""
    page.get_by_role("button", name="Delete the account").click()
    page.get_by_role("dialog").wait_for()
