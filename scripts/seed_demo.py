"""Music and people to look at: `python scripts/seed_demo.py` on a running platform, `--scale` in an empty database.

Without options it asks the running server, as any client would: four people, a few short songs each, who follow, like
and comment. What it finds already made it leaves alone, so that it can be run again.

`--scale DATABASE_URL` fills a migrated database that holds nobody else with rows alone, by COPY, for measuring lists:
10,000 people, 200,000 tracks (without audio), 2 million likes, whose counters the database's own triggers keep. Numbers
and moments are drawn with a seed: every run makes the same crowd.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import httpx
import numpy as np

DEMO_SONGS: Final = {
    "demo-ada": ("rainy-night lofi, dusty piano, 80 bpm", "gentle bossa nova with nylon guitar"),
    "demo-bela": ("driving techno 132 bpm", "dark drum and bass at 174 bpm"),
    "demo-chidi": ("jazz trio swing at 160 bpm", "slow soul ballad, warm rhodes"),
    "demo-dunja": ("epic orchestral battle, 140 bpm", "ambient pads like a slow tide"),
}
SONG_SECONDS: Final = 20
JOB_SECONDS: Final = 300

WORDS: Final = (
    *("amber", "bell", "cedar", "dawn", "ember", "fern", "glass", "harbour", "iron", "juniper", "kite", "lantern"),
    *("meadow", "night", "ocean", "paper", "quiet", "rain", "silver", "tin", "umbra", "velvet", "winter", "yarrow"),
    *("zephyr", "stone", "river", "train", "piano", "garden"),
)
TAGS: Final = ("lofi", "techno", "jazz", "ambient", "bossa", "house", "folk", "metal", "soul", "trap", "piano", "rare")
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class SeedError(Exception):
    """What kept the data from being made; the text is for the person."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    people: int = 10_000
    tracks: int = 200_000
    likes_each: int = 200
    follows_each: int = 30
    comments: int = 100_000
    seed: int = 7


# A few people, through the API


