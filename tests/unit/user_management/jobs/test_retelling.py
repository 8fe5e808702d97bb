from datetime import timedelta

from services.shared.errors import AppError, ErrorCode
from services.user_management.jobs.retelling import AT_START, Retelling


class Ledger:
    """Notes for which spans it was asked; away when told so."""

    def __init__(self) -> None:
        self.spans: list[timedelta] = []
        self.away = False

    async def ended_within(self, span: timedelta) -> list[str]:
        self.spans.append(span)
        if self.away:
            raise AppError(ErrorCode.UNAVAILABLE, "away")
        return ["job"]


class Announcer:
    def __init__(self) -> None:
        self.missed_since = None
        self.told: list[str] = []

    def take_missed(self):
        since, self.missed_since = self.missed_since, None
        return since

    def retell(self, ended: list[str]) -> None:
        self.told.extend(ended)


def retelling() -> tuple[Retelling, Ledger, Announcer]:
    ledger, announcer = Ledger(), Announcer()
    return Retelling(ledger, announcer), ledger, announcer  # type: ignore[arg-type]


async def test_what_a_killed_process_owed_is_told_once() -> None:
    subject, ledger, announcer = retelling()
    await subject.round()
    await subject.round()
    assert announcer.told == ["job"]
    assert ledger.spans[0] >= AT_START


async def test_what_is_owed_is_kept_while_the_database_is_away() -> None:
    subject, ledger, announcer = retelling()
    ledger.away = True
    await subject.round()
    assert announcer.told == []
    ledger.away = False
    await subject.round()
    assert announcer.told == ["job"]
    assert ledger.spans[1] > ledger.spans[0]


async def test_a_missed_announcement_is_told_again_from_when_it_was_missed() -> None:
    from datetime import UTC, datetime

    subject, ledger, announcer = retelling()
    await subject.round()
    announcer.missed_since = datetime.now(UTC) - timedelta(seconds=3)
    await subject.round()
    assert announcer.told == ["job", "job"]
    assert timedelta(seconds=3) <= ledger.spans[1] < timedelta(minutes=1)
