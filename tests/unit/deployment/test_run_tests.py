"""`make test` ends in time, leaves nothing running, and gives a test whose process died one more chance."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scripts import run_tests

REPORT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="a.test_x" name="fine"/>
<testcase classname="a.test_x" name="wrong"><failure message="no"/></testcase>
<testcase classname="a.test_x" name="left out"><skipped/></testcase>
<testcase classname="a.test_y" name="dies"><error message="failed on setup with &quot;worker 'gw1' crashed while
 running">worker 'gw1' crashed while running 'tests/a/test_y.py::dies[1]'</error></testcase>
</testsuite></testsuites>"""


def test_what_a_run_leaves_running_is_ended(capfd: pytest.CaptureFixture[str]) -> None:
    program = (
        "import subprocess, sys; "
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True).pid)"
    )
    assert run_tests.run_limited([sys.executable, "-c", program], 60) == 0
    printed = capfd.readouterr().out.split()
    assert not psutil.pid_exists(int(printed[0])) or psutil.Process(int(printed[0])).status() == psutil.STATUS_ZOMBIE
    assert "Ended" in printed


def test_run_out_of_time_is_interrupted_and_says_what_it_knows(capfd: pytest.CaptureFixture[str]) -> None:
    program = "import time\ntry: time.sleep(600)\nexcept KeyboardInterrupt: print('so far')"
    began = time.monotonic()
    assert run_tests.run_limited([sys.executable, "-c", program], 3) == run_tests.OUT_OF_TIME
    assert time.monotonic() - began < 50
    assert "so far" in capfd.readouterr().out


def test_report_tells_what_became_of_each_test_and_where_a_process_died(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    assert run_tests.outcomes_of(report) == {}
    assert run_tests.deadly_files(report) == []
    report.write_text(REPORT)
    assert run_tests.outcomes_of(report) == {
        "a.test_x::fine": "passed",
        "a.test_x::wrong": "failed",
        "a.test_x::left out": "skipped",
        "a.test_y::dies": "failed",
    }
    assert run_tests.deadly_files(report) == ["tests/a/test_y.py"]


@pytest.mark.parametrize("mended", [True, False])
def test_file_whose_process_died_runs_once_more_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mended: bool
) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_calm.py").write_text("def test_calm(): pass\n")
    (tests / "test_deadly.py").write_text(f"""
import os, pathlib, signal
def test_before(): pass
def test_deadly():
    died = pathlib.Path({str(tmp_path)!r}) / "died"
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    assert {mended}
""")
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    # Without the plugins that the environment has: they take longer to load than all the rest.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    options = ["-p", "xdist", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", "-c", os.devnull]
    status, outcomes = run_tests.run_parallel(
        options, ["tests"], ["-n", "2", "--dist", "loadfile"], tmp_path / "report.xml", time.monotonic() + 120
    )
    assert outcomes == {
        "tests.test_calm::test_calm": "passed",
        "tests.test_deadly::test_before": "passed",
        "tests.test_deadly::test_deadly": "passed" if mended else "failed",
    }
    assert status == (0 if mended else 1)


def test_command_offers_its_options() -> None:
    command = [sys.executable, "scripts/run_tests.py", "--help"]
    told = subprocess.run(command, cwd=run_tests.ROOT, capture_output=True, text=True, check=True).stdout
    assert "--full" in told
