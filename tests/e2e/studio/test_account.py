"""What a person settles about an account: the second factor, keys for programs, and leaving."""

import re
import time
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.studio.conftest import PASSWORD, Visitor
from tests.e2e.studio.test_qualities import violations
from tests.support.authenticator import code_at
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# Every length that the page has offered so far, however briefly.
NOTE_LENGTHS = """
window.offered = [];
const note = () => offered.push(...[...document.querySelector("form select")?.options ?? []].map(({text}) => text));
new MutationObserver(note).observe(document, {childList: true, subtree: true});
"""


def turn_on(page: Page) -> tuple[str, list[str]]:
    """Set the second factor up on the open settings page; its key and the recovery codes."""
    page.get_by_role("button", name="Set up").click()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = (page.locator("form code").text_content() or "").replace(" ", "")
    page.get_by_label("Code", exact=True).fill(code_at(secret, time.time()))
    page.get_by_role("button", name="Turn on").click()
    codes = page.get_by_role("list", name="Your recovery codes").get_by_role("listitem")
    expect(codes.first).to_be_visible()
    found = codes.all_text_contents()
    page.get_by_role("button", name="I have kept them").click()
    return secret, found


@pytest.mark.slow
def test_second_factor_is_set_up_asked_for_and_turned_off(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    visitor.sign_up()
    page = visitor.page
    visitor.go("/settings/")
    page.get_by_role("button", name="Set up").click()
    page.get_by_label("Present password").fill("not " + PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("This is not your present password.")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    secret, codes = turn_on(page)
    assert len(set(codes)) >= 8
    expect(page.get_by_text("Two-step sign-in is on")).to_be_visible()
    stored = page.evaluate("JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})")
    assert secret not in stored
    assert codes[0] not in stored

    visitor.context.clear_cookies()
    visitor.go("/sign-in/")
    page.get_by_label("Username or e-mail").fill(visitor.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    code = page.get_by_label("Code of your authenticator app")
    code.fill("000000" if code_at(secret, time.time()) != "000000" else "111111")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="did not fit")).to_be_visible()
    code.fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/create/")

    visitor.go("/settings/")
    page.get_by_role("button", name="Turn off").click()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("Code", exact=True).fill(codes[1])
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Two-step sign-in is off", exact=True)).to_be_visible()
    assert visitor.api("/users/me")["second_factor"] is False


def test_api_key_is_shown_once_works_within_its_scopes_and_ends_when_revoked(member: Visitor) -> None:
    page = member.page
    member.go("/settings/")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("What it is for").fill("Radio „Öre“")
    page.get_by_label("make music").uncheck()
    page.get_by_label("Works for").select_option("30")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("[data-secret]").text_content() or ""

    def status(method: str, path: str) -> int:
        url = f"{member.platform.url}/api/v1{path}"
        body = {"prompt": "x"} if method == "POST" else None
        return httpx.request(method, url, headers={"X-API-Key": secret}, json=body).status_code

    assert status("GET", "/tracks") == 200
    assert status("POST", "/generate") == 403
    page.get_by_role("button", name="I have kept it").click()
    expect(page.locator("[data-secret]")).to_have_count(0)
    page.reload()
    keys = page.get_by_role("list", name="API keys").get_by_role("listitem")
    expect(keys).to_have_count(1)
    expect(keys.first).to_contain_text("read · until")
    assert secret not in page.content()
    keys.first.get_by_role("button", name="Revoke the key").click()
    keys.first.get_by_role("button", name="now").click()
    expect(page.get_by_text("No keys yet.")).to_be_visible()
    assert status("GET", "/tracks") == 401


@pytest.mark.slow
def test_webhook_is_made_tested_and_deleted_and_data_is_packed(member: Visitor) -> None:
    page = member.page
    member.go("/settings/")
    page.get_by_label("What you have not read, by mail").select_option("weekly")
    page.get_by_label("Somebody likes a song of yours").uncheck()
    page.get_by_role("button", name="Prepare the archive").click()
    webhooks = page.get_by_role("region", name="Webhooks")
    webhooks.get_by_role("button", name="New webhook").click()
    webhooks.get_by_label("Address").fill("http://127.0.0.1/inside")
    webhooks.get_by_role("button", name="Make the webhook").click()
    expect(webhooks.get_by_role("alert")).to_contain_text("https")
    webhooks.get_by_label("Address").fill("https://hooks.invalid/music")
    webhooks.get_by_role("button", name="Make the webhook").click()
    secret = webhooks.locator("[data-secret]").text_content() or ""
    assert len(secret) > 20
    webhooks.get_by_role("button", name="I have kept it").click()
    hook = webhooks.get_by_role("list", name="Webhooks").get_by_role("listitem").first
    hook.get_by_role("button", name="hooks.invalid").click()
    expect(hook).to_contain_text("It is called when a take is finished, a take fails.")
    expect(hook).to_contain_text("No messages yet.")
    hook.get_by_role("button", name="Send a test").click()
    expect(hook.get_by_role("list", name="Messages to")).to_contain_text("webhook.test")
    hook.get_by_role("button", name="Edit").click()
    expect(hook.get_by_label("Address")).to_have_value("https://hooks.invalid/music")
    hook.get_by_label("Address").fill("http://127.0.0.1/inside")
    hook.get_by_role("button", name="Save").click()
    expect(hook.get_by_role("alert")).to_contain_text("https")
    hook.get_by_label("Address").fill("https://other.invalid/music")
    hook.get_by_label("What it is for").fill("The band’s <b>bot</b>")
    hook.get_by_label("a take fails").uncheck()
    hook.get_by_role("button", name="Save").click()
    expect(hook).to_contain_text("It is called when a take is finished.")
    expect(hook).to_contain_text("The band’s <b>bot</b>")
    expect(hook).to_contain_text("other.invalid")
    hook.get_by_role("button", name="Turn off").click()
    expect(hook.get_by_role("button", name="Send a test")).to_be_disabled()
    hook.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(webhooks.get_by_text("No webhooks yet.")).to_be_visible()

    archive = page.get_by_role("region", name="Your data")
    file = archive.get_by_role("link", name="Download").get_attribute("href", timeout=90_000)
    assert page.evaluate("(file) => fetch(file).then((answer) => answer.headers.get('content-type'))", file) == (
        "application/zip"
    )
    page.reload()
    expect(page.get_by_label("What you have not read, by mail")).to_have_value("weekly")
    expect(page.get_by_label("Somebody likes a song of yours")).not_to_be_checked()
    expect(archive).to_contain_text("Ready: ")
    assert secret not in page.content()
    assert member.complaints == []


def test_deleted_account_ends_its_sessions_and_signing_in_brings_it_back(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    visitor.sign_up()
    page = visitor.page
    visitor.go("/settings/")
    page.get_by_role("button", name="Delete the account").click()
    dialog = page.get_by_role("dialog", name="Delete the account")
    sure = dialog.get_by_role("button", name="Delete my account")
    dialog.get_by_label("Present password").fill(PASSWORD)
    expect(sure).to_be_disabled()
    dialog.get_by_label("to be sure").fill(visitor.username)
    sure.click()
    expect(page.get_by_role("heading", name="Your account is closed")).to_be_visible()
    page.get_by_role("link", name="Goodbye").click()
    page.wait_for_url("**/")
    assert visitor.api("/users/me")["status"] == 401
    visitor.go("/sign-in/")
    page.get_by_label("Username or e-mail").fill(visitor.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/create/")
    assert visitor.api("/users/me")["deletion_due_at"] is None


@pytest.mark.slow
def test_guest_makes_a_song_and_keeps_it_by_signing_up(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive(viewport={"width": 360, "height": 780})
    page = visitor.page
    visitor.go("/")
    page.locator("#idea").fill("slow waltz for an empty ballroom")
    page.get_by_role("button", name="Try without an account").dblclick()
    page.wait_for_url("**/create/?prompt=*")
    banner = page.get_by_role("complementary", name="You are a guest")
    expect(banner).to_be_visible()
    guest = visitor.api("/users/me")
    assert guest["role"] == "guest"
    page.add_init_script(NOTE_LENGTHS)
    visitor.go("/create/")
    expect(page.locator("form select").first.locator("option")).to_have_text(["0:15", "0:30"])
    assert set(page.evaluate("offered")) == {"–:––", "0:15", "0:30"}
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert violations(visitor) == []
    card = visitor.make("slow waltz for an empty ballroom", 15)
    expect(card.get_by_role("button", name=re.compile("^Play"))).to_be_visible()
    done = eventually(
        lambda: (found := visitor.newest_job())["status"] == "succeeded" and found, within=60, what="the guest's song"
    )
    track = done["result"]["track_ids"][0]
    visitor.go(f"/track/?id={track}")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("That takes an account.")).to_be_visible()

    # So do a version and a bounce of a mix; the mix itself is kept.
    visitor.go(f"/studio/?track={track}")
    mute = page.get_by_role("list", name="Channels").get_by_role("button", name="Mute").first
    mute.click()
    page.keyboard.press("Control+s")
    versions = page.get_by_role("region", name="Versions")
    versions.get_by_role("button", name="Save the first version").click()
    expect(versions.get_by_text("That takes an account.")).to_be_visible()
    page.get_by_role("button", name="Bounce").click()
    expect(page.get_by_role("status").filter(has_text="That takes an account.")).to_be_visible()

    page.get_by_role("link", name="Keep what you made").click()
    expect(page.get_by_text("everything you made as a guest stays yours")).to_be_visible()
    page.get_by_label("Username").fill(visitor.username)
    page.get_by_label("E-mail").fill(f"{visitor.username}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(f"**/studio/?track={track}")
    expect(banner).to_have_count(0)
    expect(mute).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+s")
    versions.get_by_role("button", name="Save the first version").click()
    expect(versions.get_by_text("As saved in version 1")).to_be_visible()
    person = visitor.api("/users/me")
    assert (person["id"], person["username"], person["role"]) == (guest["id"], visitor.username, "user")
    assert visitor.api(f"/tracks/{track}")["id"] == track
    assert visitor.complaints == []
