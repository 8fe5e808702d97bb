from services.shared.errors import AppError, ErrorCode
from services.user_management.jobs.reaper import Reaper


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Ledger:
    """Counts its reaps; away when told so."""

    def __init__(self) -> None:
        self.reaps = 0
        self.error: Exception | None = None

    async def reap(self) -> int:
        if self.error is not None:
            raise self.error
        self.reaps += 1
        return 1


async def test_nothing_is_reaped_within_one_lease_after_the_start() -> None:
    clock, ledger = Clock(), Ledger()
    reaper = Reaper(ledger, 10, clock=clock)  # type: ignore[arg-type]
    await reaper.round()
    clock.now += 9.9
    await reaper.round()
    assert ledger.reaps == 0
    clock.now += 0.1
    await reaper.round()
    assert ledger.reaps == 1


async def test_workers_get_one_lease_after_the_database_was_away() -> None:
    clock, ledger = Clock(), Ledger()
    reaper = Reaper(ledger, 10, clock=clock)  # type: ignore[arg-type]
    clock.now += 10
    ledger.error = AppError(ErrorCode.UNAVAILABLE, "away")
    await reaper.round()
    ledger.error = None
    clock.now += 9
    await reaper.round()
    assert ledger.reaps == 0
    clock.now += 1
    await reaper.round()
    assert ledger.reaps == 1


async def test_unexpected_error_does_not_end_the_reaper() -> None:
    clock, ledger = Clock(), Ledger()
    reaper = Reaper(ledger, 0, clock=clock)  # type: ignore[arg-type]
    ledger.error = ValueError("surprise")
    await reaper.round()
    ledger.error = None
    await reaper.round()
    assert ledger.reaps == 1
