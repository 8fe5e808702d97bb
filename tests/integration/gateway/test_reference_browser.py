"""The documentation in a real browser: it renders, and asks nobody else for anything."""

import pytest
from playwright.async_api import async_playwright

from tests.support.chromium import CHROMIUM, FLAGS
from tests.support.gateway_platform import Gateway

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt install chromium)"),
]


@pytest.mark.parametrize(
    ("page_path", "rendered"),
    [("/docs", ".opblock-summary-path"), ("/redoc", '[data-section-id*="operation/generate"]')],
)
async def test_the_pages_render_from_this_host_alone(gateway: Gateway, page_path: str, rendered: str) -> None:
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(gateway.url + page_path)
        await page.wait_for_selector(rendered, timeout=30_000)
        await page.wait_for_load_state("networkidle")
        await browser.close()
    foreign = [url for url in asked if not url.startswith((gateway.url, "data:", "blob:"))]
    assert foreign == []
    assert f"{gateway.url}/openapi.json" in asked
