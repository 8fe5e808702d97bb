"""Pictures of every page of the studio, in both themes and three widths: `python scripts/take_screenshots.py`.

Starts a platform of its own in single-user mode (or uses `--url`), has it make a few songs, and writes
`var/screenshots/<page>-<theme>-<width>.png`. Needs Chromium and the development environment.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.chromium import CHROMIUM, FLAGS  # noqa: E402 — the path comes first
from tests.support.platform import Platform, free_port  # noqa: E402

TARGET = ROOT / "var" / "screenshots"
# What stands for a picture of somebody's own.
PICTURE = ROOT / "docs" / "guides" / "pictures" / "composer-spectrograms.png"
LOADED = """() => [...document.images].every((image) => {
  const {top, bottom} = image.getBoundingClientRect();
  return image.complete || bottom < 0 || top > innerHeight;
})"""
THEMES = ("dark", "light")
SIZES = {"phone": (360, 780), "tablet": (768, 1024), "desktop": (1440, 900)}
SONGS = (
    "rainy-night lofi, dusty piano, 80 bpm",
    "epic orchestra, strings rising to a triumphant brass theme",
    "bossa nova on a warm terrace, nylon guitar and flute",
    "synthwave for a night drive, glassy lead, 104 bpm",
    "late-night swing jazz trio, brushes and upright bass",
    "deep house, warm chords, rolling bass, 122 bpm",
    "solo piano, tender and close, for walking home in the snow",
    "chiptune with far too many notes",
)


_SOMEBODY = {"id": "0", "username": "mira"}
REPORTS: list[dict[str, Any]] = [
    {
        "id": str(number), "kind": kind, "subject_id": str(number), "subject_text": text, "owner": _SOMEBODY,
        "hidden": False, "suspended": False, "reason": reason, "details": details,
        "reporter": {"id": "1", "username": "jonas"}, "status": "open", "decision": None, "note": "",
        "decided_by": None, "created_at": "2026-11-20T09:00:00Z", "decided_at": None, "open_count": 3 - number,
    }
    for number, (kind, text, reason, details) in enumerate(
        (
            ("track", "Night drive through glass", "copyright", "The melody from 0:12 on is my song of last year."),
            ("comment", "Buy followers at the cheapest price, ask me how!", "spam", ""),
            ("user", "mira", "impersonation", "This is not the Mira who they say they are."),
        )
    )
]  # fmt: skip


COMMENTS = (
    (3.2, "That first chord: like somebody turning on a lamp."),
    (14.0, "The brushes come in a hair late, and it is just right."),
    (14.3, "Who plays this piano? The left hand alone would carry the song."),
    (26.5, "Let this ring a little longer?"),
    (None, "On every walk home this week."),
)
MEMBERS: list[dict[str, Any]] = [
    {"id": "1", "username": "jonas", "added_at": "2026-11-20T09:00:00Z", "accepted_at": "2026-11-20T10:00:00Z"},
    {"id": "2", "username": "mira", "added_at": "2026-11-21T09:00:00Z", "accepted_at": None},
]


@dataclass(frozen=True)
class Kept:
    """What pages show beside tracks: a project, a link that opens a track, and one with a password."""

    project: str
    link: str
    locked_link: str
    playlist: str


@dataclass(frozen=True)
class Shot:
    """One picture: where, and what to do there first; `stranger` shows what those see who are not signed in, and
    `guest` what those see who try the studio without an account.
    """

    name: str
    path: str
    prepare: Callable[[Page], None] | None = None
    full_page: bool = False
    stranger: bool = False
    guest: bool = False


def making(page: Page) -> None:
    """A take that is being made and heard."""
    page.fill("#prompt", "slow blues with a crying guitar for the last dance of the evening")
    page.keyboard.press("Enter")
    page.locator("main li canvas").first.wait_for()
    page.wait_for_timeout(2200)


def advanced(page: Page) -> None:
    """Everything that can be set."""
    page.fill("#prompt", "synthwave for a night drive, glassy lead")
    page.locator("form button[aria-expanded]").last.click()
    page.wait_for_timeout(600)
    form = page.locator("form button", has_text="Lay out the form")
    if form.count():
        form.click()


def model_picker(page: Page) -> None:
    """The models with their licences."""
    page.locator("form button[popovertarget]").click()
    page.wait_for_timeout(400)


def playing(page: Page) -> None:
    """Something is on."""
    page.locator("main button[aria-label^='Play']").first.click()
    page.wait_for_timeout(2500)


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


def editing(page: Page) -> None:
    """A channel with an effect, while it plays."""
    page.wait_for_timeout(2500)
    page.locator("ul[aria-label='Channels'] li button").nth(0).click()
    page.get_by_label("Add an effect").select_option("compressor")
    page.get_by_role("button", name="Play", exact=True).first.click()
    page.wait_for_timeout(2500)


def choosing(page: Page) -> None:
    """Tracks that are chosen, with what can be done with all of them."""
    filters(page)
    page.get_by_role("button", name="Choose", exact=True).click()
    for box in page.locator("main li input[type=checkbox]").all()[:3]:
        box.check()
    page.wait_for_timeout(400)


def moving(page: Page) -> None:
    """The projects that chosen tracks may go into."""
    choosing(page)
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("dialog").locator("li").first.wait_for()


def picturing(page: Page) -> None:
    """A picture that is about to be the track's."""
    buffer = PICTURE.read_bytes()
    page.locator("input[type=file]").set_input_files({"name": "cover.png", "mimeType": "image/png", "buffer": buffer})
    page.get_by_role("dialog").get_by_role("img").wait_for()
    page.wait_for_timeout(400)


