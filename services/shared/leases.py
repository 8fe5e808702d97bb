"""Holding a job's lease while its work runs: one thread renews every lease of a worker process.

    keeper = LeaseKeeper(open_sync_channel(address, token), worker_id)          # after a fork, never before one
    asked_at = keeper.clock()
    answer = jobs.ClaimNext(…)
    with keeper.hold(answer.leased, claimed_at=asked_at) as lease:
        for part in work:
            lease.check()                                    # LeaseLost, or CancelRequested
            lease.progress(0.4, "making the bass", eta_seconds=3.0)
        lease.check()
        jobs.Complete(lease_id=lease.lease_id, fencing_token=lease.fencing_token, …)

The thread does nothing but renew, so work that holds a core, or waits, never costs the lease. A renewal counts from the
moment at which it was *sent*, by a clock that also runs while the machine or the process is stopped: when none has
succeeded for `guard_seconds` (8), the lease counts as lost here, before it ends (10 s) in the ledger, and its holder
must write nothing more. What `lost` answers is computed from the clock at that moment; it needs no thread to have run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

import grpc
import structlog

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc

BEAT_SECONDS: Final = 3.0
GUARD_SECONDS: Final = 8.0
PROGRESS_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.5
CALL_SECONDS: Final = 2.0

_log = structlog.get_logger(__name__)


class LeaseLost(Exception):  # noqa: N818 — an outcome, not an error
    """The job is no longer this worker's: write nothing, report nothing."""


class CancelRequested(Exception):  # noqa: N818 — an outcome, not an error
    """The job's owner wants its end: stop the work and call `JobService.Release`."""


def awake_clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system offers such a clock (Linux)."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Lease:
    """The right to run one job. Made by `LeaseKeeper.hold`; every method may be called from any thread."""

    def __init__(
        self,
        keeper: LeaseKeeper,
        leased: jobs_pb2.LeasedJob,
        renewed_at: float,
        on_stop: Callable[[Lease], None] | None,
    ) -> None:
        self.leased: Final = leased
        self.job_id: Final = leased.job.id
        self.lease_id: Final = leased.lease_id
        self.fencing_token: Final = leased.fencing_token
        self.attempt: Final = leased.attempt
        self._keeper = keeper
        self._renewed_at = renewed_at
        self._on_stop = on_stop
        self._lock = threading.Lock()
        self._lost = False
        self._cancel_requested = False
        self._stop_told = False
        self._fraction = 0.0
        self._stage = ""
        self._eta_seconds = 0.0
        self._unreported = False

    @property
    def lost(self) -> bool:
        """Whether the lease has to be taken as gone: refused by the ledger, or not renewed for the guard time."""
        with self._lock:
            if not self._lost and self._keeper.clock() - self._renewed_at > self._keeper.guard_seconds:
                self._lost = True
            return self._lost

    @property
    def cancel_requested(self) -> bool:
        """Whether the job's owner asked for its end."""
        return self._cancel_requested

    def check(self) -> None:
        """Raise `LeaseLost` or `CancelRequested` when the work has to stop. Cheap; call it before every write."""
        if self.lost:
            raise LeaseLost(self.job_id)
        if self._cancel_requested:
            raise CancelRequested(self.job_id)

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Set what the next renewal reports: 0 to 1 (never falls), a stage in a person's words, seconds to go."""
        with self._lock:
            self._fraction = max(self._fraction, min(1.0, fraction))
            self._stage = stage
            self._eta_seconds = eta_seconds or 0.0
            self._unreported = True

    def request_cancel(self) -> None:
        """Note that the job's owner asked for its end (pushed over Valkey, quicker than the next renewal)."""
        self._cancel_requested = True
        self.tell_stop()

    def drop(self) -> None:
        """Stop renewing: after `Complete`, `Fail` or `Release`, or when the work was given up. Idempotent."""
        self._keeper.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.drop()

    # What follows is the keeper's side.

    @property
    def unreported(self) -> bool:
        """Whether progress was set since the last renewal."""
        return self._unreported

    @property
    def guard_ends_at(self) -> float:
        """When the lease counts as lost unless renewed before, by the keeper's clock."""
        return self._renewed_at + self._keeper.guard_seconds

    def beat(self) -> jobs_pb2.LeaseBeat:
        """What the next renewal says of this lease."""
        with self._lock:
            self._unreported = False
            return jobs_pb2.LeaseBeat(
                job_id=self.job_id,
                lease_id=self.lease_id,
                fencing_token=self.fencing_token,
                progress=self._fraction,
                stage=self._stage,
                eta_seconds=self._eta_seconds,
            )

    def renewed(self, sent_at: float) -> None:
        """The ledger took a renewal that was sent at `sent_at`. A lease that was lost meanwhile stays lost."""
        if not self.lost:
            with self._lock:
                self._renewed_at = max(self._renewed_at, sent_at)

    def refused(self) -> None:
        """The ledger says that the lease is gone."""
        with self._lock:
            self._lost = True
        self.tell_stop()

    def tell_stop(self) -> None:
        """Call the holder's `on_stop`, once."""
        with self._lock:
            if self._stop_told:
                return
            self._stop_told = True
        if self._on_stop is not None:
            try:
                self._on_stop(self)
            except Exception:
                _log.exception("lease_callback_failed", job_id=self.job_id)


