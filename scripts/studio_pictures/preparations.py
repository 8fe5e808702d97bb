"""What to do on a page before its picture is taken: open, press, fill in, play."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route

from scripts.studio_pictures.world import PASSWORD
from tests.support.platform import ROOT

# What stands for a picture of somebody's own.
PICTURE = ROOT / "docs" / "guides" / "pictures" / "composer-spectrograms.png"
# Work of the server that a picture waits for.
WORK_MS = 120_000
NEVER = """
const ask = window.fetch;
window.fetch = (request, ...rest) =>
  String(request.url ?? request).endsWith("/users/me") ? ask(request, ...rest) : new Promise(() => undefined);
"""
BROKEN = {"type": "/problems/internal", "title": "Internal", "status": 500, "detail": "", "errors": []}


def changed(route: Route, **values: Any) -> None:
    """Answer as the server does, but for some values."""
    answer = route.fetch()
    route.fulfill(response=answer, json=answer.json() | values)


def refused(page: Page) -> None:
    """The server breaks on everything but who one is."""
    page.route("**/api/v1/**", lambda route: route.fulfill(status=500, json=BROKEN))
    page.route("**/api/v1/users/me", lambda route: route.continue_())


def unanswered(page: Page) -> None:
    """Everything but who one is takes for ever."""
    page.add_init_script(NEVER)


def cut_off(page: Page) -> None:
    """The connection goes while the page is open, and something is asked for."""
    page.context.set_offline(True)
    page.get_by_text("You are offline.").wait_for()


def reach(page: Page, name: str) -> None:
    """Bring a part of the page into view, its heading on top."""
    region = page.get_by_role("region", name=name, exact=True)
    region.wait_for()
    region.evaluate("(part) => scrollTo(0, part.getBoundingClientRect().top + scrollY - 90)")


# The front door, and the way in


def playing(page: Page) -> None:
    """Something is on."""
    page.locator("main button[aria-label^='Play']").first.click()
    page.wait_for_timeout(2500)


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


# Making


def making(page: Page) -> None:
    """A take that is being made and heard, and one that waits."""
    page.fill("#prompt", "slow blues with a crying guitar for the last dance of the evening")
    page.locator("form select").first.select_option("600")
    page.get_by_role("button", name="Make it", exact=True).click()
    page.locator("main section li canvas").first.wait_for()
    page.wait_for_timeout(2200)


def ended_takes(page: Page) -> None:
    """Takes that failed, were stopped, wait in line, and are gone."""

    def end(route: Route) -> None:
        answer = route.fetch()
        jobs = answer.json()
        problem = {"type": "/problems/x", "title": "x", "status": 507, "detail": "the disk of the server is full."}
        ends: tuple[dict[str, Any], ...] = (
            {"status": "failed", "error": problem, "result": None},
            {"status": "cancelled", "result": None},
            {"status": "queued", "result": None, "queue_position": 3, "finished_at": None, "progress": 0},
        )
        for job, other in zip((job for job in jobs["items"] if job["kind"] == "generate"), ends, strict=False):
            job.update(other)
        route.fulfill(response=answer, json=jobs)

    page.route("**/api/v1/jobs?*", end)
    page.reload()
    page.get_by_text("Stopped before it was finished.").wait_for()


def advanced(page: Page) -> None:
    """Everything that can be set."""
    page.fill("#prompt", "synthwave for a night drive, glassy lead")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Lay out the form").click()


def corrected(page: Page) -> None:
    """What was understood, to be changed."""
    button = page.get_by_role("button", name="Change and remake").first
    button.click()
    button.scroll_into_view_if_needed()


def model_picker(page: Page) -> None:
    """The models with their licences."""
    page.locator("form button[popovertarget]").click()


# The library


def filters(page: Page) -> None:
    """What narrows the library; a phone keeps it behind a button."""
    page.locator("main li").first.wait_for()
    button = page.get_by_role("button", name=re.compile("^Filter"))
    if button.is_visible():
        button.click()


def grid(page: Page) -> None:
    """The library as covers."""
    filters(page)
    page.get_by_role("button", name="Grid").click()


def nothing_found(page: Page) -> None:
    """A search that finds nothing."""
    page.get_by_role("searchbox").first.fill("tuba quartet in a lift")
    page.get_by_role("heading", name=re.compile("sounds like that")).wait_for()


def choosing(page: Page) -> None:
    """Tracks that are chosen, with what can be done with all of them."""
    filters(page)
    page.get_by_role("button", name="Choose", exact=True).click()
    for box in page.locator("main li input[type=checkbox]").all()[:3]:
        box.check()


def moving(page: Page) -> None:
    """The projects that chosen tracks may go into."""
    choosing(page)
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("dialog").locator("li").first.wait_for()


def tagging(page: Page) -> None:
    """Words for chosen tracks."""
    choosing(page)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("dialog").wait_for()


def track_menu(page: Page) -> None:
    """What can be done with one track."""
    page.get_by_role("button", name=re.compile("^More for")).first.click()


def into_playlist(page: Page) -> None:
    """The playlists that a track may go into."""
    track_menu(page)
    page.get_by_role("button", name="Add to a playlist").click()
    page.get_by_role("dialog").wait_for()


def bad_file(page: Page) -> None:
    """A file that holds no sound."""
    field = page.get_by_label("Upload", exact=True).first
    field.set_input_files({"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"this is no music at all " * 99})
    page.get_by_text("That file cannot be used").wait_for()


def binning(page: Page) -> None:
    """A deleted track that is chosen."""
    page.locator("main li input[type=checkbox]").first.check()


def emptying(page: Page) -> None:
    """The question before something goes for good."""
    page.get_by_role("button", name="Empty the trash").click()


def palette(page: Page) -> None:
    """The search over everything."""
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("combobox").wait_for()


def queue(page: Page) -> None:
    """What plays next."""
    playing(page)
    page.get_by_role("button", name="Queue").click()


def account_menu(page: Page) -> None:
    """Who is signed in."""
    page.get_by_role("button", name=re.compile("^Account of")).click()


def news(page: Page) -> None:
    """What others did with one's music."""
    page.get_by_role("button", name=re.compile("^Notifications")).click()
    news_of = page.get_by_role("group", name=re.compile("^Notifications"))
    news_of.get_by_text(re.compile("follows you|you read")).first.wait_for()


