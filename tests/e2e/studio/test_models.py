"""An administrator installs a model from a source of the machine's own, makes a song with it, and removes it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.studio.conftest import Visitor
from tests.support.checkpoints import build_reference, write_checkpoint
from tests.support.platform import Platform, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_administrator_installs_a_model_and_it_plays(
    start_platform: Callable[..., Platform], browser: Browser, tmp_path: Path
) -> None:
    folder = write_checkpoint(build_reference("mono"), tmp_path / "published")
    catalogue = tmp_path / "models.yaml"
    catalogue.write_text(f'models:\n  musicgen-small: {{ source: "file:{folder}" }}\n')
    platform = start_platform(MUSICGEN_GENERATION_MODELS_FILE=str(catalogue))
    shown = re.search(r"user admin, password (\S+)$", platform.log, re.MULTILINE)
    assert shown is not None
    context = browser.new_context(locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    admin = Visitor(platform, context, page, username="admin")
    admin.sign_in("admin", shown[1])
    admin.go("/admin/")
    page.get_by_role("button", name="Install MusicGen small", exact=True).click()
    dialog = page.get_by_role("dialog", name="Install MusicGen small")
    expect(dialog).to_contain_text("CC-BY-NC-4.0")
    expect(dialog).to_contain_text("must not be sold")
    dialog.get_by_role("button", name="Install").click()
    remove = page.get_by_role("button", name="Remove MusicGen small")
    expect(remove).to_be_visible(timeout=120_000)

    caller = platform.sign_up()
    ended = caller.finished(caller.generate("warm piano", model="musicgen-small", duration=2)["id"], within=120)
    assert ended["status"] == "succeeded", ended
    [track] = caller.tracks_of(ended["id"])
    made = caller.call("GET", f"/tracks/{track}").json()
    model = "/models/musicgen-small"
    eventually(lambda: caller.call("GET", model).json()["real_time_factor"], within=60, what="the model's speed")
    page.reload()
    work = page.get_by_role("list", name="Work").get_by_role("listitem").filter(has_text=caller.username)
    expect(work).to_contain_text("Take")
    expect(work).to_contain_text("done")
    page.get_by_label("Which work").select_option("queued")
    expect(page.get_by_text("Nothing of that kind.")).to_be_visible()
    installed = page.get_by_role("listitem").filter(has_text="MusicGen small").first
    expect(installed).to_contain_text(re.compile(r"[\d.]+ × as fast as it plays, here"))
    assert (made["model"], made["licence"]["commercial_use"]) == ("musicgen-small", False)

    remove.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Install MusicGen small", exact=True)).to_be_visible()
    assert folder.is_dir()
    assert not (platform.home / "models" / "musicgen-small").exists()
    context.close()
