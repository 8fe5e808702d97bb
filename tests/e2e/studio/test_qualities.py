"""What holds on every page: axe finds nothing serious, scripts stay small, nothing overflows a phone."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.studio.busy import long_tasks_of
from tests.e2e.studio.conftest import PASSWORD, Visitor
from tests.support.platform import ROOT, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCRIPT_BUDGET_BYTES = 250 * 1024
# The page, its scripts, styles and fonts, who one is, and what it shows first.
REQUEST_BUDGET = 26
LONG_TASK_BUDGET = 3
PAGES = (
    "/",
    "/create/",
    "/library/",
    "/track/?id={track}",
    "/studio/",
    "/studio/?track={track}",
    "/settings/",
    "/community/",
    "/person/?name={name}",
    "/playlists/",
    "/playlist/?id={playlist}",
    "/playlist/?id=gone",
    "/shared/#token={link}",
    "/library/?project=none",
    "/trash/",
    "/moderation/",
)
# Controls that a finger misses: lower or narrower than 44 px. A link in a list is as high as its line (24 px at least);
# pins stand along a waveform where they belong, 28 px apart.
MISSED = """() => [...document.querySelectorAll("a[href],button,select,input,textarea,summary,[role=tab]")]
  .filter((control) => !control.disabled && control.checkVisibility())
  .filter((control) => !control.closest("[aria-hidden=true],.sr-only,[data-pin]"))
  .map((control) => (control.matches("[type=checkbox]") && control.closest("label")) || control)
  .map((control) => ({control, box: control.getBoundingClientRect()}))
  .filter(({control, box: {width, height, bottom}}) => width > 2 && bottom > 0 && (control.matches("a")
    ? height < (getComputedStyle(control).display === "inline" ? 0 : 24)
    : Math.min(width, height) < 43.5))
  .map(({control, box: {width, height}}) =>
    `${control.getAttribute("aria-label") ?? control.innerText}: ${Math.round(width)} x ${Math.round(height)}`)"""
OPEN_PAGES = (
    "/",
    "/sign-in/",
    "/sign-up/",
    "/forgot/",
    "/reset-password/#token=x",
    "/verify/#token=x",
    "/create/",
    "/nowhere/",
    "/shared/",
    "/shared/#token=mgs_gone",
)


@pytest.fixture(scope="module")
def track(member: Visitor) -> str:
    return member.finished_track("late-night swing jazz trio", 4)


@pytest.fixture(scope="module")
def pages(member: Visitor, track: str) -> list[str]:
    """The pages with something on them: a playlist, comments, a link."""
    playlist = member.send("POST", "/playlists", {"title": "For the night bus"})["id"]
    member.send("PUT", f"/playlists/{playlist}/tracks/{track}", {})
    member.send("PATCH", f"/tracks/{track}", {"public": True})
    for body, second in (("That brush", 1), ("and again", 1.1), ("All of it", None)):
        member.send("POST", f"/tracks/{track}/comments", {"body": body, "position": second})
    link = member.send("POST", f"/tracks/{track}/share", {})["token"]
    return [path.format(track=track, name=member.username, playlist=playlist, link=link) for path in PAGES]


def settle(visitor: Visitor, path: str) -> None:
    visitor.go(path)
    expect(visitor.page.locator("main h1, main h2").first).to_be_attached()
    expect(visitor.page.locator("[aria-busy]")).to_have_count(0)
    visitor.page.wait_for_load_state("networkidle")


def violations(visitor: Visitor) -> list[str]:
    """What axe calls serious or critical."""
    visitor.page.evaluate(AXE.read_text(encoding="utf-8"))
    found: Any = visitor.page.evaluate(
        "(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}}).then((result) => result.violations)", RULES
    )
    return [
        f"{item['id']} ({item['impact']}): {json.dumps([node['target'] for node in item['nodes']])[:300]}"
        for item in found
        if item["impact"] in {"serious", "critical"}
    ]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_pages_of_a_member(member: Visitor, pages: list[str], theme: str) -> None:
    member.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    found = {}
    for path in pages:
        settle(member, path)
        found[path] = violations(member)
    assert found == {path: [] for path in pages}


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_where_one_administers(
    member: Visitor, administrator: Visitor, track: str, pages: list[str], theme: str
) -> None:
    report = {"kind": "track", "id": track, "reason": "spam", "details": "Look at <b>this</b>"}
    administrator.send("POST", "/reports", report)
    page = administrator.page
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    found = {}
    settle(administrator, "/admin/")
    page.get_by_role("button", name=re.compile(f"^{member.username}")).click()
    expect(page.get_by_label(f"Role of {member.username}")).to_be_visible()
    expect(page.get_by_role("list", name="Work").get_by_role("listitem").first).to_be_visible()
    found["admin"] = violations(administrator)
    settle(administrator, "/moderation/")
    expect(page.get_by_role("tabpanel").get_by_role("listitem").first).to_be_visible()
    found["moderation"] = violations(administrator)
    page.get_by_role("button", name="Take it down").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found["decision"] = violations(administrator)
    assert found == {place: [] for place in found}
    assert administrator.complaints == []


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_serious_before_signing_in(arrive: Callable[..., Visitor], theme: str) -> None:
    stranger = arrive(color_scheme=theme)
    found = {}
    for path in OPEN_PAGES:
        settle(stranger, path)
        found[path] = violations(stranger)
    assert found == {path: [] for path in OPEN_PAGES}
    settle(stranger, "/")
    stranger.page.get_by_role("button", name=re.compile("^Play: ")).first.click()
    eventually(stranger.hears_something, within=60, what="the landing page's example")
    assert stranger.complaints == []


@pytest.mark.parametrize("path", ["/", "/create/"])
def test_first_visit_loads_at_most_250_kilobytes_of_scripts_in_few_requests(
    arrive: Callable[..., Visitor], path: str
) -> None:
    visitor = arrive()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    long_tasks = long_tasks_of(visitor.page, lambda: settle(visitor, path))
    loaded: int = visitor.page.evaluate(
        "performance.getEntriesByType('resource').filter((entry) => new URL(entry.name).pathname.endsWith('.js'))"
        ".reduce((sum, entry) => sum + entry.encodedBodySize, 0)"
    )
    first = [url.split("?")[0].removeprefix(visitor.platform.url) for url in asked]
    print(f"{path}: {loaded / 1024:.0f} KB of scripts, {len(first)} requests: {first}; long tasks: {long_tasks}")
    assert 0 < loaded <= SCRIPT_BUDGET_BYTES
    assert 0 < len(first) <= REQUEST_BUDGET
    assert len(long_tasks) <= LONG_TASK_BUDGET


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_page_fits_a_phone_and_the_finger_on_it(
    member: Visitor, pages: list[str], arrive: Callable[..., Visitor]
) -> None:
    phone = {"width": 360, "height": 740}
    size = member.page.viewport_size
    member.page.set_viewport_size(phone)  # type: ignore[arg-type]
    found = {}
    try:
        for visitor, paths in ((member, pages), (arrive(viewport=phone), OPEN_PAGES)):
            for path in paths:
                settle(visitor, path)
                width = visitor.page.evaluate("document.documentElement.scrollWidth")
                found[visitor.username, path] = (width, [] if "/studio/" in path else visitor.page.evaluate(MISSED))
    finally:
        # The tests after this one share the window.
        member.page.set_viewport_size(size or {"width": 1280, "height": 720})
    assert found == dict.fromkeys(found, (360, []))


@pytest.mark.slow
def test_language_is_changed_in_the_settings_and_stays(member: Visitor) -> None:
    page = member.page
    settle(member, "/settings/")
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("heading", level=1)).to_have_text("Einstellungen")
    settle(member, "/create/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Wie soll es klingen?")
    assert page.evaluate("document.documentElement.lang") == "de"
    settle(member, "/settings/")
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")


def test_keyboard_alone_makes_a_take_and_stops_it(member: Visitor) -> None:
    page = member.page
    settle(member, "/create/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.locator("#prompt").focus()
    page.keyboard.type("keyboard blues")
    page.keyboard.press("Enter")
    stop = member.card("keyboard blues").get_by_role("button", name="Stop making this")
    expect(stop).to_be_visible()
    stop.focus()
    page.keyboard.press("Enter")
    # What had the focus is gone; it went on to something near, not to the top of the page.
    expect(member.card("keyboard blues").locator(":focus")).to_have_count(1)
    again = member.card("keyboard blues").get_by_role("button", name="Make it again")
    again.focus()
    page.keyboard.press("Enter")
    anew = page.locator("main section li").filter(has_text="eyboard blues").get_by_role("button", name="Stop making")
    anew.first.focus()
    page.keyboard.press("Enter")
    expect(anew).to_have_count(0)
    assert [job["status"] for job in member.api("/jobs?limit=2")["items"]] == ["cancelled", "cancelled"]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_what_opens_on_a_page(member: Visitor, track: str, theme: str) -> None:
    page = member.page
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    found = {}
    settle(member, f"/studio/?track={track}")
    channels = page.get_by_role("list", name="Channels")
    page.get_by_role("button", name="Back to the stems as they were").click()
    channels.get_by_role("listitem").first.get_by_role("button").first.click()
    page.get_by_role("button", name="Automation of").first.click()
    page.get_by_role("button", name="Add a point at the playhead").first.click()
    # Points stand where they are in time: two within a finger's width are told apart by zooming in.
    for _ in range(8):
        page.get_by_role("group", name="Timeline").press("ArrowRight")
    page.get_by_role("button", name="Add a point at the playhead").first.click()
    page.locator("[data-point]").first.press("c")
    page.get_by_label("Add a send").select_option("new")
    page.get_by_label("Add an effect").select_option("reverb")
    found["studio"] = violations(member)
    page.keyboard.press("Control+s")
    versions = page.get_by_role("region", name="Versions")
    versions.get_by_role("button", name=re.compile("^Save (a|the first) version$")).click()
    versions.get_by_role("button", name="Compare with version 1").last.click()
    expect(versions.get_by_text(re.compile("^(It sounds as|What you changed)"))).to_be_visible()
    found["versions"] = violations(member)
    settle(member, f"/track/?id={track}")
    page.get_by_role("button", name="Loudness, ceiling, reference").click()
    found["track"] = violations(member)
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("dialog").get_by_role("textbox", name="The link")).to_be_visible()
    found["share"] = violations(member)
    settle(member, "/library/")
    page.get_by_role("button", name="Choose", exact=True).click()
    page.get_by_role("button", name="Choose all").click()
    found["library"] = violations(member)
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("textbox", name="New project")).to_be_visible()
    found["move"] = violations(member)
    settle(member, "/library/")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("combobox").fill("swing")
    expect(page.get_by_role("option", name="Late-night swing")).to_be_visible()
    found["palette"] = violations(member)
    page.get_by_role("dialog").get_by_role("combobox").fill("nothing is called that")
    expect(page.get_by_role("option", name="Nothing")).to_be_visible()
    found["palette, empty"] = violations(member)
    settle(member, "/create/")
    page.get_by_role("button", name="choose another model").click()
    found["models"] = violations(member)
    page.keyboard.press("Escape")
    more = page.get_by_role("button", name="More", exact=True)
    if more.get_attribute("aria-expanded") == "false":
        more.click()
    page.get_by_role("button", name="Lay out the form").click()
    found["create"] = violations(member)
    page.get_by_role("button", name="Leave it to the model").click()
    settle(member, "/playlists/")
    page.get_by_role("textbox", name="Name of a new playlist").fill(f"Evenings, {theme}")
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("link", name=f"Evenings, {theme}").click()
    page.get_by_role("button", name="Invite people").click()
    expect(page.get_by_role("dialog", name="Who is in").get_by_label("Username")).to_be_focused()
    found["members"] = violations(member)
    settle(member, "/settings/")
    page.get_by_role("button", name="New key").click()
    page.get_by_role("button", name="New webhook").click()
    page.get_by_role("button", name="Set up").click()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    found["settings"] = violations(member)
    assert found == {place: [] for place in found}


@pytest.mark.slow
def test_the_studio_opens_without_a_connection_and_keeps_nothing_of_an_account(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    visitor.sign_up()
    page = visitor.page
    page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
    settle(visitor, "/library/")
    kept: list[str] = page.evaluate(
        "() => caches.keys()"
        ".then((names) => Promise.all(names.map((name) => caches.open(name).then((cache) => cache.keys()))))"
        ".then((found) => found.flat().map((request) => new URL(request.url).pathname))"
    )
    assert "/library/" in kept
    assert [path for path in kept if path.startswith(("/api", "/examples"))] == []
    visitor.context.set_offline(True)
    try:
        page.reload()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_text("You are offline.")).to_be_visible()
        page.get_by_role("navigation").first.get_by_role("link", name="Create").click()
        expect(page.locator("#prompt")).to_be_visible()
    finally:
        visitor.context.set_offline(False)
    assert visitor.complaints == []
