from pathlib import Path
from typing import Any

import pytest

from protos.users.v1 import jobs_pb2
from services.shared.secrets import create_missing
from services.standalone import worker_death

pytestmark = pytest.mark.integration


async def test_reported_death_frees_the_workers_job_at_once(user_management: Any) -> None:
    person = await user_management.sign_up()
    job = await user_management.create(person)
    leased = await user_management.claim("dead-one")
    assert leased.job.id == job.id
    assert await worker_death.report("dead-one", user_management.address, user_management.secrets_dir) == 1
    again = await user_management.get(person, job.id)
    assert again.status == jobs_pb2.JOB_STATUS_QUEUED
    assert again.attempts == 1
    assert await worker_death.report("dead-one", user_management.address, user_management.secrets_dir) == 0


def test_death_that_nobody_hears_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    create_missing(tmp_path)
    monkeypatch.setattr(worker_death, "_SECONDS", 0.3)
    assert worker_death.main(["gone", f"unix:{tmp_path}/nobody.sock", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("The death of gone was not reported: ")
    assert len(said.splitlines()) == 1