def binning(page: Page) -> None:
    """A deleted track that is chosen."""
    page.locator("main li input[type=checkbox]").first.check()
    page.wait_for_timeout(300)


def sharing(page: Page) -> None:
    """A link that was just made, and one from before."""
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make a link").click()
    dialog.locator("[data-secret]").wait_for()
    page.wait_for_timeout(400)


def locked(page: Page) -> None:
    """A wrong password at a link that asks for one."""
    page.get_by_label("Password").fill("a guess")
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("main").get_by_role("alert").wait_for()


def inviting(page: Page) -> None:
    """Who is in a playlist; in single-user mode there is nobody to invite, so the answer is a made one."""
    page.route("**/members", lambda route: route.fulfill(json={"items": MEMBERS, "next_cursor": None}))
    page.get_by_role("button", name="Invite people").click()
    page.get_by_role("dialog").locator("li").first.wait_for()
    page.wait_for_timeout(400)


def versions(page: Page) -> None:
    """Two versions of a mix, and what has changed since."""
    page.wait_for_timeout(2500)
    mute = page.get_by_role("list", name="Channels").get_by_role("button", name=re.compile("^Mute")).first
    panel = page.get_by_role("region", name="Versions")
    page.keyboard.press("Control+s")
    for note in ("as it came", "without the drums"):
        panel.get_by_label("What is new in it?").fill(note)
        panel.get_by_role("button", name=re.compile("^Save (a|the first) version$")).click()
        panel.get_by_text(re.compile("^As saved in version")).wait_for()
        mute.click()
        panel.get_by_text(re.compile("^Changed since version")).wait_for()
    page.wait_for_timeout(600)


def emptying(page: Page) -> None:
    """The question before something goes for good."""
    page.get_by_role("button", name="Empty the trash").click()
    page.wait_for_timeout(300)


def reported(page: Page) -> None:
    """The moderators' queue; in single-user mode nobody reports anybody, so the answer is a made one."""
    page.route(
        "**/api/v1/moderation/reports?*", lambda route: route.fulfill(json={"items": REPORTS, "next_cursor": None})
    )
    page.reload()
    page.get_by_role("tabpanel").locator("li").first.wait_for()


def taking_down(page: Page) -> None:
    """A decision that is asked for."""
    reported(page)
    page.get_by_role("button", name="Take it down").first.click()


def hooking(page: Page) -> None:
    """A webhook that is being made, below what it takes to see it."""
    region = page.get_by_role("region", name="Webhooks")
    region.get_by_role("button", name="New webhook").click()
    region.scroll_into_view_if_needed()
    page.wait_for_timeout(400)


def palette(page: Page) -> None:
    """The search over everything."""
    page.keyboard.press("Control+k")
    page.wait_for_timeout(600)


