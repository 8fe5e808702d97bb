"""What to do where music is made before a picture: takes that are made, fail and are changed, and all settings."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Route


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
