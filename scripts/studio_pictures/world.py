"""What the pictures show: a platform of their own, the people on it, and what they made and said."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import new_platform
from tests.support.authenticator import code_at
from tests.support.platform import Caller, Platform

PASSWORD = "correct horse battery"  # noqa: S105 — of people who live for as long as the pictures take
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
SONGS_OF_OTHERS = ("slow soul ballad, warm rhodes", "jazz waltz for two brushes", "driving techno, 132 bpm")
SONG_SECONDS = 30
# How long a picture waits for work of the server.
WORK_MS = 120_000
COMMENTS = (
    (3.2, "That first chord: like somebody turning on a lamp."),
    (14.0, "The brushes come in a hair late, and it is just right."),
    (14.3, "Who plays this piano? The left hand alone would carry the song."),
    (26.5, "Let this ring a little longer?"),
    (None, "On every walk home this week."),
)


@dataclass(frozen=True)
class World:
    """Addresses of what is shown."""

    url: str
    admin_password: str
    track: str
    master: str
    others_track: str
    project: str
    link: str
    locked_link: str
    playlist: str
    invitation: str


@contextmanager
def running_world() -> Iterator[World]:
    """A platform with people on it, as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="musicgen-shots-", ignore_cleanup_errors=True) as folder:
        platform = new_platform(Path(folder), MUSICGEN_GUESTS="1")
        try:
            platform.start()
            yield populate(platform)
        finally:
            platform.stop()


def ask(caller: Caller, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the server answers; raises for a refusal."""
    answer = caller.call(method, path, json=body) if body is not None else caller.call(method, path)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def finished(caller: Caller, job: dict[str, Any]) -> str:
    """The id of the track that a job made."""
    while job["status"] in {"queued", "running"}:
        job = caller.job(job["id"], wait=30)
    return str(job["result"]["track_ids"][0])


def sing(caller: Caller, prompts: tuple[str, ...]) -> list[str]:
    """Songs by somebody; their ids."""
    return [
        finished(caller, caller.generate(prompt, duration=SONG_SECONDS, seed=40 + number))
        for number, prompt in enumerate(prompts)
    ]


def populate(platform: Platform) -> World:
    """Mira makes songs, Jonas and Ada listen, Lea is new here, and Theo has a second factor."""
    shown = re.search(r"user admin, password (\S+)$", platform.log, re.MULTILINE)
    if shown is None:
        raise RuntimeError(f"the platform told no password:\n{platform.log[-2000:]}")
    mira, jonas, ada, _, theo = (platform.sign_up(name) for name in ("mira", "jonas", "ada", "lea", "theo"))
    secret = ask(theo, "POST", "/auth/totp/enroll", {"password": PASSWORD})["secret"]
    ask(theo, "POST", "/auth/totp/confirm", {"code": code_at(secret, time.time())})
    bio = "Film music by day, lullabies by night. Everything here was made on one small computer under the stairs."
    ask(mira, "PATCH", "/users/me", {"display_name": "Mira Sandström", "bio": bio})
    songs = sing(mira, SONGS)
    track = songs[0]
    by_jonas = sing(jonas, SONGS_OF_OTHERS)
    for caller, ids in ((mira, [*songs[:5], songs[6]]), (jonas, by_jonas)):
        ask(caller, "POST", "/tracks/bulk", {"track_ids": ids, "public": True})
    ask(mira, "POST", "/tracks/bulk", {"track_ids": songs[:3], "add_tags": ["night bus", "slow"]})
    ask(mira, "POST", "/tracks/bulk", {"track_ids": songs[3:5], "add_tags": ["drive"]})

    variation = finished(mira, ask(mira, "POST", "/generate", {"variation_of": track}))
    finished(jonas, ask(jonas, "POST", f"/tracks/{track}/remix", {"public": True}))
    master = finished(mira, ask(mira, "POST", "/processing/master", {"track_id": track, "preset": "streaming"}))
    project = ask(mira, "POST", "/projects", {"title": "Songs for the night bus"})["id"]
    ask(mira, "POST", "/projects", {"title": "Film, second act"})
    ask(mira, "POST", "/tracks/bulk", {"track_ids": songs[1:4], "project_id": project})
    unwanted = finished(mira, mira.generate("a take nobody wanted", duration=5))
    ask(mira, "POST", "/tracks/bulk", {"track_ids": [unwanted, variation], "trashed": True})

    for listener in (jonas, ada):
        ask(listener, "PUT", "/users/mira/follow")
        for song in songs[:4]:
            ask(listener, "PUT", f"/tracks/{song}/like")
    ask(mira, "PUT", "/users/jonas/follow")
    ask(mira, "PUT", f"/tracks/{by_jonas[0]}/like")
    said = [
        ask(caller, "POST", f"/tracks/{track}/comments", {"body": body, "position": second})["id"]
        for caller, (second, body) in zip((jonas, ada, mira, jonas, ada), COMMENTS, strict=True)
    ]
    playlist = ask(mira, "POST", "/playlists", {"title": "Evenings on the balcony"})["id"]
    for song in [*songs[:5], by_jonas[0]]:
        ask(mira, "PUT", f"/playlists/{playlist}/tracks/{song}", {})
    ask(mira, "PATCH", f"/playlists/{playlist}", {"public": True})
    for name in ("jonas", "ada"):
        ask(mira, "PUT", f"/playlists/{playlist}/members/{name}")
    ask(jonas, "POST", f"/playlists/{playlist}/invitation")
    invitation = ask(jonas, "POST", "/playlists", {"title": "Kitchen radio"})["id"]
    ask(jonas, "PUT", f"/playlists/{invitation}/tracks/{by_jonas[0]}", {})
    ask(jonas, "PUT", f"/playlists/{invitation}/members/mira")
    ask(mira, "POST", "/api-keys", {"name": "Radio bot", "scopes": ["read", "generate"], "expires_in_days": 90})

    for kind, subject, reason, details in (
        ("track", songs[1], "copyright", "The melody from 0:12 on is my song of last year."),
        ("comment", said[1], "spam", ""),
        ("user", ask(mira, "GET", "/users/me")["id"], "impersonation", "This is not the Mira who they say they are."),
    ):
        ask(jonas, "POST", "/reports", {"kind": kind, "id": subject, "reason": reason, "details": details})
    return World(
        platform.url,
        shown[1],
        track,
        master,
        by_jonas[0],
        project,
        ask(mira, "POST", f"/tracks/{track}/share", {})["token"],
        ask(mira, "POST", f"/tracks/{track}/share", {"password": "only for the band"})["token"],
        playlist,
        invitation,
    )
