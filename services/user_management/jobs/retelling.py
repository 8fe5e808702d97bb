"""Tells again of ended jobs whose announcement was lost: a listener waits for nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from services.shared.errors import AppError
from services.user_management.jobs.announcer import Announcer
from services.user_management.jobs.ledger import JobLedger

EVERY_SECONDS: Final = 5.0
# As long as a job's live channel outlives it: older ends interest nobody.
AT_START: Final = timedelta(minutes=15)
# A job was committed a little before its announcement was lost.
_MARGIN: Final = timedelta(seconds=30)

_log = structlog.get_logger(__name__)


class Retelling:
    """At the start for what a killed process owed, and whenever the announcer has missed something."""

    def __init__(self, ledger: JobLedger, announcer: Announcer) -> None:
        self._ledger = ledger
        self._announcer = announcer
        self._owed_since: datetime | None = datetime.now(UTC) - AT_START

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(EVERY_SECONDS)

    async def round(self) -> None:
        """Tell what is owed."""
        missed = self._announcer.take_missed()
        if self._owed_since is None:
            self._owed_since = missed
        if self._owed_since is None:
            return
        try:
            ended = await self._ledger.ended_within(datetime.now(UTC) - self._owed_since + _MARGIN)
        except AppError as error:
            _log.warning("ends_not_told_again", reason=error.message)
            return
        self._owed_since = None
        self._announcer.retell(ended)
