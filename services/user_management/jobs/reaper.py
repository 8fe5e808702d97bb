"""The loop that takes jobs from workers that fell silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import Counter

from services.shared.errors import AppError
from services.user_management.jobs.ledger import JobLedger

EVERY_SECONDS: Final = 1.0

_REAPED = Counter("jobs_reaped_total", "Jobs that were taken from a worker because its lease ran out.")

_log = structlog.get_logger(__name__)


class Reaper:
    """Reaps once a second, but not before workers had one lease's time to be heard.

    While this process or the database was away, nobody could renew: leases that ran out meanwhile say nothing about
    their workers. (A restart of PostgreSQL that no call noticed is seen by the query itself, in its start time.)
    """

    def __init__(self, ledger: JobLedger, lease_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._quiet_until = clock() + lease_seconds

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.round()

    async def round(self) -> None:
        """One round: reap, unless it is too early."""
        if self._clock() < self._quiet_until:
            return
        try:
            taken = await self._ledger.reap()
        except AppError as error:
            self._quiet_until = self._clock() + self._lease_seconds
            _log.warning("reaper_waits", reason=error.message, seconds=self._lease_seconds)
            return
        except Exception:
            _log.exception("reaper_failed")
            return
        _REAPED.inc(taken)
