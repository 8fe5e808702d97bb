"""Lists on a crowd: `python scripts/bench_lists.py [--requests 200]`. Takes minutes, and about 3 GB of disk.

Fills a PostgreSQL of its own with 10,000 people, 200,000 tracks and 2 million likes (`seed_demo.py --scale`), looks at
the plan of every list, then starts the platform on it and measures search, feed and explore over HTTP, one request at a
time. Ends with 1 when a plan reads a large table from end to end, a request fails, or a p95 is above 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import asyncpg  # noqa: E402
import httpx  # noqa: E402
from sqlalchemy.ext.asyncio import AsyncConnection  # noqa: E402

from scripts.load_test import start  # noqa: E402
from scripts.seed_demo import TAGS, WORDS, Scale, fill  # noqa: E402
from services.standalone.postgres import PostgresServer  # noqa: E402
from services.user_management.accounts.repository import UserRepository  # noqa: E402
from services.user_management.audit.repository import AuditLog  # noqa: E402
from services.user_management.auth.repository import SessionRepository  # noqa: E402
from services.user_management.database import Database, open_engine  # noqa: E402
from services.user_management.library.repository import TrackRepository  # noqa: E402
from services.user_management.library.search import Order, Wanted  # noqa: E402
from services.user_management.migrate import migrate  # noqa: E402
from tests.integration.user_management.test_social_plans import CALLS, LARGE, Crowd, touched  # noqa: E402
from tests.load.raised_limits import raised  # noqa: E402
from tests.support.asked import note_queries  # noqa: E402

P95_LIMIT_MS: Final = 50.0
FOLLOWED: Final = 200
MUTED: Final = 200
BLOCKED: Final = 50

Ask = Callable[[Crowd, AsyncConnection], Awaitable[Any]]


def _mine(wanted: Wanted) -> Ask:
    return lambda crowd, connection: TrackRepository(connection).listed(crowd.viewer, wanted, "", 21)


LISTS: Final[dict[str, Ask]] = {name: ask for name, (ask, _, _) in CALLS.items()} | {
    "one's library, newest": _mine(Wanted()),
    "one's library, by title": _mine(Wanted(order=Order.TITLE)),
    "one's library, by words": _mine(Wanted(query="rain piano", order=Order.RELEVANCE)),
    "one's library, by tag": _mine(Wanted(tags=("rare",))),
    "one's library, public": _mine(Wanted(public=True)),
    "one's trash": _mine(Wanted(trashed=True)),
    "one's devices": lambda crowd, connection: SessionRepository(connection).live(crowd.viewer),
    "an administrator's accounts": lambda _, connection: UserRepository(connection).page(
        search="listener-09", role="", before_id=None, limit=21
    ),
    "an administrator's log": lambda crowd, connection: AuditLog(connection).page(
        user_id=crowd.viewer, action="", before_id=None, limit=21
    ),
}


async def check_plans(url: str) -> int:
    """Print what each list's plan uses; how many of them read a large table from end to end."""
    sql = await asyncpg.connect(url)
    engine = open_engine(url, connections=2, statement_seconds=60.0)
    asked = note_queries(engine)
    database = Database(engine)
    try:
        # Whoever made most: the library that is longest.
        viewer: UUID = await sql.fetchval("SELECT person_id FROM person_standings ORDER BY tracks DESC LIMIT 1")
        track: UUID = await sql.fetchval("SELECT track_id FROM track_standings ORDER BY comments DESC LIMIT 1")
        crowd = Crowd(database, sql, asked, viewer, track)
        # Lists leave out whom one mutes and whom one blocks: both are looked for in tables that hold some.
        for table, count in (("mutes", MUTED), ("blocks", BLOCKED)):
            chosen = "SELECT $1, id FROM users WHERE id <> $1 ORDER BY username DESC LIMIT $2"
            await sql.execute(f"INSERT INTO {table} (person_id, other_id) {chosen}", viewer, count)
            await sql.execute(f"ANALYZE {table}")
        wrong = 0
        print(f"\n{'list':<30}{'rows read':>10}{'executor ms':>12}{'ms':>8}  by")
        for name, ask in LISTS.items():
            nodes = await crowd.plans(lambda connection, ask=ask: ask(crowd, connection))
            began = time.perf_counter()
            await database.read(lambda connection, ask=ask: ask(crowd, connection))
            spent = (time.perf_counter() - began) * 1000
            # The driver tells of what it was asked a moment later, which is not to count for the next list.
            await asyncio.sleep(0)
            executed = sum(node.get("Execution Time", 0.0) for node in nodes)
            done = [node for node in nodes if node["Actual Loops"]]
            scanned = sorted({node["Relation Name"] for node in done if node["Node Type"] == "Seq Scan"} & LARGE)
            used = sorted({node["Index Name"] for node in nodes if "Index Name" in node})
            wrong += bool(scanned)
            verdict = f"READS ALL OF {', '.join(scanned)}" if scanned else ", ".join(used)
            print(f"{name:<30}{touched(nodes):>10}{executed:>12.1f}{spent:>8.1f}  {verdict}")
        return wrong
    finally:
        await database.close()
        await sql.close()