def make_demo(url: str, password: str) -> None:
    """Songs, follows, likes and comments of the demo's people. Raises `SeedError`."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=70) as http:
        people = {name: _person(http, name, password) for name in DEMO_SONGS}
        tracks = {name: _songs(http, token, DEMO_SONGS[name]) for name, token in people.items()}
        for name, token in people.items():
            for other in people.keys() - {name}:
                _ask(http, "PUT", f"/users/{other}/follow", token)
                for track_id in tracks[other]:
                    _ask(http, "PUT", f"/tracks/{track_id}/like", token)
            neighbour = next(other for other in tracks if other != name)
            said = _ask(http, "GET", f"/tracks/{tracks[neighbour][0]}/comments", token).json()["items"]
            if not any(comment["author"]["username"] == name for comment in said):
                body = {"body": "This one stays with me.", "position": 4.0}
                _ask(http, "POST", f"/tracks/{tracks[neighbour][0]}/comments", token, json=body)
    print(f"{len(people)} people with {sum(map(len, tracks.values()))} songs. Sign in as demo-ada with {password}")


def _ask(http: httpx.Client, method: str, path: str, token: str = "", **options: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        answer = http.request(method, path, headers=headers, **options)
    except httpx.TransportError as error:
        raise SeedError(f"No platform answers at {http.base_url}. Start one with make run.") from error
    if answer.is_error:
        raise SeedError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
    return answer


def _person(http: httpx.Client, name: str, password: str) -> str:
    """Their access token; an account that is there already is signed in to."""
    body = {"username": name, "email": f"{name}@example.org", "password": password}
    _ask(http, "GET", "/auth/oidc")
    answer = http.post("/auth/register", json=body)
    if answer.status_code == httpx.codes.CONFLICT:
        answer = http.post("/auth/login", json={"identifier": name, "password": password})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise SeedError(f"{name} is there with another password. Give it by --password.")
    if "access_token" not in answer.json():
        raise SeedError(f"{name} could not be signed in: {answer.text[:300]}")
    return str(answer.json()["access_token"])


def _songs(http: httpx.Client, token: str, prompts: Sequence[str]) -> list[str]:
    """Their public tracks, made where they are missing."""
    found = {item["prompt"]: item["id"] for item in _ask(http, "GET", "/tracks?limit=100", token).json()["items"]}
    for prompt in prompts:
        if prompt in found:
            continue
        body = {"prompt": prompt, "duration": SONG_SECONDS, "model": "composer", "public": True}
        job = _ask(http, "POST", "/generate", token, json=body).json()
        deadline = time.monotonic() + JOB_SECONDS
        while job["status"] in {"queued", "running"} and time.monotonic() < deadline:
            job = _ask(http, "GET", f"/jobs/{job['id']}?wait=30", token).json()
        if job["status"] != "succeeded":
            raise SeedError(f"The song “{prompt}” was not made: {job.get('error') or job['status']}")
        found[prompt] = job["result"]["track_ids"][0]
        print(f"  {prompt}", flush=True)
    return [found[prompt] for prompt in prompts]


# A crowd, by COPY


async def fill(database_url: str, scale: Scale) -> dict[str, int]:
    """Fill the database; how many rows each table got. Raises `SeedError` when somebody else lives there."""
    connection = await asyncpg.connect(database_url)
    try:
        if await connection.fetchval("SELECT count(*) FROM (SELECT 1 FROM users LIMIT 20) AS few") >= 20:
            raise SeedError("This database has people already. Take an empty one: the crowd cannot be taken out again.")
        counts = {}
        random = np.random.default_rng(scale.seed)
        async with connection.transaction():
            # Sorting and checking 2 million rows at once is quicker with room.
            await connection.execute("SET LOCAL work_mem = '256MB'; SET LOCAL maintenance_work_mem = '256MB'")
            for table, columns, rows in _tables(scale, random):
                began = time.monotonic()
                done = await connection.copy_records_to_table(table, records=rows, columns=columns)
                counts[table] = counts.get(table, 0) + int(done.rpartition(" ")[2])
                print(f"  {table}: {counts[table]:,} rows ({time.monotonic() - began:.1f} s)", flush=True)
        await connection.execute("VACUUM (ANALYZE)")
        return counts
    finally:
        await connection.close()


def ids_at(moments: Sequence[float], random: np.random.Generator) -> list[uuid.UUID]:
    """Version 7 ids (RFC 9562 §5.7) of moments in seconds since 1970: they sort by time, as the platform's own do."""
    milliseconds = (np.asarray(moments) * 1000).astype(np.uint64)
    high, low = random.integers(0, 2**62, size=(2, len(milliseconds)), dtype=np.uint64)
    found = []
    for moment, upper, lower in zip(milliseconds.tolist(), high.tolist(), low.tolist(), strict=True):
        found.append(uuid.UUID(int=moment << 80 | 7 << 76 | (upper & 0xFFF) << 64 | 2 << 62 | lower))
    return found


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _tables(scale: Scale, random: np.random.Generator) -> Iterator[tuple[str, list[str], Iterator[tuple[Any, ...]]]]:
    """Each table's columns and rows, in the order in which they need each other."""
    year = timedelta(days=300).total_seconds()
    began = EPOCH.timestamp()
    joined = np.sort(began + random.random(scale.people) * year / 2)
    people = ids_at(joined, random)
    jobs = ids_at(joined + 1, random)
    yield "users", ["id", "username", "email", "email_folded", "full_name", "created_at", "email_verified_at"], (
        (person, f"listener-{n:05}", f"listener-{n:05}@demo.invalid", f"listener-{n:05}@demo.invalid",
         f"{WORDS[n % len(WORDS)].title()} {WORDS[n // 7 % len(WORDS)].title()}", _moment(at), _moment(at))
        for n, (person, at) in enumerate(zip(people, joined, strict=True))
    )  # fmt: skip
    grant = 36_000_000
    yield "quota_accounts", ["owner_id", "balance_ms"], ((person, grant) for person in people)
    entries = ids_at(joined, random)
    yield (
        "quota_entries",
        ["id", "owner_id", "kind", "amount_ms"],
        ((entry, person, "grant", grant) for entry, person in zip(entries, people, strict=True)),
    )
    yield (
        "jobs",
        ["id", "owner_id", "kind", "queue", "status", "request", "finished_at"],
        (
            (job, person, "generate", "generation", "succeeded", "{}", _moment(at))
            for job, person, at in zip(jobs, people, joined, strict=True)
        ),
    )
    # Few make much: owners by a power law. Nobody's track is older than its owner.
    owners = (random.pareto(1.2, scale.tracks) * scale.people / 20).astype(int) % scale.people
    made = np.sort(began + year / 2 + random.random(scale.tracks) * year / 2)
    tracks = ids_at(made, random)
    yield "tracks", _TRACK_COLUMNS, _track_rows(tracks, owners, made, people, jobs, random)
    yield "likes", ["track_id", "person_id", "created_at"], _likes(scale, tracks, made, people, random)
    yield "follows", ["person_id", "other_id", "created_at"], _follows(scale, people, joined, year, random)
    said = np.sort(random.integers(0, scale.tracks, scale.comments))
    authors = random.integers(0, scale.people, scale.comments)
    comments = ids_at(made[said] + 60, random)
    yield (
        "comments",
        ["id", "track_id", "author_id", "body", "position_seconds", "created_at"],
        (
            (comment, tracks[track], people[author], "Lovely.", float(author % 30), _moment(made[track] + 60))
            for comment, track, author in zip(comments, said, authors, strict=True)
        ),
    )


