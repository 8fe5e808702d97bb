"""How every page is brought to wait, to fail and to be offline, and how a part of one comes into view."""

from __future__ import annotations

import re

from playwright.sync_api import Page

NEVER = """
const ask = window.fetch;
window.fetch = (request, ...rest) =>
  String(request.url ?? request).endsWith("/users/me") ? ask(request, ...rest) : new Promise(() => undefined);
"""
BROKEN = {"type": "/problems/internal", "title": "Internal", "status": 500, "detail": "", "errors": []}


def unanswered(page: Page) -> None:
    """Everything but who one is takes for ever."""
    page.add_init_script(NEVER)


def refused(page: Page) -> None:
    """The server breaks on everything but who one is."""
    page.route("**/api/v1/**", lambda route: route.fulfill(status=500, json=BROKEN))
    page.route("**/api/v1/users/me", lambda route: route.continue_())


def told(page: Page) -> None:
    """The page says that something could not be had."""
    page.get_by_role("alert").filter(has_text=re.compile(r"\S")).first.wait_for()


def cut_off(page: Page) -> None:
    """The connection goes while the page is open, and something is asked for."""
    page.context.set_offline(True)
    page.get_by_text("You are offline.").wait_for()


def reach(page: Page, name: str) -> None:
    """Bring a part of the page into view, its heading on top."""
    region = page.get_by_role("region", name=name, exact=True)
    region.wait_for()
    region.evaluate("(part) => scrollTo(0, part.getBoundingClientRect().top + scrollY - 90)")
