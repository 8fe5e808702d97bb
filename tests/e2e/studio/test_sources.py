"""Takes that begin with more than words: a tune, another track, a form, a song to vary; and the notes of a song."""

import io

import mido
import pytest
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def choose_model(visitor: Visitor, title: str) -> None:
    page = visitor.page
    page.get_by_role("button", name="choose another model").click()
    page.get_by_role("group", name="choose another model").get_by_role("button", name=title).first.click()


def begin(visitor: Visitor) -> None:
    """The create page with nothing written on it."""
    visitor.go("/create/")
    visitor.page.evaluate("sessionStorage.removeItem('studio.draft')")
    visitor.page.reload()


def more(visitor: Visitor) -> None:
    """Open what can be set beside the prompt."""
    button = visitor.page.get_by_role("button", name="More", exact=True)
    if button.get_attribute("aria-expanded") == "false":
        button.click()


def test_notes_of_a_song_are_seen_sought_in_and_taken_away(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("walking bass and piano", 8)
    member.go(f"/track/?id={track}")
    roll = page.get_by_role("slider", name="Position in the notes")
    expect(roll).to_be_visible()
    section = page.locator("section[aria-labelledby=roll]")
    inked = (
        "(c) => { const {data} = c.getContext('2d').getImageData(0, 30, c.width, c.height - 30);"
        " const seen = new Set(); for (let at = 0; at < data.length; at += 4)"
        " if (data[at + 3] > 80) seen.add(data[at] + ',' + data[at + 1] + ',' + data[at + 2]); return seen.size; }"
    )
    canvas = section.locator("canvas")
    eventually(lambda: canvas.evaluate(inked) > 4, within=60, what="notes on the canvas")
    with page.expect_download() as download:
        section.get_by_role("link", name="MIDI").click()
    song = mido.MidiFile(file=io.BytesIO(download.value.path().read_bytes()))
    named = [part.name for part in song.tracks if any(message.type == "note_on" for message in part)]
    assert named
    for name in named:
        expect(section.get_by_role("button", name=name, exact=True).first).to_have_attribute("aria-pressed", "true")
    roll.press("ArrowRight")
    roll.press("ArrowRight")
    eventually(member.hears_something, within=60, what="the song")
    expect(page.get_by_role("region", name="Player")).to_contain_text("Walking bass and piano")
    all_of_it = canvas.evaluate(inked)
    for name in named:
        section.get_by_role("button", name=name, exact=True).first.click()
    eventually(lambda: canvas.evaluate(inked) < all_of_it, within=60, what="an empty roll")
    page.get_by_role("region", name="Player").get_by_role("button", name="Pause").click()


def test_sung_melody_is_recorded_sent_and_followed(member: Visitor) -> None:
    page = member.page
    member.context.grant_permissions(["microphone"])
    begin(member)
    choose_model(member, "Tone")
    more(member)
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("timer")).to_contain_text("0:02")
    page.get_by_role("button", name="Keep it").click()
    melody = page.get_by_label("Follow a melody")
    eventually(lambda: melody.input_value() != "", within=60, what="the recording in the library")
    track = member.api(f"/tracks/{melody.input_value()}")
    assert track["title"].startswith("Recording")
    assert 1.5 < track["duration"] < 12
    assert track["true_peak_dbtp"] > -60
    page.reload()
    expect(melody).to_have_value(track["id"])
    member.make("whatever was sung", 15)
    eventually(lambda: member.newest_job()["kind"] == "generate", within=60, what="the take")
    assert member.newest_job()["request"]["melody_id"] == track["id"]
    melody.select_option("")
    choose_model(member, "Composer")
    expect(page.get_by_text("The chosen model does not do this. Tone does.")).to_be_visible()


