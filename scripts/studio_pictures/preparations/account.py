"""What to do at the doors before a picture: a sign-in refused, a name taken, a mail sent, a link spent."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from scripts.studio_pictures.world import PASSWORD


def wrong_password(page: Page) -> None:
    """A password that does not fit."""
    page.get_by_label("Username or e-mail").fill("mira")
    page.get_by_label("Password").fill("not " + PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator("main").get_by_role("alert").wait_for()


def asked_for_code(page: Page) -> None:
    """The second step of signing in, after a code that did not fit."""
    page.get_by_label("Username or e-mail").fill("theo")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code of your authenticator app").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("alert").filter(has_text="did not fit").wait_for()


def refused_account(page: Page) -> None:
    """A name that somebody else has."""
    page.get_by_label("Username").fill("mira")
    page.get_by_label("E-mail").fill("mira@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.locator("main form").get_by_text(re.compile("taken|already|exists", re.IGNORECASE)).first.wait_for()


def mail_sent(page: Page) -> None:
    """A mail with a link is on its way."""
    page.get_by_label("E-mail").fill("mira@example.com")
    page.get_by_role("button", name="Send the link").click()
    page.get_by_text("a mail is on its way").wait_for()


def link_spent(page: Page) -> None:
    """The link of a mail that holds no more."""
    page.locator("main button").first.click()
    page.get_by_role("heading", name="This link is spent").wait_for()


def password_refused(page: Page) -> None:
    """A new password with a link that holds no more."""
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Keep this password").click()
    page.get_by_role("alert").filter(has_text="This link").wait_for()
