"""The keeper against a ledger that a test scripts, over a real gRPC channel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.shared.leases import CancelRequested, Lease, LeaseKeeper, LeaseLost, awake_clock
from tests.support.timing import PATIENCE_SECONDS


class ScriptedLedger(jobs_pb2_grpc.JobServiceServicer):
    """Answers renewals as the test says and keeps what it was told."""

    def __init__(self) -> None:
        self.beats: list[jobs_pb2.LeaseBeat] = []
        self.calls = 0
        self.not_held: set[str] = set()
        self.to_cancel: set[str] = set()
        self.down = False
        self.silent: set[str] = set()

    def Heartbeat(  # noqa: N802 — the name of the call
        self, request: jobs_pb2.HeartbeatRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.HeartbeatResponse:
        self.calls += 1
        if self.down:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the ledger is down")
        self.beats.extend(request.beats)
        return jobs_pb2.HeartbeatResponse(
            states=[
                jobs_pb2.LeaseState(
                    job_id=beat.job_id,
                    held=beat.job_id not in self.not_held,
                    cancel_requested=beat.job_id in self.to_cancel,
                )
                for beat in request.beats
                if beat.job_id not in self.silent
            ]
        )


class SteppedClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ledger() -> ScriptedLedger:
    return ScriptedLedger()


@pytest.fixture
def channel(ledger: ScriptedLedger) -> Iterator[grpc.Channel]:
    server = grpc.server(ThreadPoolExecutor(2))
    jobs_pb2_grpc.add_JobServiceServicer_to_server(ledger, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    server.stop(0).wait()


@pytest.fixture
def keeper(channel: grpc.Channel) -> Iterator[LeaseKeeper]:
    made = LeaseKeeper(channel, "worker-1", beat_seconds=0.05, guard_seconds=1.0)
    yield made
    made.close()


def leased(job_id: str = "job-1", token: int = 1) -> jobs_pb2.LeasedJob:
    return jobs_pb2.LeasedJob(
        job=jobs_pb2.Job(id=job_id), lease_id=f"lease-{token}", fencing_token=token, lease_seconds=10.0, attempt=1
    )


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


def test_held_lease_is_renewed_again_and_again(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    with keeper.hold(leased()) as lease:
        eventually(lambda: len(ledger.beats) >= 4)
        lease.check()
        assert (ledger.beats[0].lease_id, ledger.beats[0].fencing_token) == ("lease-1", 1)


def test_several_leases_travel_in_one_renewal(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    with keeper.hold(leased("job-1")), keeper.hold(leased("job-2")):
        eventually(lambda: {beat.job_id for beat in ledger.beats} == {"job-1", "job-2"})
        before = (ledger.calls, len(ledger.beats))
        eventually(lambda: ledger.calls >= before[0] + 3)
        assert len(ledger.beats) - before[1] >= 2 * (ledger.calls - before[0]) - 2


def test_dropped_lease_is_not_renewed_any_more(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    with keeper.hold(leased("job-1")):
        eventually(lambda: len(ledger.beats) >= 1)
    with keeper.hold(leased("job-2")):
        eventually(lambda: any(beat.job_id == "job-2" for beat in ledger.beats))
        after = next(index for index, beat in enumerate(ledger.beats) if beat.job_id == "job-2")
        assert all(beat.job_id == "job-2" for beat in ledger.beats[after:])


def test_renewal_carries_the_latest_progress_which_never_falls(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    with keeper.hold(leased()) as lease:
        lease.progress(0.5, "halfway", 2.0)
        lease.progress(0.25, "a step back", None)
        eventually(lambda: any(beat.stage == "a step back" for beat in ledger.beats))
        beat = next(beat for beat in ledger.beats if beat.stage == "a step back")
        assert (beat.progress, beat.eta_seconds) == (0.5, 0.0)


def test_new_progress_is_reported_before_the_next_renewal_is_due(channel: grpc.Channel, ledger: ScriptedLedger) -> None:
    keeper = LeaseKeeper(channel, "worker-1", beat_seconds=60.0)
    with keeper.hold(leased()) as lease:
        lease.progress(0.1, "the first step")
        eventually(lambda: any(beat.stage == "the first step" for beat in ledger.beats))
    keeper.close()


def test_refused_lease_is_lost_and_its_holder_is_told_once(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    told: list[Lease] = []
    lease = keeper.hold(leased(), on_stop=told.append)
    ledger.not_held.add("job-1")
    eventually(lambda: lease.lost)
    with pytest.raises(LeaseLost):
        lease.check()
    eventually(lambda: told == [lease])
    assert keeper.held() == []


def test_lease_that_the_ledger_does_not_mention_is_lost(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    ledger.silent.add("job-1")
    lease = keeper.hold(leased())
    eventually(lambda: lease.lost)


def test_cancel_in_a_renewal_stops_the_work(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    told = threading.Event()
    with keeper.hold(leased(), on_stop=lambda _: told.set()) as lease:
        ledger.to_cancel.add("job-1")
        assert told.wait(5.0)
        assert lease.cancel_requested
        with pytest.raises(CancelRequested):
            lease.check()


def test_pushed_cancel_reaches_only_its_job(keeper: LeaseKeeper) -> None:
    with keeper.hold(leased("job-1")) as first, keeper.hold(leased("job-2")) as second:
        assert keeper.cancel("job-2")
        assert not keeper.cancel("job-3")
        first.check()
        with pytest.raises(CancelRequested):
            second.check()


def test_worker_that_cannot_renew_falls_silent_before_the_lease_ends(
    keeper: LeaseKeeper, ledger: ScriptedLedger
) -> None:
    ledger.down = True
    told = threading.Event()
    started = time.monotonic()
    lease = keeper.hold(leased(), on_stop=lambda _: told.set())
    assert told.wait(10.0)
    assert lease.lost
    assert time.monotonic() - started >= 1.0


def test_short_outage_costs_no_lease(channel: grpc.Channel, ledger: ScriptedLedger) -> None:
    keeper = LeaseKeeper(channel, "worker-1", beat_seconds=0.05, guard_seconds=10.0)
    ledger.down = True
    with keeper.hold(leased()) as lease:
        eventually(lambda: ledger.calls >= 1)
        ledger.down = False
        eventually(lambda: len(ledger.beats) >= 1)
        lease.check()
    keeper.close()


def test_stopped_process_finds_its_lease_lost_without_any_thread_having_run(channel: grpc.Channel) -> None:
    clock = SteppedClock()
    keeper = LeaseKeeper(channel, "worker-1", beat_seconds=1e9, clock=clock)
    lease = keeper.hold(leased())
    clock.now += 7.9
    assert not lease.lost
    clock.now += 0.2
    assert lease.lost
    lease.renewed(clock.now)
    assert lease.lost, "a lease that was lost stays lost, whatever comes late"
    keeper.close()


def test_lease_counts_from_before_the_claim(channel: grpc.Channel) -> None:
    clock = SteppedClock()
    keeper = LeaseKeeper(channel, "worker-1", beat_seconds=1e9, clock=clock)
    lease = keeper.hold(leased(), claimed_at=clock.now - 7.0)
    clock.now += 1.5
    assert lease.lost
    keeper.close()


def test_claiming_a_job_again_ends_the_older_lease(keeper: LeaseKeeper) -> None:
    older = keeper.hold(leased(token=1))
    newer = keeper.hold(leased(token=2))
    assert older.lost
    newer.check()
    assert keeper.held() == [newer]


def test_failing_callback_does_not_stop_other_renewals(keeper: LeaseKeeper, ledger: ScriptedLedger) -> None:
    def fail(_: Lease) -> None:
        raise RuntimeError("the holder has a bug")

    keeper.hold(leased("job-1"), on_stop=fail).request_cancel()
    with keeper.hold(leased("job-2")):
        before = ledger.calls
        eventually(lambda: ledger.calls >= before + 2)


def test_default_clock_runs_on() -> None:
    first = awake_clock()
    assert awake_clock() >= first