@pytest.mark.slow
def test_microphone_that_is_refused_says_what_to_do(member: Visitor) -> None:
    page = member.page
    member.context.clear_permissions()
    begin(member)
    choose_model(member, "Tone")
    more(member)
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert").filter(has_text="Allow it for this page")).to_be_visible()
    page.locator("input[type=file]").set_input_files(
        {"name": "melody.wav", "mimeType": "audio/wav", "buffer": b"this is no sound"}
    )
    expect(page.get_by_label("Follow a melody")).to_have_value("")
    expect(page.locator("main [role=alert]").filter(has_text="Allow it")).to_have_count(0)
    expect(page.locator("main form [role=alert]")).to_be_visible()


@pytest.mark.slow
def test_track_is_continued_from_the_library(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("an unfinished tango", 6)
    begin(member)
    member.go(f"/track/?id={track}")
    page.get_by_role("button", name="More for An unfinished tango").click()
    page.get_by_role("link", name="Go on from here").click()
    page.wait_for_url("**/create/")
    expect(page.get_by_label("Go on from a track")).to_have_value(track)
    page.get_by_label("From second").fill("3")
    member.make("and then it rains", 15)
    card = page.locator("main section li").filter(has_text="An unfinished tango (extended)")
    expect(card.get_by_role("link", name="Track page")).to_be_visible(timeout=90_000)
    # The entry holds the track that it goes on from, too.
    done = eventually(
        lambda: (job := member.newest_job())["status"] == "succeeded" and job, within=90, what="the longer track"
    )
    assert (done["request"]["continue_from_id"], done["request"]["continue_at"]) == (track, 3)
    assert member.api(f"/tracks/{done['result']['track_ids'][0]}")["parent_id"] == track


@pytest.mark.slow
def test_form_is_laid_out_in_sections_with_words(member: Visitor) -> None:
    page = member.page
    begin(member)
    more(member)
    page.get_by_role("button", name="Lay out the form").click()
    page.get_by_label("What section 1 is like").fill("only a soft pad")
    page.get_by_label("Length of section 2").select_option("4")
    page.get_by_role("button", name="Remove section 4").click()
    page.get_by_role("button", name="Move section 3 earlier").click()
    expect(page.get_by_text("16 bars").first).to_be_visible()
    member.page.locator("#prompt").fill("a song with a plan")
    page.get_by_role("button", name="Make it", exact=True).click()
    eventually(lambda: member.newest_job()["request"].get("prompt") == "a song with a plan", within=60, what="the take")
    asked = [
        (part["section"], part["bars"], part.get("prompt", "")) for part in member.newest_job()["request"]["structure"]
    ]
    assert asked == [("intro", 4, "only a soft pad"), ("chorus", 8, ""), ("verse", 4, "")]
    page.get_by_role("button", name="Leave it to the model").click()
    expect(page.get_by_role("button", name="Lay out the form")).to_be_visible()


@pytest.mark.slow
def test_variations_stand_side_by_side_and_take_over_from_each_other(member: Visitor) -> None:
    page = member.page
    begin(member)
    card = member.make("gentle samba for a slow day", 15)
    card.get_by_role("button", name="Vary").click(timeout=90_000)
    group = page.get_by_role("listitem", name="2 takes side by side")
    cards = group.get_by_role("listitem")
    expect(cards.get_by_role("link", name="Track page")).to_have_count(2, timeout=90_000)
    plays = cards.get_by_role("button", name="Play ")
    plays.nth(0).click()
    player = page.get_by_role("region", name="Player")
    eventually(member.hears_something, within=60, what="the first variation")
    player.get_by_role("slider", name="Position").first.fill("4")
    where = "+document.querySelector('[aria-label=Player] input[aria-label=Position]').value"
    eventually(lambda: page.evaluate(where) >= 2, within=60, what="some seconds")
    before = page.evaluate(where)
    cards.nth(1).get_by_role("button", name="Play ").click()
    eventually(lambda: page.evaluate(where) >= before, within=60, what="the same second of the other one")
    eventually(member.hears_something, within=60, what="the second variation")
    player.get_by_role("button", name="Pause").click()
