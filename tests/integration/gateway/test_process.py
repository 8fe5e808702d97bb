import asyncio
import re
import subprocess
import sys

import httpx
import pytest

from tests.support.gateway_platform import Backend


@pytest.mark.slow
def test_the_process_says_in_one_line_why_it_cannot_start(backend: Backend) -> None:
    def start(**environment: str) -> subprocess.CompletedProcess[str]:
        settings = {f"MUSICGEN_GATEWAY_{name.upper()}": value for name, value in environment.items()}
        return subprocess.run(
            [sys.executable, "-m", "services.gateway"],
            env={"PATH": "/usr/bin", "PYTHONPATH": ".", **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )

    secrets = str(backend.folder / "secrets")
    for outcome, advice in (
        (start(secrets_dir="/nonesuch"), "/nonesuch"),
        (start(secrets_dir=secrets, rate_limits="off"), "RATE_LIMITS=off"),
        (start(secrets_dir=secrets, rate_limits_file="/nonesuch"), "/nonesuch"),
        (start(secrets_dir=secrets, single_user="true", host="0.0.0.0"), "HOST=127.0.0.1"),
        (start(secrets_dir=secrets, host="203.0.113.1"), "cannot listen on 203.0.113.1"),
    ):
        assert outcome.returncode == 1
        assert advice in outcome.stderr
        assert len(outcome.stderr.splitlines()) == 1


async def test_the_process_serves_until_it_is_told_to_end(backend: Backend) -> None:
    settings = backend.settings()
    environment = {
        f"MUSICGEN_GATEWAY_{name}": str(value)
        for name, value in {
            "PORT": 0,
            "REDIS_URL": settings.redis_url,
            "STORAGE_URL": settings.storage_url,
            "SECRETS_DIR": settings.secrets_dir,
            "USERS_ADDRESS": settings.users_address,
            "GENERATION_ADDRESS": settings.generation_address,
            "PROCESSING_ADDRESS": settings.processing_address,
        }.items()
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.gateway",
        env={"PATH": "/usr/bin", "PYTHONPATH": ".", **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b'"event":"ready"' not in (line := await process.stdout.readline()):
                assert line, "the process ended early"
        url = re.search(rb'"url":"([^"]+)"', line)[1].decode()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get("/health/ready")).status_code == 200
            process.terminate()
            # The idle connection does not hold it up.
            assert await asyncio.wait_for(process.wait(), 60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