_TRACK_COLUMNS: Final = [
    "id", "owner_id", "job_id", "title", "prompt", "model", "seed", "duration_seconds", "sample_rate_hz", "channels",
    "loudness_lufs", "true_peak_dbtp", "bpm", "key", "tags", "master_object_key", "midi_object_key", "licence_name",
    "licence_commercial_use", "model_revision", "engine_version", "runtime", "precision", "mastering_gain_db",
    "master_sha256", "public", "created_at",
]  # fmt: skip


def _track_rows(
    tracks: Sequence[uuid.UUID],
    owners: np.ndarray,
    made: np.ndarray,
    people: Sequence[uuid.UUID],
    jobs: Sequence[uuid.UUID],
    random: np.random.Generator,
) -> Iterator[tuple[Any, ...]]:
    draws = random.integers(0, len(WORDS), size=(len(tracks), 5))
    tagged = np.minimum((random.pareto(1.0, size=(len(tracks), 2)) * 2).astype(int), len(TAGS) - 1)
    for n, track in enumerate(tracks):
        words = [WORDS[draw] for draw in draws[n]]
        tags = sorted({TAGS[tag] for tag in tagged[n]})
        prompt = f"{tags[0]} with {' '.join(words[2:])}"
        yield (
            track, people[owners[n]], jobs[owners[n]], " ".join(words[:2]).title(), prompt, "composer", n, 30.0, 44_100,
            2, -14.0, -1.0, float(70 + n % 110), "A minor", tags, f"demo/{track}.flac", "", "CC0-1.0", True, "1", "1",
            "numpy", "float32", 0.0, "0" * 64, n % 5 > 0, _moment(made[n]),
        )  # fmt: skip


def _likes(
    scale: Scale,
    tracks: Sequence[uuid.UUID],
    made: np.ndarray,
    people: Sequence[uuid.UUID],
    random: np.random.Generator,
) -> Iterator[tuple[Any, ...]]:
    """Everybody likes as many; a few tracks are liked by very many (a power law), and new ones more than old ones."""
    number = len(tracks)
    for person in people:
        chosen: set[int] = set()
        while len(chosen) < min(scale.likes_each, number):
            popular = number - 1 - (random.pareto(0.4, scale.likes_each) * 20).astype(np.int64) % number
            anywhere = random.integers(0, number, scale.likes_each)
            mixed = np.where(random.random(scale.likes_each) < 0.4, popular, anywhere)
            chosen.update(mixed.tolist()[: scale.likes_each - len(chosen)])
        delays = random.random(len(chosen)) * 30 * 86_400
        for track, delay in zip(sorted(chosen), delays, strict=True):
            yield tracks[track], person, _moment(made[track] + delay)


def _follows(
    scale: Scale, people: Sequence[uuid.UUID], joined: np.ndarray, year: float, random: np.random.Generator
) -> Iterator[tuple[Any, ...]]:
    number = len(people)
    for n, person in enumerate(people):
        wanted = (random.pareto(0.6, scale.follows_each) * 20).astype(np.int64) % number
        others = sorted(set(wanted.tolist()) - {n})
        for other in others:
            yield person, people[other], _moment(float(max(joined[n], joined[other])) + 3_600 + year / 4)


def main() -> int:
    """Make what is asked for; 1 with a sentence when it cannot be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the running platform")
    parser.add_argument("--password", default="", help="of the demo's people; drawn when it is not given")
    parser.add_argument("--scale", metavar="DATABASE_URL", help="fill this empty, migrated database instead")
    arguments = parser.parse_args()
    try:
        if arguments.scale:
            began = time.monotonic()
            counts = asyncio.run(fill(arguments.scale, Scale()))
            print(f"{sum(counts.values()):,} rows in {time.monotonic() - began:.0f} s")
        else:
            make_demo(arguments.url.rstrip("/"), arguments.password or secrets.token_urlsafe(12))
    except (SeedError, OSError, asyncpg.PostgresError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
