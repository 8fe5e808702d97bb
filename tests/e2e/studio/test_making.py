"""From a prompt to a track, in a browser at the real platform."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.studio.conftest import PASSWORD, Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PIXELS = "(image) => image.naturalWidth ?? 0"
# How red the middle of a picture is, less what there is of blue.
REDDEST = """(image) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const paint = canvas.getContext("2d");
  if (!image.complete || !image.naturalWidth) return -1;
  paint.drawImage(image, 0, 0, 8, 8);
  const [red, , blue] = paint.getImageData(4, 4, 1, 1).data;
  return red - blue;
}"""


def painted(colour: str) -> bytes:
    """A wide PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (120, 80), colour).save(out, "PNG")
    return out.getvalue()


def test_song_is_heard_while_it_is_made_and_stops_when_told(member: Visitor) -> None:
    member.go("/create/")
    card = member.make("driving house with a rolling bass", 600)
    eventually(member.hears_something, within=60, what="sound")
    assert member.newest_job()["status"] == "running"
    expect(card.get_by_role("progressbar")).to_be_attached()
    card.get_by_role("button", name="Stop making this").click()
    expect(card.get_by_text("Stopped before it was finished.")).to_be_visible()
    assert member.newest_job()["status"] == "cancelled"


def test_take_survives_a_reload_and_becomes_a_track_of_the_library(member: Visitor) -> None:
    page = member.page
    member.go("/create/")
    card = member.make("warm bossa nova on a terrace", 30)
    expect(card.get_by_role("progressbar")).to_be_attached()
    page.reload()
    expect(member.card("Warm bossa nova")).to_be_visible()
    assert page.locator("#prompt").input_value() == "warm bossa nova on a terrace"
    card = member.card("Warm bossa nova")
    expect(card.get_by_role("link", name="Track page")).to_be_visible(timeout=90_000)
    expect(card.get_by_text("LUFS")).to_contain_text("−14.")

    page.get_by_role("navigation").get_by_role("link", name="Library").first.click()
    page.get_by_role("link", name="Warm bossa nova on a terrace").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Warm bossa nova on a terrace")
    expect(page.get_by_text("Yes, it is yours to sell")).to_be_visible()
    page.get_by_role("button", name="Play", exact=True).first.click()
    eventually(member.hears_something, within=60, what="the finished track")
    page.get_by_role("navigation").get_by_role("link", name="Create").first.click()
    page.wait_for_url("**/create/")
    expect(page.get_by_role("region", name="Player")).to_contain_text("Warm bossa nova")
    eventually(member.hears_something, within=60, what="music that goes on while pages change")
    assert member.complaints == []


def test_deleted_track_comes_back_when_it_is_undone(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("tiny waltz for a music box", 3)
    member.go("/library/")
    row = page.locator("main").get_by_role("listitem").filter(has_text="Tiny waltz")
    row.get_by_role("button", name="More for Tiny waltz").click()
    row.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)
    assert member.api(f"/tracks/{track}")["id"] == track


def test_chosen_tracks_go_into_a_project_and_through_the_trash(member: Visitor) -> None:
    page = member.page
    first, second = (member.finished_track(f"{name} for the drawer", 3) for name in ("polka", "tango"))
    member.go("/library/")
    page.get_by_role("button", name="Choose", exact=True).click()
    for name in ("Polka", "Tango"):
        page.get_by_role("checkbox", name=f"Choose {name} for the drawer").check()
    chosen = page.get_by_role("group", name="2 tracks chosen")
    chosen.get_by_role("button", name="Move").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="New project").fill("Dances")
    dialog.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("2 tracks moved to “Dances”")).to_be_visible()
    page.get_by_role("navigation", name="Projects").get_by_role("link", name="Dances 2").click()
    rows = page.locator("main").get_by_role("listitem").filter(has_text="for the drawer")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Rename the project").click()
    page.get_by_role("textbox", name="Name of the project").fill("Old dances")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2, name="Old dances")).to_be_visible()
    assert member.api(f"/tracks/{first}")["project_id"] == member.api(f"/tracks/{second}")["project_id"] is not None

    page.get_by_role("button", name="Choose", exact=True).click()
    page.get_by_role("button", name="Choose all").click()
    page.get_by_role("group", name="2 tracks chosen").get_by_role("button", name="Delete").click()
    expect(rows).to_have_count(0)
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("button", name="Restore Polka").click()
    page.get_by_role("checkbox", name="Choose Tango for the drawer").check()
    chosen = page.get_by_role("group", name="1 chosen")
    chosen.get_by_role("button", name="Delete for good").click()
    sure = page.get_by_role("dialog", name="Delete “Tango for the drawer” for good?")
    sure.get_by_role("button", name="Keep").click()
    chosen.get_by_role("button", name="Delete for good").click()
    sure.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    assert member.api(f"/tracks/{first}")["deleted_at"] is None
    assert member.api(f"/tracks/{second}")["status"] == 404

    page.get_by_role("link", name="Back to the library").first.click()
    page.get_by_role("link", name="Old dances 1").click()
    page.get_by_role("button", name="Delete the project").click()
    expect(page.get_by_role("link", name="Old dances")).to_have_count(0)
    # Those of what was done before may still stand behind it.
    page.locator("[data-sonner-toast][data-front=true]").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=2, name="Old dances")).to_be_visible()
    assert member.complaints == []