def requests(number: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What is asked, drawn with a seed: a name for the table, a path, its parameters."""
    draw = random.Random(11)  # noqa: S311 — a measurement's choices
    for _ in range(number):
        words = " ".join(draw.sample(WORDS, draw.choice((1, 1, 2))))
        yield "search, words", "/search", {"q": words}
        yield "search, a beginning and a tag", "/search", {"q": words[:3], "tag": draw.choice(TAGS)}
        yield "search, users", "/search", {"q": f"listener {draw.randrange(100):02}", "type": "users"}
        yield "feed", "/feed", {"limit": 20}
        yield "explore, trending", "/explore", {"limit": 20}
        yield "explore, new", "/explore", {"sort": "new", "limit": 20}
        yield "explore, a tag", "/explore", {"tag": draw.choice(TAGS), "limit": 20}


def measure(url: str, database_url: str, number: int) -> int:
    """Print the percentiles of each; how many are too slow or failed."""
    spent: dict[str, list[float]] = {}
    failed = 0
    body = {"username": "bench-viewer", "email": "viewer@example.org", "password": "a viewer of many lists"}
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        pair = http.post("/auth/register", json=body).raise_for_status().json()
        http.headers["authorization"] = f"Bearer {pair['access_token']}"
        asyncio.run(_follow(database_url, pair["user"]["id"]))
        for round_number, (name, path, params) in enumerate(requests(number + 5)):
            began = time.perf_counter()
            answer = http.get(path, params=params)
            milliseconds = (time.perf_counter() - began) * 1000
            failed += answer.status_code != httpx.codes.OK
            # The first few of each find caches cold.
            if round_number >= 5 * 7:
                spent.setdefault(name, []).append(milliseconds)
            cursor = answer.json().get("next_cursor") if answer.is_success else None
            if cursor and name == "feed":
                began = time.perf_counter()
                failed += http.get(path, params={**params, "cursor": cursor}).status_code != httpx.codes.OK
                spent.setdefault("feed, second page", []).append((time.perf_counter() - began) * 1000)
    print(f"\n{'over HTTP':<32}{'requests':>9}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}  ms")
    slow = 0
    for name, times in spent.items():
        times.sort()
        p50, p95, p99 = (times[min(int(len(times) * share), len(times) - 1)] for share in (0.5, 0.95, 0.99))
        slow += p95 > P95_LIMIT_MS
        print(f"{name:<32}{len(times):>9}{p50:>8.1f}{p95:>8.1f}{p99:>8.1f}{times[-1]:>8.1f}")
    print(f"{failed} failed, {slow} with a p95 above {P95_LIMIT_MS:.0f} ms")
    return failed + slow


async def _follow(database_url: str, viewer_id: str) -> None:
    """Let the viewer follow some who make much and some who make little."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO follows (person_id, other_id) SELECT $1, person_id FROM ("
            "(SELECT person_id FROM person_standings WHERE person_id <> $1 ORDER BY tracks DESC LIMIT $2 / 2)"
            " UNION (SELECT person_id FROM person_standings WHERE person_id <> $1 ORDER BY person_id LIMIT $2 / 2)"
            ") AS chosen",
            UUID(viewer_id),
            FOLLOWED,
        )
    finally:
        await connection.close()


def main() -> int:
    """Fill, look at the plans, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    parser.add_argument("--people", type=int, default=Scale().people, help="fewer, for a quick look")
    arguments = parser.parse_args()
    whole = Scale()
    share = arguments.people / whole.people
    scale = Scale(arguments.people, int(whole.tracks * share), comments=int(whole.comments * share))
    with tempfile.TemporaryDirectory(prefix="mg-lists-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # PostgreSQL's own user has to reach its data.
        folder.chmod(0o755)
        server = PostgresServer(folder / "pg" / "data", folder / "pg" / "run", durable=False)
        server.start()
        try:
            asyncio.run(migrate(server.url()))
            began = time.monotonic()
            counts = asyncio.run(fill(server.url(), scale))
            print(f"{sum(counts.values()):,} rows in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}")
            wrong = asyncio.run(check_plans(server.url()))
            limits = str(raised(folder))
            platform = start(folder, MUSICGEN_GATEWAY_RATE_LIMITS_FILE=limits, DATABASE_URL=server.url())
            try:
                wrong += measure(platform.url, server.url(), arguments.requests)
            finally:
                platform.stop()
        finally:
            server.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
