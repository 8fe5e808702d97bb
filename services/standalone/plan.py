"""Which processes make the platform on one machine, and with which settings: pure composition.

The names of the settings are those of docs/architecture/contracts.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.standalone.postgres import PostgresServer
from services.standalone.program import ChildSpec, Program, PythonService
from services.standalone.settings import CHECKOUT, StandaloneSettings
from services.standalone.valkey import ValkeyServer

# Stop order, highest first: callers before what they call.
_DATABASES, _ACCOUNTS, _SERVICES, _WORKERS, _EDGE = range(5)
_FIRST_METRICS_PORT_OFFSET = 1001
# A Celery worker's children serve on the ports after its own.
_METRICS_PORTS_EACH = 10

# Names of the processes, which are also the names of their logs.
GATEWAY = "gateway"
# What the frontend's build leaves behind.
STUDIO = CHECKOUT / "frontend" / "out"
USER_MANAGEMENT = "user_management"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts find each other. The three services serve on Unix sockets in `run`."""

    run: Path
    database_url: str
    redis_url: str

    def socket(self, service: str) -> Path:
        """The socket of a gRPC service."""
        return self.run / f"{service}.sock"

    def grpc(self, service: str) -> str:
        """The gRPC address of a service."""
        return f"unix:{self.socket(service)}"


def common_settings(settings: StandaloneSettings, addresses: Addresses) -> dict[str, str]:
    """The fields that every process knows, without a prefix, in the spelling of the environment."""
    return {
        "ENVIRONMENT": settings.environment,
        "SINGLE_USER": "true" if settings.single_user else "false",
        "GUESTS": "true" if settings.guests else "false",
        "REDIS_URL": addresses.redis_url,
        "STORAGE_URL": (settings.home / "storage").as_uri(),
        "SECRETS_DIR": str(settings.home / "secrets"),
        "LOG_LEVEL": "debug" if settings.log == "debug" else "info",
        "LOG_FORMAT": "json",
        "METRICS_HOST": "127.0.0.1",
        "METRICS_PORT": "0",
        "USERS_ADDRESS": addresses.grpc("users"),
        "GENERATION_ADDRESS": addresses.grpc("generation"),
        "PROCESSING_ADDRESS": addresses.grpc("processing"),
    }


def service_environment(
    outer: Mapping[str, str], prefix: str, settings: Mapping[str, str], extra: Mapping[str, str]
) -> dict[str, str]:
    """The environment of one service: what surrounds us, then its settings under its prefix, then `extra` as it is.

    What surrounds us stays, so that a person can set anything that a service knows beside what is settled here.
    """
    return {**outer, **{f"{prefix}{name}": value for name, value in settings.items()}, **extra}


def compose(
    settings: StandaloneSettings,
    addresses: Addresses,
    outer: Mapping[str, str],
    databases: tuple[PostgresServer | None, ValkeyServer | None],
    on_worker_death: Callable[[Program], None],
) -> list[ChildSpec]:
    """Every child in the order of starting. A database that is None is somebody else's server."""
    common = common_settings(settings, addresses)
    home = settings.home
    extra = {
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), outer.get("PYTHONPATH", "")])),
        # A process has few threads that allocate much; glibc's default of 8 arenas a core only costs memory.
        "MALLOC_ARENA_MAX": outer.get("MALLOC_ARENA_MAX", "2"),
    }
    specs: list[ChildSpec] = []

    def add(
        name: str,
        module: str,
        own: Mapping[str, str],
        *,
        stage: int,
        prefix: str = "",
        socket: str = "",
        after: tuple[str, ...] = (),
        worker: bool = False,
    ) -> None:
        prefix = prefix or f"MUSICGEN_{module.split('.')[1].upper()}_"
        values = {**common, **own}
        if socket:
            values["ADDRESS"] = addresses.grpc(socket)
        if settings.metrics:
            values["METRICS_PORT"] = str(settings.port + _FIRST_METRICS_PORT_OFFSET + len(specs) * _METRICS_PORTS_EACH)
        program = PythonService(
            module,
            service_environment(outer, prefix, values, extra),
            socket=addresses.socket(socket) if socket else None,
            worker_id_variable=f"{prefix}WORKER_ID" if worker else "",
        )
        specs.append(ChildSpec(name, program, stage, (*ready, *after), on_death=on_worker_death if worker else None))

    for name, server in zip(("postgres", "valkey"), databases, strict=True):
        if server is not None:
            specs.append(ChildSpec(name, server, _DATABASES, announces_ready=False))
    ready = tuple(spec.name for spec in specs)

    database = {"DATABASE_URL": addresses.database_url}
    if "MUSICGEN_USER_MANAGEMENT_PUBLIC_URL" not in outer:
        # Where the links in mails lead.
        database["PUBLIC_URL"] = f"http://127.0.0.1:{settings.port}"
    scratch = {"SCRATCH_DIR": str(home / "scratch")}
    folders = {"MODELS_DIR": str(settings.models_dir or home / "models"), "ASSETS_DIR": str(home / "assets"), **scratch}
    edge = {"HOST": settings.host, "PORT": str(settings.port)}
    if "MUSICGEN_GATEWAY_PUBLIC_URL" not in outer:
        edge["PUBLIC_URL"] = f"http://127.0.0.1:{settings.port}"
    if STUDIO.is_dir() and "MUSICGEN_GATEWAY_UI_DIR" not in outer:
        edge["UI_DIR"] = str(STUDIO)
    users = "services.user_management"
    # Workers ask for jobs at once and need the tables that the first start makes; what people wait for loads first.
    accounts = (USER_MANAGEMENT,)
    add(USER_MANAGEMENT, users, database, stage=_ACCOUNTS, socket="users")
    add(GATEWAY, "services.gateway", edge, stage=_EDGE)
    add("generation", "services.generation", folders, stage=_SERVICES, socket="generation")
    for number in range(1, settings.generation_workers + 1):
        name = f"generation-worker-{number}"
        add(name, "services.generation.worker", folders, stage=_WORKERS, after=accounts, worker=True)
    add("processing", "services.processing", scratch, stage=_SERVICES, socket="processing")
    add("processing-worker", "services.processing.worker", folders, stage=_WORKERS, after=accounts)
    add("background", f"{users}.background", database, stage=_WORKERS, after=accounts)
    return specs
