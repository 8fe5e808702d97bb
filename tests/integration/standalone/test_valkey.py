from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.standalone.errors import StandaloneError
from services.standalone.valkey import ValkeyServer

pytestmark = pytest.mark.integration


@pytest.fixture
def server(short_folder: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(short_folder / "valkey")
    yield server
    server.stop()


def connect(server: ValkeyServer, database: int = 0) -> "redis.Redis":
    return redis.Redis.from_url(server.url(database))


def test_every_answered_write_outlives_kill_minus_nine(server: ValkeyServer) -> None:
    server.start()
    client = connect(server)
    for number in range(200):
        client.set(f"key:{number}", number)
    url = server.url()
    server.kill()
    server.start()
    assert server.url() == url
    assert [int(value) for value in client.mget([f"key:{number}" for number in range(200)])] == list(range(200))


def test_nothing_is_evicted_and_databases_are_apart(server: ValkeyServer) -> None:
    server.start()
    assert connect(server).config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    connect(server, 1).set("only", "here")
    assert connect(server, 0).get("only") is None


def test_strangers_on_this_machine_are_kept_out(server: ValkeyServer) -> None:
    server.start()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)).ping()
    assert (server.data_dir / "valkey.conf").stat().st_mode & 0o777 == 0o600
    assert server.password not in " ".join(psutil.Process(server.pid).cmdline())


def test_file_cut_off_in_mid_write_is_loaded_up_to_there(server: ValkeyServer) -> None:
    server.start()
    connect(server).set("first", "1")
    connect(server).set("second", "2")
    server.kill()
    [log] = (server.data_dir / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(log.read_bytes()[:-5])
    server.start()
    assert connect(server).get("first") == b"1"
    assert connect(server).get("second") is None


def test_server_that_lost_its_supervisor_is_replaced(server: ValkeyServer, short_folder: Path) -> None:
    server.start()
    connect(server).set("kept", "yes")
    successor = ValkeyServer(short_folder / "valkey")
    successor.start()
    assert connect(successor).get("kept") == b"yes"
    assert not server.running
    successor.stop()


def test_port_that_was_taken_meanwhile_is_said(server: ValkeyServer, short_folder: Path) -> None:
    server.start()
    second = ValkeyServer(short_folder / "second", port=server.port, log_path=short_folder / "second.log")
    with pytest.raises(StandaloneError, match="Valkey ended at start"):
        second.start()


def test_folder_with_odd_characters_works(short_folder: Path) -> None:
    server = ValkeyServer(short_folder / 'my "songs" \\ here', durable=False)
    server.start()
    assert connect(server).ping()
    server.stop()
