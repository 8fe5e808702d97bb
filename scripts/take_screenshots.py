"""Pictures of every page of the studio, in both themes and three widths: `python scripts/take_screenshots.py`.

Starts a platform of its own with a few people and their songs, and writes `var/screenshots/<page>-<theme>-<width>.png`
and, of the six of each, one sheet: `var/screenshots/sheets/<page>.png`. Needs Chromium and the development environment.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 — the path comes first
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright  # noqa: E402

from scripts.studio_pictures.shots import Shot, shots  # noqa: E402
from scripts.studio_pictures.world import PASSWORD, World, running_world  # noqa: E402
from tests.support.chromium import CHROMIUM, FLAGS  # noqa: E402

TARGET = ROOT / "var" / "screenshots"
LOADED = """() => [...document.images].every((image) => {
  const {top, bottom} = image.getBoundingClientRect();
  return image.complete || bottom < 0 || top > innerHeight;
})"""
# Nothing keeps the place of what is still to come.
HERE = "() => !document.querySelector('main .breathing')"
THEMES = ("dark", "light")
SIZES = {"phone": (360, 780), "tablet": (820, 1180), "desktop": (1440, 900)}
PATIENCE_MS = 15_000
SHEET_HEIGHT = 900


@dataclass
class Studio:
    """A browser at the world's studio, with a window of every width for everybody who looks."""

    browser: Browser
    world: World
    locale: str
    windows: dict[tuple[str, str], BrowserContext] = field(default_factory=dict)

    def window(self, who: str, size: str) -> BrowserContext:
        """Somebody's window, signed in; every call finds the same."""
        if (who, size) not in self.windows:
            width, height = SIZES[size]
            options: dict[str, Any] = {"viewport": {"width": width, "height": height}, "has_touch": size != "desktop"}
            context = self.browser.new_context(
                locale=self.locale, reduced_motion="reduce", service_workers="block", **options
            )
            context.set_default_timeout(PATIENCE_MS)
            address = f"{self.world.url}/api/v1/auth"
            if who == "guest":
                context.request.post(f"{address}/guest")
            elif who:
                password = self.world.admin_password if who == "admin" else PASSWORD
                answer = context.request.post(f"{address}/session", data={"identifier": who, "password": password})
                if not answer.ok:
                    raise RuntimeError(f"{who} cannot sign in: {answer.text()}")
            self.windows[who, size] = context
        return self.windows[who, size]

    @property
    def english(self) -> bool:
        """Whether the pages speak the language that preparations know them in."""
        return self.locale.startswith("en")

    def name(self, shot: Shot) -> str:
        """What a picture's file is called; pictures in other languages lie beside the English ones."""
        return shot.name if self.english else f"{shot.name}-{self.locale[:2]}"

    def take(self, shot: Shot, size: str, themes: list[str]) -> int:
        """One picture in each theme; how many those are."""
        page = self.window(shot.who, size).new_page()
        page.on("pageerror", lambda error: print(f"{shot.name}: {error}"))
        try:
            self.picture(page, shot, size, themes)
            return len(themes)
        finally:
            page.context.set_offline(False)
            page.unroute_all(behavior="ignoreErrors")
            page.close()

    def picture(self, page: Page, shot: Shot, size: str, themes: list[str]) -> None:
        """The page's picture in each theme."""
        # Nothing of an earlier picture: what the page keeps, what plays.
        page.goto(f"{self.world.url}/version")
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        page.emulate_media(color_scheme=themes[0])  # type: ignore[arg-type]
        if shot.before is not None:
            shot.before(page)
        page.goto(f"{self.world.url}{shot.path}")
        if shot.before is None:
            # A song of before that is still being made is never idle.
            with suppress(Exception):
                page.wait_for_load_state("networkidle")
            with suppress(Exception):
                page.wait_for_function(HERE, timeout=PATIENCE_MS)
        page.wait_for_timeout(400)
        if shot.prepare is not None:
            shot.prepare(page)
        for theme in themes:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)
            page.wait_for_timeout(300)
            with suppress(Exception):
                # Covers are drawn when they are asked for the first time.
                page.wait_for_function(LOADED, timeout=3000)
            page.screenshot(path=TARGET / f"{self.name(shot)}-{theme}-{size}.png", full_page=shot.full_page)


def sheet(name: str) -> None:
    """One picture of all that there are of a page, to look at."""
    files = [TARGET / f"{name}-{theme}-{size}.png" for size in SIZES for theme in THEMES]
    pictures = [Image.open(file).convert("RGB") for file in files if file.exists()]
    scaled = [
        picture.resize((round(picture.width * SHEET_HEIGHT / picture.height), SHEET_HEIGHT)) for picture in pictures
    ]
    whole = Image.new("RGB", (sum(picture.width + 8 for picture in scaled), SHEET_HEIGHT), "#888")
    left = 0
    for picture in scaled:
        whole.paste(picture, (left, 0))
        left += picture.width + 8
    whole.save(TARGET / "sheets" / f"{name}.png")


def main() -> int:
    """All pictures, or those whose names begin with `--only`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="beginnings of names, separated by commas")
    parser.add_argument("--themes", default=",".join(THEMES))
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--locale", default="en-GB", help="de-DE leaves out what is pressed by its English name")
    arguments = parser.parse_args()
    if CHROMIUM is None:
        print("Chromium is missing: apt install chromium", file=sys.stderr)
        return 1
    (TARGET / "sheets").mkdir(parents=True, exist_ok=True)
    wanted = tuple(filter(None, arguments.only.split(",")))
    started = time.monotonic()
    count, failed = 0, 0
    with running_world() as world, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        studio = Studio(browser, world, arguments.locale)
        print(f"the world is there after {time.monotonic() - started:.0f} s", flush=True)
        for shot in shots(world):
            if (wanted and not shot.name.startswith(wanted)) or (shot.prepare is not None and not studio.english):
                continue
            taken = 0
            for size in arguments.sizes.split(","):
                try:
                    taken += studio.take(shot, size, arguments.themes.split(","))
                except Exception as failure:
                    failed += 1
                    print(f"{shot.name}-{size}: {str(failure)[:300]}", flush=True)
            if taken:
                sheet(studio.name(shot))
            count += taken
        browser.close()
    print(f"{count} pictures in {TARGET}, {failed} failed ({time.monotonic() - started:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
