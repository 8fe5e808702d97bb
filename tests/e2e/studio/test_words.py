"""A page in another language says in it what the server says in English: effects, models, presets, refusals."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_what_the_server_says_is_german_on_german_pages(arrive: Callable[..., Visitor]) -> None:
    visitor = arrive()
    page = visitor.page
    visitor.sign_up()
    track = visitor.finished_track("slow waltz for piano and strings, 9/8", 4)
    page.evaluate("localStorage.setItem('studio.locale', 'de')")

    visitor.go("/create/")
    page.get_by_role("button", name="ein anderes Modell wählen").click()
    expect(page.get_by_text("Schreibt und spielt einen Song in einem von 28 Stilen")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Anders machen").click()
    expect(page.get_by_label("Stimmung")).to_contain_text("melancholisch")
    expect(page.get_by_text("Die Taktart 9/8 wird als 3/4 geschrieben.")).to_be_visible()

    visitor.go(f"/track/?id={track}")
    expect(page.get_by_label("Gemacht für")).to_contain_text("Für Vinyl")
    expect(page.get_by_text("Frei zu nutzen und zu verkaufen")).to_be_visible()

    visitor.go(f"/studio/?track={track}")
    page.get_by_role("list", name="Kanäle").get_by_role("listitem").first.get_by_role("button").first.click()
    effects = page.get_by_label("Effekt hinzufügen")
    expect(effects.locator("optgroup[label=Dynamik] option[value=compressor]")).to_have_text("Kompressor")
    effects.select_option("compressor")
    expect(page.get_by_label("Rückstellzeit", exact=True)).to_be_visible()
    expect(page.get_by_label("Messung")).to_contain_text("Effektivwert")

    visitor.go("/settings/")
    expect(page).to_have_title("Einstellungen · Music Gen AI")
    page.get_by_role("button", name="Passwort ändern").click()
    page.get_by_label("Jetziges Passwort").fill("not the one")
    page.get_by_label("Neues Passwort").fill("password123")
    page.get_by_role("button", name="Passwort ändern").click()
    expect(page.get_by_text(re.compile("^Das ist nicht dein jetziges Passwort|häufiges Passwort"))).to_be_visible()

    page.get_by_role("link", name="Sammlung").first.click()
    page.wait_for_url("**/library/")
    expect(page).to_have_title("Sammlung · Music Gen AI")
    visitor.go("/settings/")
    page.get_by_label("Sprache").select_option("en")
    expect(page).to_have_title("Settings · Music Gen AI")