@pytest.mark.slow
def test_title_and_tags_are_changed_on_the_track_page(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("quiet march", 3)
    member.go(f"/track/?id={track}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Title").fill("Snow on the square")
    page.keyboard.press("Enter")
    page.get_by_role("textbox", name="Add a tag").fill("Winter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove the tag winter")).to_be_visible()
    eventually(lambda: "winter" in member.api(f"/tracks/{track}")["tags"], within=60, what="the tag on the server")
    assert member.api(f"/tracks/{track}")["title"] == "Snow on the square"

    cover = page.get_by_role("img", name="Cover of “Snow on the square”")
    eventually(lambda: cover.evaluate(PIXELS) > 0, within=60, what="the drawn cover")
    field = page.locator("input[type=file]")
    dialog = page.get_by_role("dialog", name="A picture for this track")
    field.set_input_files({"name": "cover.png", "mimeType": "image/png", "buffer": b"this is no picture"})
    expect(dialog.get_by_role("alert")).to_contain_text("no picture that can be read")
    expect(dialog.get_by_role("button", name="Use it")).to_be_disabled()
    for colour, name in (("red", "Use it"), ("blue", "Cancel")):
        field.set_input_files({"name": "cover.png", "mimeType": "image/png", "buffer": painted(colour)})
        expect(dialog.get_by_role("img", name="How the picture will look")).to_be_visible()
        dialog.get_by_role("button", name=name).click()
        expect(dialog).to_have_count(0)
        eventually(lambda: cover.evaluate(REDDEST) > 200, within=60, what="the picture that was sent")
    page.get_by_role("button", name="Remove the picture").click()
    expect(page.get_by_role("button", name="Give it a picture")).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    eventually(lambda: cover.evaluate(REDDEST) > 200, within=60, what="the picture that came back")
    page.get_by_role("button", name="Remove the picture").click()
    # Whoever leaves has made up their mind.
    page.get_by_role("link", name="Library").first.click()
    page.wait_for_url("**/library/")
    page.reload()
    eventually(lambda: not member.api(f"/tracks/{track}")["has_cover"], within=60, what="the removal")
    assert member.complaints == []


def test_no_token_lies_where_scripts_or_strangers_reach_it(member: Visitor) -> None:
    stored = member.page.evaluate("JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})")
    assert "token" not in stored.lower()
    assert "eyJ" not in stored
    cookies = {cookie["name"]: cookie for cookie in member.context.cookies()}
    session = next(cookie for name, cookie in cookies.items() if name.endswith("musicgen_session"))
    assert session["httpOnly"]
    assert session["sameSite"] == "Lax"
    assert session["value"] not in stored
    assert member.hosts == {member.platform.url.split("//")[1]}


def test_ended_session_leads_back_to_the_door_and_the_idea_is_kept(member: Visitor) -> None:
    page = member.page
    member.go("/create/")
    page.locator("#prompt").fill("an idea that must not get lost")
    cookies = member.context.cookies()
    member.context.clear_cookies()
    page.get_by_role("button", name="Make it", exact=True).click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("Username or e-mail").fill(member.username)
    page.get_by_label("Password").fill("wrong " + PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("do not fit together")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/create/")
    expect(page.locator("#prompt")).to_have_value("an idea that must not get lost")
    assert cookies != member.context.cookies()


@pytest.mark.slow
def test_cut_connection_loses_nothing(member: Visitor) -> None:
    page = member.page
    member.go("/create/")
    card = member.make("slow ambient for a long night", 60)
    expect(card.get_by_role("progressbar")).to_be_attached()
    member.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    member.context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_have_count(0)
    expect(member.card("slow ambient").get_by_role("link", name="Track page")).to_be_visible(timeout=60_000)

    # Where no socket comes up at all, the page asks instead.
    page = member.context.new_page()
    page.set_default_timeout(30_000)
    refused: list[str] = []
    page.route_web_socket("**/api/v1/ws", lambda socket: (refused.append(socket.url), socket.close()))
    asking = Visitor(member.platform, member.context, page)
    asking.go("/create/")
    card = asking.make("short ambient without a socket", 15)
    expect(card.get_by_role("link", name="Track page")).to_be_visible(timeout=60_000)
    assert refused
    page.close()


@pytest.mark.slow
def test_correction_of_what_was_understood_makes_a_take_with_it(member: Visitor) -> None:
    page = member.page
    member.finished_track("plain little tune", 3)
    member.go("/create/")
    card = member.card("Plain little tune")
    card.get_by_role("button", name="Change and remake").click()
    card.get_by_label("Style").select_option("reggae")
    card.get_by_role("button", name="Make this take").click()
    # Both stand side by side in one entry of the list.
    takes = page.locator("main section li").filter(has_text="lain little tune")
    expect(takes.get_by_role("button", name="Change and remake")).to_have_count(2, timeout=60_000)
    done = eventually(
        lambda: (job := member.newest_job())["status"] == "succeeded" and job, within=60, what="the corrected take"
    )
    assert member.api(f"/tracks/{done['result']['track_ids'][0]}")["spec"]["genre"] == "reggae"


def test_recordings_are_uploaded_one_after_the_other_and_one_without_sound_is_refused_in_words(member: Visitor) -> None:
    page = member.page
    member.go("/library/")
    field = page.get_by_label("Upload", exact=True).first
    sound = io.BytesIO()
    tone = np.sin(np.arange(2 * 44_100) * 2 * np.pi * 220 / 44_100) * 0.25
    soundfile.write(sound, tone, 44_100, format="WAV", subtype="PCM_16")
    field.set_input_files(
        [
            {"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"this is no music at all " * 99},
            {"name": "my own tone.wav", "mimeType": "audio/wav", "buffer": sound.getvalue()},
        ]
    )
    expect(page.get_by_text("song.mp3 cannot be used")).to_be_visible()
    expect(page.get_by_text("my own tone.wav is in the library")).to_be_visible()
    expect(page.locator("main").get_by_role("link", name="my own tone")).to_be_visible()
