"""What a guest is called, and what a guest may have made."""

import pytest

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts import rules as account_rules
from services.user_management.guests.rules import check_orders, check_publicity, guest_address, guest_name
from services.user_management.jobs.rules import NewJob

SONG = NewJob(kind="generate", queue="generation", request={"prompt": "rain"})


def test_names_are_usernames_and_never_the_same() -> None:
    names = {guest_name() for _ in range(1_000)}
    assert len(names) == 1_000
    assert all(account_rules.username(name) == name for name in names)


def test_nobody_else_can_have_a_guests_address() -> None:
    with pytest.raises(AppError, match="not an e-mail address"):
        account_rules.email(guest_address(guest_name()))


@pytest.mark.parametrize(
    "order",
    [
        NewJob(kind="separate", queue="processing", request={}),
        NewJob(kind="generate", queue="processing", request={}),
        NewJob(kind="pull", queue="generation", request={}),
        NewJob(kind="generate", queue="generation", request={}, webhook_url="https://example.org/"),
        NewJob(kind="generate", queue="generation", request={"public": True}),
    ],
)
def test_guests_order_songs_for_themselves_only(order: NewJob) -> None:
    check_orders("guest", [SONG])
    check_orders("user", [order])
    with pytest.raises(AppError) as refusal:
        check_orders("guest", [SONG, order])
    assert refusal.value.code is ErrorCode.SIGN_UP_REQUIRED


def test_guests_publish_nothing() -> None:
    check_publicity("guest", public=False)
    check_publicity("user", public=True)
    with pytest.raises(AppError, match="sign up"):
        check_publicity("guest", public=True)