# A track


def picturing(page: Page) -> None:
    """A picture that is about to be the track's."""
    buffer = PICTURE.read_bytes()
    page.locator("input[type=file]").set_input_files({"name": "cover.png", "mimeType": "image/png", "buffer": buffer})
    page.get_by_role("dialog").get_by_role("img").wait_for()


def sharing(page: Page) -> None:
    """A link that was just made, and those from before."""
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make a link").click()
    dialog.locator("[data-secret]").wait_for()


def locked(page: Page) -> None:
    """A wrong password at a link that asks for one."""
    page.get_by_label("Password").fill("a guess")
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("main").get_by_role("alert").wait_for()


def notes(page: Page) -> None:
    """The piano roll."""
    reach(page, "Notes")


def talk(page: Page) -> None:
    """What people say, while it plays."""
    page.get_by_role("button", name="Play", exact=True).first.click()
    page.get_by_role("textbox", name="Your comment").fill("The brush on the second bar")
    reach(page, "Comments")


def lineage(page: Page) -> None:
    """Where a track comes from, and what became of it."""
    reach(page, "Versions")


def mastering(page: Page) -> None:
    """What a master should be like."""
    card = page.get_by_role("region", name="Master", exact=True)
    card.get_by_role("button", name="Loudness, ceiling, reference").click()
    reach(page, "Master")


def mastered(page: Page) -> None:
    """A master that was just made, heard against what it was made from."""
    card = page.get_by_role("region", name="Master", exact=True)
    card.get_by_role("button", name="Master it").click()
    card.get_by_role("link", name="Open the master").wait_for(timeout=WORK_MS)
    card.get_by_role("button", name="Compare at equal loudness").first.click()
    page.wait_for_timeout(2500)
    reach(page, "Master")


def reporting(page: Page) -> None:
    """Somebody tells the moderators of a track."""
    track_menu(page)
    page.get_by_role("button", name="Report", exact=True).click()
    page.get_by_role("dialog").wait_for()


# The studio


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


# People


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


def asked_to_delete_list(page: Page) -> None:
    """The question before a playlist goes."""
    page.get_by_role("button", name="Delete playlist").click()
    page.get_by_role("dialog").wait_for()


# Settings


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


# Who runs the platform


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


def told(page: Page) -> None:
    """The page says that something could not be had."""
    page.get_by_role("alert").filter(has_text=re.compile(r"\S")).first.wait_for()
