from datetime import timedelta

import pytest

from services.user_management.auth.rules import PresentedToken, Verdict, judge, new_refresh_token, token_sha256
from tests.support.memory_ledger import START

GRACE = timedelta(seconds=10)
END = START + timedelta(days=30)


@pytest.mark.parametrize(
    ("token", "verdict"),
    [
        (PresentedToken(None, END, None), Verdict.ROTATE),
        (PresentedToken(START - timedelta(seconds=9), END, None), Verdict.ROTATE),
        (PresentedToken(START - timedelta(seconds=11), END, None), Verdict.REUSED),
        (PresentedToken(None, START, None), Verdict.ENDED),
        (PresentedToken(None, END, START), Verdict.ENDED),
        (PresentedToken(START - timedelta(seconds=11), END, START), Verdict.ENDED),
    ],
)
def test_refresh_token_is_good_once_and_for_a_short_grace(token: PresentedToken, verdict: Verdict) -> None:
    assert judge(token, now=START, grace=GRACE) is verdict


def test_refresh_tokens_are_unguessable_and_stored_as_hashes() -> None:
    first, second = new_refresh_token(), new_refresh_token()
    assert first != second
    assert len(first) >= 43
    assert token_sha256(first) != token_sha256(second)
    assert len(token_sha256("\ud800")) == 32
