"""Every way in: an address that is proved by mail, a password that was forgotten, an account of another site."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.studio.conftest import KEEP_ANALYSERS, PASSWORD, PATIENCE_MS, Visitor
from tests.support.oidc_provider import running_oidc_provider
from tests.support.platform import Platform, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]

NEW_PASSWORD = "another horse, another battery"


def link_in_mail(outbox: Path, address: str, page: str) -> str:
    """The newest link to a page of the studio that was sent to somebody; its path."""

    def found() -> str | None:
        for file in sorted(outbox.glob("*.eml"), reverse=True):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            body = mail.get_body(("plain",))
            link = re.search(rf"https?://[^/\s]+(/{page}/\S+)", body.get_content()) if body else None
            if link and address in mail["to"]:
                return link[1]
        return None

    return str(eventually(found, within=60, what=f"a mail that leads to {page}"))


def test_every_way_in_leads_to_the_create_page(
    start_platform: Callable[..., Platform], browser: Browser, tmp_path: Path
) -> None:
    outbox = tmp_path / "outbox"
    with running_oidc_provider() as provider:
        provider.control()
        platform = start_platform(
            MUSICGEN_USER_MANAGEMENT_EMAIL_VERIFICATION="required",
            MUSICGEN_USER_MANAGEMENT_MAIL_DIR=str(outbox),
            MUSICGEN_GATEWAY_OIDC_FILE=str(provider.configuration(tmp_path)),
        )
        expect.set_options(timeout=PATIENCE_MS)
        context = browser.new_context(locale="en-GB", reduced_motion="reduce")
        context.add_init_script(KEEP_ANALYSERS)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(platform, context, page)
        address = f"{visitor.username}@example.com"

        def sign_in(password: str) -> None:
            visitor.go("/sign-in/")
            page.get_by_label("Username or e-mail").fill(visitor.username)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in", exact=True).click()

        visitor.go("/sign-up/")
        page.get_by_label("Username").fill(visitor.username)
        page.get_by_label("E-mail").fill(address)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_text("We sent you a mail.")).to_be_visible()
        sign_in(PASSWORD)
        expect(page.locator("main").get_by_role("alert")).to_be_visible()
        visitor.go(link_in_mail(outbox, address, "verify"))
        page.get_by_role("button", name="Yes, this is my address").click()
        expect(page.get_by_text("Thank you. You can sign in now.")).to_be_visible()
        page.goto("about:blank")
        visitor.go("/verify/#token=made-up")
        page.get_by_role("button", name="Yes, this is my address").click()
        expect(page.get_by_role("heading", name="This link is spent")).to_be_visible()
        sign_in(PASSWORD)
        page.wait_for_url("**/create/")
        card = visitor.make("a first song behind a proved address", 15)
        eventually(visitor.hears_something, within=60, what="the first song")
        expect(card.get_by_role("link", name="Track page")).to_be_visible(timeout=90_000)

        context.clear_cookies()
        visitor.go("/forgot/")
        page.get_by_label("E-mail").fill(address)
        page.get_by_role("button", name="Send the link").click()
        expect(page.get_by_text("a mail is on its way to it")).to_be_visible()
        visitor.go(link_in_mail(outbox, address, "reset-password"))
        page.get_by_label("New password").fill(NEW_PASSWORD)
        page.get_by_role("button", name="Keep this password").click()
        expect(page.get_by_text("The new password is yours.")).to_be_visible()
        sign_in(PASSWORD)
        expect(page.get_by_text("do not fit together")).to_be_visible()
        sign_in(NEW_PASSWORD)
        page.wait_for_url("**/create/")

        context.clear_cookies()
        visitor.go("/sign-in/?next=/library/")
        page.get_by_role("button", name="Sign in with Loopback").click()
        page.wait_for_url("**/library/")
        assert visitor.api("/users/me")["email"] == "ada@example.org"
        assert "token" not in page.evaluate("JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})")
        context.close()
        platform.stop()