def shots(track: dict[str, Any], kept: Kept) -> tuple[Shot, ...]:
    """All pictures."""
    return (
        Shot("landing", "/"),
        Shot("landing-playing", "/", playing, full_page=True),
        Shot("landing-stranger", "/", stranger=True),
        Shot("create", "/create/"),
        Shot("create-guest", "/create/", guest=True),
        Shot("settings-guest", "/settings/", guest=True),
        Shot("sign-up-guest", "/sign-up/", guest=True),
        Shot("create-making", "/create/", making),
        Shot("create-advanced", "/create/", advanced, full_page=True),
        Shot("create-models", "/create/", model_picker),
        Shot("library", "/library/", playing),
        Shot("library-grid", "/library/", grid),
        Shot("library-filters", "/library/", filters),
        Shot("library-choosing", "/library/", choosing),
        Shot("library-moving", "/library/", moving),
        Shot("library-project", f"/library/?project={kept.project}"),
        Shot("trash", "/trash/"),
        Shot("trash-choosing", "/trash/", binning),
        Shot("trash-asked", "/trash/", emptying),
        Shot("track", f"/track/?id={track['id']}", full_page=True),
        Shot("track-cover", f"/track/?id={track['id']}", picturing),
        Shot("track-share", f"/track/?id={track['id']}", sharing),
        Shot("shared", f"/shared/#token={kept.link}", stranger=True),
        Shot("shared-locked", f"/shared/#token={kept.locked_link}", locked, stranger=True),
        Shot("shared-gone", "/shared/#token=mgs_gone", stranger=True),
        Shot("studio", f"/studio/?track={track['id']}", editing),
        Shot("studio-versions", f"/studio/?track={track['id']}", versions),
        Shot("studio-choose", "/studio/"),
        Shot("settings", "/settings/", full_page=True),
        Shot("settings-webhook", "/settings/", hooking),
        Shot("community", "/community/"),
        Shot("person", f"/person/?name={track['owner']['username']}"),
        Shot("playlists", "/playlists/"),
        Shot("playlist", f"/playlist/?id={kept.playlist}"),
        Shot("playlist-members", f"/playlist/?id={kept.playlist}", inviting),
        Shot("admin", "/admin/", full_page=True),
        Shot("moderation", "/moderation/", reported),
        Shot("moderation-asked", "/moderation/", taking_down),
        Shot("sign-in", "/sign-in/", stranger=True),
        Shot("sign-up", "/sign-up/", stranger=True),
        Shot("forgot", "/forgot/"),
        Shot("reset-password", "/reset-password/#token=x", stranger=True),
        Shot("verify", "/verify/", stranger=True),
        Shot("palette", "/library/", palette),
        Shot("not-found", "/nowhere/"),
    )


@contextmanager
def platform(url: str) -> Iterator[str]:
    """Where a platform in single-user mode is; one of our own without `url`."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="musicgen-shots-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        assets = ROOT / "var" / "assets"
        if assets.exists():
            shutil.copytree(assets, home / "assets")
        own = Platform(home, free_port(), {"MUSICGEN_SINGLE_USER": "1", "MUSICGEN_ENVIRONMENT": "development"})
        own.start()
        try:
            yield own.url
        finally:
            own.stop()


def songs(url: str) -> dict[str, Any]:
    """See to it that there is music; the track to show."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=120) as client:
        tracks = client.get("/tracks").raise_for_status().json()["items"]
        for number, prompt in enumerate(SONGS[len(tracks) :]):
            body = {"prompt": prompt, "duration": 30, "seed": 40 + number}
            job = client.post("/generate", json=body).raise_for_status().json()
            while job["status"] in {"queued", "running"}:
                job = client.get(f"/jobs/{job['id']}", params={"wait": 60}).raise_for_status().json()
        tracks = client.get("/tracks").raise_for_status().json()["items"]
        found: dict[str, Any] = next(track for track in tracks if track["stems"])
        return found


