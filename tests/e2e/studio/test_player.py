"""The player: it goes on over pages and reloads, in any order, and says what to do when it cannot."""

import pytest
from playwright.sync_api import expect

from tests.e2e.studio.conftest import Visitor
from tests.support.platform import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# What a media key does is what its handler does: the page's own handlers, kept where a test can press them.
KEEP_MEDIA_KEYS = """
const set = MediaSession.prototype.setActionHandler;
window.mediaKeys = {};
MediaSession.prototype.setActionHandler = function (action, handler) {
  window.mediaKeys[action] = handler;
  return set.call(this, action, handler);
};
"""


def test_queue_is_ordered_played_by_media_keys_and_taken_up_after_a_reload(member: Visitor) -> None:
    first = member.finished_track("morning raga", 6)
    second = member.finished_track("evening raga", 6)
    page = member.context.new_page()
    page.set_default_timeout(30_000)
    page.add_init_script(KEEP_MEDIA_KEYS)
    visitor = Visitor(member.platform, member.context, page)
    visitor.go(f"/track/?id={first}")
    page.locator("main").get_by_role("button", name="Play", exact=True).first.click()
    player = page.get_by_role("region", name="Player")
    visitor.go(f"/track/?id={second}")
    page.get_by_role("button", name="More for Evening raga").click()
    page.get_by_role("button", name="Add to queue").click()
    expect(player).to_contain_text("Morning raga")
    player.get_by_role("button", name="Queue", exact=True).click()
    queue = player.get_by_role("region", name="Queue").get_by_role("listitem")
    expect(queue).to_have_count(2)
    queue.nth(1).get_by_role("button", name="Move Evening raga up").press("Enter")
    expect(queue.nth(0)).to_contain_text("Evening raga")
    expect(queue.nth(1).get_by_role("button").first).to_have_attribute("aria-current", "true")

    page.evaluate("window.mediaKeys.play()")
    eventually(visitor.hears_something, within=60, what="the queue")
    page.evaluate("window.mediaKeys.play()")
    assert page.evaluate("navigator.mediaSession.playbackState") == "playing"
    assert page.evaluate("navigator.mediaSession.metadata.title") == "Morning raga"
    page.evaluate("window.mediaKeys.previoustrack()")
    page.evaluate("window.mediaKeys.previoustrack()")
    eventually(lambda: "Evening raga" in (player.text_content() or ""), within=60, what="the one before")
    page.evaluate("window.mediaKeys.seekto({seekTime: 2})")
    page.evaluate("window.mediaKeys.pause()")
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()

    page.reload()
    expect(player).to_contain_text("Evening raga")
    position = player.get_by_role("slider", name="Position").first
    assert 2 <= float(position.input_value()) < 3
    page.keyboard.press("Space")
    eventually(visitor.hears_something, within=60, what="the music from before the reload")
    page.keyboard.press("Space")
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.close()


@pytest.mark.slow
def test_music_goes_on_while_one_walks_through_the_studio(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("long walk raga", 60)
    member.go(f"/track/?id={track}")
    page.locator("main").get_by_role("button", name="Play", exact=True).first.click()
    eventually(member.hears_something, within=60, what="the song")
    player = page.get_by_role("region", name="Player")
    page.evaluate("window.sameLoad = true")
    places = page.get_by_role("navigation", name="Places")
    for place, heading in (("Library", "Library"), ("Community", "Community"), ("Studio", "Open a track")):
        places.get_by_role("link", name=place).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    page.get_by_role("main").get_by_role("link", name="Long walk raga").click()
    expect(page.get_by_role("list", name="Channels")).to_be_visible()
    expect(player.get_by_role("button", name="Pause")).to_be_visible()
    expect(player).to_contain_text("Long walk raga")
    assert page.evaluate("window.sameLoad") is True
    assert member.hears_something()
    player.get_by_role("button", name="Pause").click()
    assert member.complaints == []


@pytest.mark.slow
def test_lost_connection_says_so_and_music_goes_on_when_it_is_back(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("song for a thin line", 6)
    member.go(f"/track/?id={track}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Song for a thin line")
    page.route("**/audio?**", lambda route: route.abort())
    page.locator("main").get_by_role("button", name="Play", exact=True).first.click()
    player = page.get_by_role("region", name="Player")
    expect(player.get_by_role("alert")).to_contain_text("This cannot be played right now.")
    page.unroute("**/audio?**")
    player.get_by_role("button", name="Try again").click()
    eventually(member.hears_something, within=60, what="the song, at the second try")
    player.get_by_role("button", name="Pause").click()
    member.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    member.context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_have_count(0)


@pytest.mark.slow
def test_signing_out_leaves_nothing_to_take_up(member: Visitor) -> None:
    page = member.page
    track = member.finished_track("a private song", 3)
    member.go(f"/track/?id={track}")
    page.locator("main").get_by_role("button", name="Play", exact=True).first.click()
    player = page.get_by_role("region", name="Player")
    expect(player).to_contain_text("A private song")
    page.reload()
    expect(player).to_contain_text("A private song")
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/")
    expect(player).to_have_count(0)
    assert page.evaluate("sessionStorage.getItem('studio.queue')") is None
