"""The running platform against its own OpenAPI document (schemathesis): no 5xx, no answer that it does not describe."""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.support.real_services import real_services
from tests.support.user_management import PASSWORD, UserManagement

pytestmark = pytest.mark.integration

# They end the credential that everything else is asked with; `test_matrix` and `test_account_security` ask them.
ENDING = ("logout", "close_session", "delete_me")

# The lives of the things that people make: so few at a time that made-up calls come far along them.
CHAINS = {
    "playlists": ("create_playlist", "get_playlist", "update_playlist", "delete_playlist", "list_playlist_tracks"),
    "projects": ("create_project", "get_project", "update_project", "delete_project"),
    "comments": ("list_tracks", "get_track", "add_comment", "edit_comment", "remove_comment", "list_comments"),
    "shares": ("list_tracks", "get_track", "create_share", "list_shares", "revoke_share"),
    "keys": ("create_api_key", "list_api_keys", "revoke_api_key"),
    "jobs": ("generate", "get_job", "list_jobs", "cancel_job"),
}

# What no schema can say is refused as 422, too: a wrong password, a used token, a model that takes no lyrics.
BEYOND_SCHEMAS = "positive_data_acceptance"

# What there is to follow from the first list on; some of it is deleted on the way.
TRACKS = 5

# No waiting for jobs that nobody runs here. What is followed is what the document says, not what a tool makes out.
CONFIGURATION = """
[parameters]
"query.wait" = 0

[phases.stateful.inference]
algorithms = []
"""


@pytest_asyncio.fixture
async def platform(
    user_management: UserManagement, servers_folder: Path, tmp_path: Path, sql: asyncpg.Connection
) -> AsyncIterator[tuple[str, str]]:
    """The platform's address and an administrator's access token."""
    person = await user_management.sign_up()
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", person.id)
    # Before there is a worker, which would take their jobs.
    for number in range(TRACKS):
        await user_management.make_track(person, title=f"Rain {number}", public=True)
    async with real_services(user_management, servers_folder, tmp_path, rate_limits="off") as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            body = {"identifier": person.username, "password": PASSWORD}
            token = (await http.post("/api/v1/auth/login", json=body)).json()["access_token"]
        yield url, token


async def run(url: str, token: str, *options: str) -> tuple[int, str]:
    """schemathesis' exit status and what it said."""
    program = Path(sys.executable).parent / "schemathesis"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "schemathesis.toml").write_text(CONFIGURATION)
        process = await asyncio.create_subprocess_exec(
            str(program), "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}",
            *(part for name in ENDING for part in ("--exclude-operation-id", name)),
            "--request-timeout", "70", "--no-color", "--continue-on-failure", "--warnings", "off",
            "--suppress-health-check", "all", "--exclude-checks", BEYOND_SCHEMAS, *options,
            cwd=folder, env={**os.environ, "NO_PROXY": "*"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode(errors="replace")


async def test_a_sample_of_requests_gets_answers_that_the_document_describes(platform: tuple[str, str]) -> None:
    seed = os.environ.get("TEST_REQUEST_SEED", "1")
    status, said = await run(*platform, "--phases", "examples,fuzzing", "--max-examples", "2", "--seed", seed)
    print(said[-1500:])
    assert status == 0, said


def walked(said: str) -> tuple[int, int]:
    """How many links were followed, and how many there are."""
    found = re.search(r"API Links:\s+(\d+) covered / (\d+) selected", said)
    assert found is not None, said
    return int(found[1]), int(found[2])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
async def test_chains_from_the_making_of_things_to_their_end_hold(
    platform: tuple[str, str], chain: tuple[str, ...]
) -> None:
    only = [part for name in chain for part in ("--include-operation-id", name)]
    status, said = await run(*platform, "--phases", "stateful", "--max-examples", "40", "--seed", "1", *only)
    print(said[-1500:])
    assert status == 0, said
    assert walked(said)[0] > 0, said


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_stateful_calls_of_every_operation_find_nothing(platform: tuple[str, str]) -> None:
    status, said = await run(*platform, "--phases", "stateful", "--max-examples", "500")
    print(said[-3000:])
    # Beginning anywhere among 164 operations it comes upon few links, or none: that they are walked the chains show.
    assert status == 0, said


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_every_phase_of_schemathesis_finds_nothing(platform: tuple[str, str]) -> None:
    status, said = await run(*platform, "--checks", "all", "--max-examples", "20")
    print(said[-3000:])
    assert status == 0, said
