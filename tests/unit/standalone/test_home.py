import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from services.standalone import home as home_module
from services.standalone.errors import StandaloneError
from services.standalone.home import DataDirectory, private_run_directory
from services.standalone.postgres import SOCKET_PATH_LIMIT_BYTES


def test_folders_inside_are_private(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "new" / "home")
    directory.open(0)
    for name in ("postgres", "storage", "secrets", "logs"):
        assert stat.S_IMODE(directory.folder(name).stat().st_mode) == 0o700
    assert (directory.path / "standalone.lock").read_text() == f"{os.getpid()}\n"
    directory.close()


def test_opening_again_after_a_close_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        directory = DataDirectory(tmp_path)
        directory.open(0)
        (directory.folder("storage") / "song").write_text("kept")
        directory.close()
    assert (tmp_path / "storage" / "song").read_text() == "kept"


def test_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path)
    first.open(0)
    with pytest.raises(StandaloneError, match=f"process {os.getpid()}"):
        DataDirectory(tmp_path).open(0)
    first.close()


def test_home_of_a_dead_instance_whose_children_still_hold_it_is_waited_for_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = DataDirectory(tmp_path)
    first.open(0)
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    (tmp_path / "standalone.lock").write_text(ended.stdout)
    monkeypatch.setattr(home_module, "_PREVIOUS_INSTANCE_SECONDS", 0.1)
    with pytest.raises(StandaloneError, match="Another instance"):
        DataDirectory(tmp_path).open(0)
    first.close()


def test_lock_of_a_directory_that_is_not_open_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StandaloneError):
        _ = DataDirectory(tmp_path).lock_descriptor


def test_run_directory_is_private_short_and_always_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    place = private_run_directory(tmp_path)
    try:
        (place / "stale.sock").touch()
        assert private_run_directory(tmp_path) == place
        assert list(place.iterdir()) == []
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert len(str(place / "postgres" / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT_BYTES
        other = private_run_directory(tmp_path / "other")
        assert other != place
        other.rmdir()
    finally:
        place.rmdir()


def test_somebody_elses_folder_of_that_name_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    place = private_run_directory(tmp_path)
    place.rmdir()
    (tmp_path / "trap").mkdir()
    place.symlink_to(tmp_path / "trap")
    try:
        chosen = None
        try:
            chosen = private_run_directory(tmp_path)
        except StandaloneError:
            return
        assert chosen != place
        assert not chosen.is_symlink()
        chosen.rmdir()
    finally:
        place.unlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root always uses the temporary folder")
def test_users_runtime_folder_is_preferred_unless_its_path_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path(tempfile.mkdtemp(dir="/tmp", prefix="mg-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert private_run_directory(tmp_path).parent == runtime
    shutil.rmtree(runtime)
    long = tmp_path / ("deep" * 40)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    place = private_run_directory(tmp_path)
    assert place.parent != long
    place.rmdir()


@pytest.mark.parametrize(
    ("failure", "cure"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "make it writable"), (errno.EACCES, "make it writable")],
)
@pytest.mark.parametrize("call", ["mkdir", "write_bytes"])
def test_directory_that_cannot_be_written_names_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, failure: int, cure: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr(Path, call, refuse)
    directory = DataDirectory(tmp_path / "home" if call == "mkdir" else tmp_path)
    with pytest.raises(StandaloneError, match=cure):
        directory.open(0)
    directory.close()


def test_nearly_full_disk_is_refused(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    with pytest.raises(StandaloneError, match="free some space"):
        directory.open(10**9)
    directory.close()
    assert [path.name for path in tmp_path.iterdir()] == ["standalone.lock"]


def test_file_in_the_place_of_the_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StandaloneError, match="another path"):
        DataDirectory(tmp_path / "file").open(0)


def test_folder_for_work_in_the_making_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "half.wav").touch()
    directory = DataDirectory(tmp_path)
    directory.open(0)
    assert list(directory.folder("scratch").iterdir()) == []
    directory.close()


def test_process_of_another_user_counts_as_alive() -> None:
    assert home_module._is_alive("1")
    assert not home_module._is_alive("nobody")
