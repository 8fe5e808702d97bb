import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import AppError, ErrorCode
from services.user_management.quotas import rules
from services.user_management.quotas.rules import Account, EntryKind


@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 60_000), st.booleans()), max_size=30))
def test_books_balance_after_any_history(jobs: list[tuple[int, int, bool]]) -> None:
    account, entry = rules.grant(Account(), 100_000)
    entries = [entry]
    for reserve_ms, made_ms, succeeds in jobs:
        if reserve_ms > account.balance_ms:
            continue
        account, entry = rules.reserve(account, reserve_ms)
        entries.append(entry)
        ended = rules.settle(account, reserve_ms, made_ms) if succeeds else rules.release(account, reserve_ms)
        account, entry = ended
        entries.append(entry)
    assert account.balance_ms == sum(entry.amount_ms for entry in entries)
    assert (account.reserved_ms, account.balance_ms + account.used_ms) == (0, 100_000)


def test_what_was_not_made_comes_back() -> None:
    account, _ = rules.reserve(Account(balance_ms=60_000), 30_000)
    account, entry = rules.settle(account, 30_000, 20_500)
    assert account == Account(balance_ms=39_500, used_ms=20_500)
    assert (entry.kind, entry.amount_ms) == (EntryKind.SETTLE, 9_500)


def test_more_than_reserved_is_never_taken() -> None:
    account, _ = rules.reserve(Account(balance_ms=60_000), 30_000)
    assert rules.settle(account, 30_000, 31_000)[0] == Account(balance_ms=30_000, used_ms=30_000)


def test_used_up_quota_says_what_is_left() -> None:
    with pytest.raises(AppError) as refused:
        rules.reserve(Account(balance_ms=12_500), 30_000)
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    assert "12.5 s are left" in refused.value.message


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 0), (30, 30_000), (30.1, 30_100), (0.0001, 1), (29.99995, 30_000)]
)
def test_lengths_become_whole_milliseconds_rounded_up(seconds: float, expected: int) -> None:
    assert rules.milliseconds(seconds) == expected


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_what_is_no_length_is_refused(seconds: float) -> None:
    with pytest.raises(AppError):
        rules.milliseconds(seconds)
