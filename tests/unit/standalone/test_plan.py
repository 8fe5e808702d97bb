import signal
from pathlib import Path

import pytest

from services.standalone.plan import Addresses, compose
from services.standalone.postgres import PostgresServer
from services.standalone.program import ChildSpec, PythonService
from services.standalone.settings import StandaloneSettings
from services.standalone.valkey import ValkeyServer

HOME = Path("/srv/music")
RUN = Path("/run/mg")
ADDRESSES = Addresses(RUN, "postgresql://musicgen@/musicgen?host=/run/mg/postgres", "redis://:pw@127.0.0.1:21000/0")


def plan(outer: dict[str, str] | None = None, **settings: object) -> dict[str, ChildSpec]:
    chosen = StandaloneSettings.model_validate({"home": HOME, "generation_workers": 2, **settings})
    servers = (PostgresServer(HOME / "postgres" / "data", RUN / "postgres"), ValkeyServer(HOME / "valkey", port=21000))
    return {spec.name: spec for spec in compose(chosen, ADDRESSES, outer or {}, servers, lambda program: None)}


def environment(spec: ChildSpec) -> dict[str, str]:
    spec.program.prepare() if isinstance(spec.program, PythonService) else None
    return dict(spec.program.environment())


def test_every_process_of_the_platform_is_there() -> None:
    assert list(plan()) == [
        "postgres", "valkey", "user_management", "gateway", "generation", "generation-worker-1", "generation-worker-2",
        "processing", "processing-worker", "background",
    ]  # fmt: skip


def test_outside_servers_are_not_run() -> None:
    settings = StandaloneSettings.model_validate({"home": HOME})
    names = [spec.name for spec in compose(settings, ADDRESSES, {}, (None, None), lambda program: None)]
    assert "postgres" not in names
    assert "valkey" not in names
    assert not compose(settings, ADDRESSES, {}, (None, None), lambda program: None)[0].after


def test_services_get_the_settings_of_the_contract_under_their_prefix() -> None:
    values = environment(plan()["user_management"])
    prefix = "MUSICGEN_USER_MANAGEMENT_"
    assert values[f"{prefix}DATABASE_URL"] == ADDRESSES.database_url
    assert values[f"{prefix}REDIS_URL"] == ADDRESSES.redis_url
    assert values[f"{prefix}STORAGE_URL"] == "file:///srv/music/storage"
    assert values[f"{prefix}SECRETS_DIR"] == "/srv/music/secrets"
    assert values[f"{prefix}ADDRESS"] == "unix:/run/mg/users.sock"
    assert values[f"{prefix}LOG_FORMAT"] == "json"
    assert values[f"{prefix}SINGLE_USER"] == "false"


def test_everybody_finds_everybody() -> None:
    for name, prefix in (
        ("gateway", "GATEWAY"), ("generation-worker-1", "GENERATION"), ("processing-worker", "PROCESSING"),
        ("background", "USER_MANAGEMENT"),
    ):  # fmt: skip
        values = environment(plan()[name])
        for other in ("users", "generation", "processing"):
            assert values[f"MUSICGEN_{prefix}_{other.upper()}_ADDRESS"] == f"unix:/run/mg/{other}.sock"


def test_only_user_management_learns_the_database() -> None:
    for name, spec in plan().items():
        if isinstance(spec.program, PythonService) and name not in {"user_management", "background"}:
            assert not any("DATABASE_URL" in variable for variable in environment(spec))


def test_gateway_listens_where_the_person_said() -> None:
    values = environment(plan(port=18000, host="0.0.0.0")["gateway"])
    assert values["MUSICGEN_GATEWAY_PORT"] == "18000"
    assert values["MUSICGEN_GATEWAY_HOST"] == "0.0.0.0"


def test_what_surrounds_us_stays_and_what_we_settle_wins() -> None:
    outer = {"MUSICGEN_GATEWAY_CORS_ORIGINS": "https://a.example", "MUSICGEN_GATEWAY_PORT": "1", "HTTPS_PROXY": "p"}
    values = environment(plan(outer)["gateway"])
    assert values["MUSICGEN_GATEWAY_CORS_ORIGINS"] == "https://a.example"
    assert values["HTTPS_PROXY"] == "p"
    assert values["MUSICGEN_GATEWAY_PORT"] == "8000"


def test_metrics_are_off_unless_asked_for_and_then_apart() -> None:
    def ports(**settings: object) -> list[str]:
        services = [spec for spec in plan(**settings).values() if isinstance(spec.program, PythonService)]
        return [
            value for spec in services for name, value in environment(spec).items() if name.endswith("METRICS_PORT")
        ]

    assert set(ports()) == {"0"}
    chosen = ports(metrics=True)
    assert len(set(chosen)) == len(chosen)
    assert min(map(int, chosen)) > 9000


def test_debug_reaches_the_services() -> None:
    assert environment(plan(log="debug")["gateway"])["MUSICGEN_GATEWAY_LOG_LEVEL"] == "debug"
    assert environment(plan(log="error")["gateway"])["MUSICGEN_GATEWAY_LOG_LEVEL"] == "info"


def test_each_start_of_a_worker_has_a_new_id_and_its_death_is_told() -> None:
    worker = plan()["generation-worker-1"]
    ids = {environment(worker)["MUSICGEN_GENERATION_WORKER_ID"] for _ in range(3)}
    assert len(ids) == 3
    assert worker.on_death is not None
    assert plan()["gateway"].on_death is None


def test_stale_socket_is_removed_before_each_start(tmp_path: Path) -> None:
    socket = tmp_path / "users.sock"
    socket.touch()
    PythonService("services.user_management", {}, socket=socket).prepare()
    assert not socket.exists()


def test_edge_stops_first_and_databases_last() -> None:
    stages = {name: spec.stage for name, spec in plan().items()}
    order = ["postgres", "user_management", "generation", "generation-worker-1", "gateway"]
    assert [stages[name] for name in order] == sorted({stages[name] for name in order})
    assert stages["valkey"] == stages["postgres"]


def test_everything_waits_for_the_databases() -> None:
    for spec in plan().values():
        if isinstance(spec.program, PythonService):
            assert {"postgres", "valkey"} <= set(spec.after)
            assert spec.program.stop_signal is signal.SIGTERM


@pytest.mark.parametrize(("cores", "workers"), [(2, 1), (3, 1), (4, 2), (64, 2)])
def test_larger_machines_run_two_workers(cores: int, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.standalone.settings.os.sched_getaffinity", lambda pid: set(range(cores)))
    assert StandaloneSettings.model_validate({}).generation_workers == workers