class LeaseKeeper:
    """Renews every held lease of one worker process from a daemon thread of its own.

    `channel` is a synchronous gRPC channel to user_management that carries a service token. Threads do not survive a
    fork: make the keeper in the process that works.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        worker_id: str,
        *,
        beat_seconds: float = BEAT_SECONDS,
        guard_seconds: float = GUARD_SECONDS,
        clock: Callable[[], float] = awake_clock,
    ) -> None:
        self.worker_id: Final = worker_id
        self.guard_seconds: Final = guard_seconds
        self.clock: Final = clock
        self._beat_seconds = beat_seconds
        self._jobs = jobs_pb2_grpc.JobServiceStub(channel)
        self._held: dict[tuple[str, int], Lease] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._next_beat_at = 0.0
        self._last_beat_at = 0.0
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
        self._thread.start()

    def hold(
        self,
        leased: jobs_pb2.LeasedJob,
        *,
        claimed_at: float | None = None,
        on_stop: Callable[[Lease], None] | None = None,
    ) -> Lease:
        """Keep a claimed job's lease until `Lease.drop`.

        `claimed_at` is this keeper's `clock()` from before the `ClaimNext` call (now, if not given). `on_stop` is
        called once, from some thread, when the lease is lost or the job's end is asked for; a renewal that crosses
        `Complete` may also call it when the job has just been completed.
        """
        now = self.clock()
        lease = Lease(self, leased, now if claimed_at is None else claimed_at, on_stop)
        for older in self.held():
            if older.job_id == lease.job_id:  # claimed again by the same process: the ledger gave up on the older one
                older.refused()
                self.forget(older)
        with self._changed:
            if not self._held:
                self._next_beat_at = now + self._beat_seconds
            self._held[(lease.job_id, lease.fencing_token)] = lease
            self._changed.notify_all()
        return lease

    def forget(self, lease: Lease) -> None:
        """Stop renewing a lease; its holder ended it. Idempotent."""
        with self._changed:
            self._held.pop((lease.job_id, lease.fencing_token), None)

    def cancel(self, job_id: str) -> bool:
        """Pass on that a job's end was asked for; False when it is not held here."""
        found = [lease for lease in self.held() if lease.job_id == job_id]
        for lease in found:
            lease.request_cancel()
        return bool(found)

    def held(self) -> list[Lease]:
        """The leases that are being renewed now."""
        with self._changed:
            return list(self._held.values())

    def close(self) -> None:
        """End the thread. Leases still held run out by themselves."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(CALL_SECONDS + 1.0)

    def _run(self) -> None:
        while self._wait_until_due():
            leases = self.held()
            for lease in leases:
                if lease.lost:
                    lease.tell_stop()
                    self.forget(lease)
            leases = self.held()
            now = self.clock()
            if leases and (now >= self._next_beat_at or self._progress_due(leases, now)):
                self._beat(leases)

    def _wait_until_due(self) -> bool:
        """Sleep until something may have to be done; False when the keeper is closed."""
        with self._changed:
            if self._closed:
                return False
            if not self._held:
                self._changed.wait()
            else:
                now = self.clock()
                first_guard = min(lease.guard_ends_at for lease in self._held.values())
                due_at = min(self._next_beat_at, first_guard, now + PROGRESS_SECONDS / 4)
                if due_at > now:
                    self._changed.wait(due_at - now)
            return not self._closed

    def _progress_due(self, leases: list[Lease], now: float) -> bool:
        return now - self._last_beat_at >= PROGRESS_SECONDS and any(lease.unreported for lease in leases)

    def _beat(self, leases: list[Lease]) -> None:
        sent_at = self.clock()
        self._last_beat_at = sent_at
        request = jobs_pb2.HeartbeatRequest(worker_id=self.worker_id, beats=[lease.beat() for lease in leases])
        try:
            answer = self._jobs.Heartbeat(request, timeout=CALL_SECONDS)
        except Exception as error:  # whatever it is, the thread has to live on and try again
            self._next_beat_at = self.clock() + RETRY_SECONDS
            reason = str(error.code()) if isinstance(error, grpc.RpcError) else repr(error)
            _log.warning("lease_renewal_failed", worker_id=self.worker_id, reason=reason, leases=len(leases))
            return
        self._next_beat_at = sent_at + self._beat_seconds
        states: Mapping[str, jobs_pb2.LeaseState] = {state.job_id: state for state in answer.states}
        still_held = self.held()
        for lease in leases:
            if lease not in still_held:
                continue
            state = states.get(lease.job_id)
            if state is None or not state.held:
                lease.refused()
                self.forget(lease)
                continue
            lease.renewed(sent_at)
            if state.cancel_requested:
                lease.request_cancel()
