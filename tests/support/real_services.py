"""A whole platform in one process: the gateway in front of the real services, and a worker that makes tones."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from services.gateway.config import GatewaySettings
from services.generation.__main__ import serve as serve_generation
from services.generation.backends.protocol import BackendEnvironment
from services.generation.config import GenerationSettings
from services.generation.worker.__main__ import work
from services.processing.__main__ import serve as serve_processing
from services.processing.config import ProcessingSettings
from tests.support.backends import ToneBackend
from tests.support.gateway_platform import serving
from tests.support.user_management import UserManagement


@contextlib.asynccontextmanager
async def real_services(
    user_management: UserManagement, servers_folder: Path, tmp_path: Path, *, worker: bool = True, **gateway: Any
) -> AsyncIterator[str]:
    """Its address, once it is ready. `gateway`: settings of the gateway; without a `worker` songs wait for ever."""
    shared = {
        "redis_url": user_management.settings.redis_url,
        "storage_url": user_management.settings.storage_url,
        "secrets_dir": user_management.secrets_dir,
        "users_address": user_management.address,
        "generation_address": f"unix:{servers_folder}/g-{uuid.uuid4().hex[:8]}.sock",
        "processing_address": f"unix:{servers_folder}/p-{uuid.uuid4().hex[:8]}.sock",
        "environment": "development",
    }
    scratch = {"scratch_dir": tmp_path / "scratch"}
    generation = GenerationSettings(**shared, **scratch, address=shared["generation_address"])
    processing = ProcessingSettings(**shared, **scratch, address=shared["processing_address"])
    nowhere = Path("/nonexistent")
    backends = [ToneBackend(BackendEnvironment(nowhere, nowhere))]
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(serve_generation(generation, backends, stop)),
        *([asyncio.create_task(work(generation, backends, stop))] if worker else ()),
        asyncio.create_task(serve_processing(processing, stop)),
    ]
    async with serving(GatewaySettings(**shared, **gateway)) as (address, _, _):
        async with httpx.AsyncClient(base_url=address, trust_env=False, verify=False) as http:
            async with asyncio.timeout(60):
                while (await http.get("/health/ready")).status_code != 200:
                    assert not any(task.done() for task in tasks)
                    await asyncio.sleep(0.05)
        try:
            yield address
        finally:
            stop.set()
            await asyncio.gather(*tasks)
