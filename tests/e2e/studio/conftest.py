"""A browser at the studio, and what a person does there."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.support.chromium import CHROMIUM, FLAGS
from tests.support.platform import ROOT, Platform, eventually

PASSWORD = "correct horse battery"
PATIENCE_MS = 30_000

# Every analyser that the page makes is kept where a test finds it: what sounds is read off its samples.
KEEP_ANALYSERS = """
const make = AudioContext.prototype.createAnalyser;
window.keptAnalysers = [];
AudioContext.prototype.createAnalyser = function () {
  const analyser = make.call(this);
  window.keptAnalysers.push(analyser);
  return analyser;
};
"""
LOUDEST_RMS = """() => Math.max(0, ...window.keptAnalysers.map((analyser) => {
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}))"""
MAKE = """([prompt, duration]) => fetch("/api/v1/generate", {
  method: "POST",
  body: JSON.stringify({prompt, duration}),
  headers: {
    "Content-Type": "application/json",
    "X-CSRF-Token": decodeURIComponent(document.cookie.match(/musicgen_csrf=([^;]+)/)[1]),
  },
}).then((answer) => answer.json())"""
SEND = """([method, path, body]) => fetch(`/api/v1${path}`, {
  method,
  body: JSON.stringify(body),
  headers: {
    "Content-Type": "application/json",
    "X-CSRF-Token": decodeURIComponent(document.cookie.match(/musicgen_csrf=([^;]+)/)[1]),
  },
}).then((answer) => answer.status === 204 ? null : answer.json())"""
AUDIBLE_RMS = 0.003  # −50 dBFS


@dataclass
class Visitor:
    """A person with a browser of their own."""

    platform: Platform
    context: BrowserContext
    page: Page
    username: str = field(default_factory=lambda: f"v{uuid.uuid4().hex[:12]}")
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.platform.url}{path}")

    def sign_up(self) -> None:
        """Make an account at the front door; ends on the create page."""
        self.go("/sign-up/")
        self.page.get_by_label("Username").fill(self.username)
        self.page.get_by_label("E-mail").fill(f"{self.username}@example.com")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Create account").click()
        self.page.wait_for_url("**/create/")
        expect(self.page.get_by_role("button", name=f"Account of {self.username}")).to_be_visible()

    def make(self, prompt: str, seconds: int) -> Locator:
        """Ask for a take; its card."""
        self.page.locator("#prompt").fill(prompt)
        self.page.locator("form select").first.select_option(str(seconds))
        self.page.keyboard.press("Tab")
        self.page.get_by_role("button", name="Make it", exact=True).click()
        return self.card(prompt)

    def card(self, title: str) -> Locator:
        """The newest take whose name begins like this; titles capitalise a prompt."""
        return self.page.locator("main section li").filter(has_text=title[1:20]).first

    def api(self, path: str) -> Any:
        """What the server answers to this browser."""
        return self.page.evaluate("(path) => fetch('/api/v1' + path).then((answer) => answer.json())", path)

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """What the server answers to a change by this browser."""
        return self.page.evaluate(SEND, [method, path, body])

    def sign_in(self, name: str, password: str) -> None:
        """Come in by the front door; ends on the create page."""
        self.go("/sign-in/")
        self.page.get_by_label("Username or e-mail").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url("**/create/")

    def hears_something(self) -> bool:
        """Whether samples other than silence pass through the page's audio now."""
        return bool(self.page.evaluate(LOUDEST_RMS) > AUDIBLE_RMS)

    def newest_job(self) -> dict[str, Any]:
        jobs: list[dict[str, Any]] = self.api("/jobs?limit=1")["items"]
        return jobs[0]

    def finished_track(self, prompt: str, seconds: int) -> str:
        """A track made beforehand, straight at the API: its id."""
        job = self.page.evaluate(MAKE, [prompt, seconds])
        done = eventually(
            lambda: (found := self.api(f"/jobs/{job['id']}?wait=10"))["status"] == "succeeded" and found,
            within=60,
            what="the track",
        )
        return str(done["result"]["track_ids"][0])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def arrive(browser: Browser, platform: Platform) -> Iterator[Callable[..., Visitor]]:
    """Somebody new comes to the studio: `arrive(color_scheme="light")`."""
    assert (ROOT / "frontend" / "out" / "index.html").exists(), "the studio is not built: make ui"
    visitors: list[Visitor] = []

    def come(**options: Any) -> Visitor:
        context = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **options})
        context.add_init_script(KEEP_ANALYSERS)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(platform, context, page)
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                visitor.complaints.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )
        page.on("request", lambda request: visitor.hosts.add(request.url.split("/")[2]))
        visitors.append(visitor)
        return visitor

    expect.set_options(timeout=PATIENCE_MS)
    yield come
    for visitor in visitors:
        visitor.context.close()


@pytest.fixture(scope="module")
def administrator(arrive: Callable[..., Visitor], platform: Platform) -> Visitor:
    """Who runs the platform, signed in by the password that it told at its start."""
    shown = re.search(r"user admin, password (\S+)$", platform.log, re.MULTILINE)
    assert shown, platform.log[-2000:]
    visitor = arrive()
    visitor.username = "admin"
    visitor.sign_in("admin", shown[1])
    return visitor


@pytest.fixture(scope="module")
def member(arrive: Callable[..., Visitor]) -> Visitor:
    """Somebody with an account; the tests of a module share them."""
    visitor = arrive()
    visitor.sign_up()
    return visitor