def keep(url: str, track: dict[str, Any]) -> Kept:
    """See to it that there are a project with tracks in it, versions of a track, links and something in the trash."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=120) as client:

        def made(path: str, body: dict[str, Any]) -> Any:
            return client.post(path, json=body).raise_for_status().json()

        projects = client.get("/projects").raise_for_status().json()["items"]
        filled = [found for found in projects if found["track_count"]]
        project = (filled or projects)[0] if projects else made("/projects", {"title": "Songs for the night bus"})
        if not projects:
            made("/projects", {"title": "Film, second act"})
            tracks = client.get("/tracks").raise_for_status().json()["items"]
            some = [other["id"] for other in tracks if other["id"] != track["id"]]
            made("/tracks/bulk", {"track_ids": some[:3], "project_id": project["id"]})
            for body in ({"prompt": "a take nobody wanted", "duration": 5}, {"variation_of": track["id"]}):
                job = made("/generate", body)
                while job["status"] in {"queued", "running"}:
                    job = client.get(f"/jobs/{job['id']}", params={"wait": 60}).raise_for_status().json()
                if "prompt" in body:
                    made("/tracks/bulk", {"track_ids": job["result"]["track_ids"], "trashed": True})
        if not client.get(f"/tracks/{track['id']}/comments").raise_for_status().json()["items"]:
            for second, body in COMMENTS:
                made(f"/tracks/{track['id']}/comments", {"body": body, "position": second})
        for share in client.get(f"/tracks/{track['id']}/shares").raise_for_status().json()["items"]:
            client.delete(f"/tracks/{track['id']}/shares/{share['id']}").raise_for_status()
        link = made(f"/tracks/{track['id']}/share", {})["token"]
        locked_link = made(f"/tracks/{track['id']}/share", {"password": "only for the band"})["token"]
        playlists = client.get("/playlists").raise_for_status().json()["items"]
        playlist = playlists[0] if playlists else made("/playlists", {"title": "Evenings on the balcony"})
        if not playlists:
            for song in client.get("/tracks").raise_for_status().json()["items"][:6]:
                client.put(f"/playlists/{playlist['id']}/tracks/{song['id']}", json={}).raise_for_status()
    return Kept(project["id"], link, locked_link, playlist["id"])


def changed(route: Route, **values: Any) -> None:
    """Answer as the server does, but for some values."""
    answer = route.fetch()
    route.fulfill(response=answer, json=answer.json() | values)


def take(browser: Browser, url: str, shot: Shot, theme: str, size: str) -> None:
    """One picture."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    page.on("pageerror", lambda error: print(f"{shot.name}: {error}"))
    if shot.stranger:
        page.route("**/api/v1/users/me", lambda route: route.fulfill(status=401, json={}))
        page.route("**/version", lambda route: changed(route, guests=True))
    if shot.guest:
        page.route("**/api/v1/users/me", lambda route: changed(route, role="guest", email="", username="guest-a1"))
    page.goto(f"{url}{shot.path}")
    page.wait_for_load_state("networkidle" if shot.prepare is None else "load")
    page.wait_for_timeout(900)
    if shot.prepare is not None:
        shot.prepare(page)
    # Covers are drawn when they are asked for the first time.
    page.wait_for_function(LOADED)
    page.screenshot(path=TARGET / f"{shot.name}-{theme}-{size}.png", full_page=shot.full_page)
    context.close()


def main() -> int:
    """All pictures, or those whose names begin with `--only`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="a platform in single-user mode that runs already")
    parser.add_argument("--only", default="", help="beginnings of names, separated by commas")
    parser.add_argument("--themes", default=",".join(THEMES))
    parser.add_argument("--sizes", default=",".join(SIZES))
    arguments = parser.parse_args()
    if CHROMIUM is None:
        print("Chromium is missing: apt install chromium", file=sys.stderr)
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    wanted = tuple(filter(None, arguments.only.split(",")))
    started = time.monotonic()
    with platform(arguments.url) as url, sync_playwright() as playwright:
        track = songs(url)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        count = 0
        for shot in shots(track, keep(url, track)):
            if wanted and not shot.name.startswith(wanted):
                continue
            for theme in arguments.themes.split(","):
                for size in arguments.sizes.split(","):
                    try:
                        take(browser, url, shot, theme, size)
                        count += 1
                    except Exception as failure:
                        print(f"{shot.name}-{theme}-{size}: {str(failure)[:300]}")
        browser.close()
    print(f"{count} pictures in {TARGET} ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
