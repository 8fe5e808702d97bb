"""What guests may make is said in the tiers, and nothing is forgotten there."""

from pathlib import Path

import pytest

from services.shared.errors import AppError
from services.user_management.quotas.tiers import Tier, Tiers, check_guests, check_jobs, check_length


def test_guests_get_nothing_where_the_tiers_forgot_them() -> None:
    tiers = Tiers({"standard": Tier()})
    guests = tiers.of("guest")
    assert guests.limits_making
    assert (guests.day_seconds, guests.jobs) == (0, 1)
    with pytest.raises(AppError, match="need guest"):
        tiers.demand_guests()


@pytest.mark.parametrize("lacking", ["day_seconds", "jobs", "longest_seconds", "network_day_seconds", "stored_bytes"])
def test_a_server_with_guests_knows_every_figure_of_theirs(lacking: str) -> None:
    figures = {"day_seconds": 60, "jobs": 1, "longest_seconds": 30, "network_day_seconds": 90, "stored_bytes": 1_000}
    Tiers({"standard": Tier(), "guest": Tier(**figures)}).demand_guests()
    del figures[lacking]
    with pytest.raises(AppError, match=lacking):
        Tiers({"standard": Tier(), "guest": Tier(**figures)}).demand_guests()


def test_the_delivered_tiers_are_enough_for_guests_and_bound_them_all() -> None:
    tiers = Tiers.load(Path("configs/tiers.yaml"))
    tiers.demand_guests()
    assert tiers.of("guest").guests_day_seconds


def test_a_bound_over_all_guests_is_reason_enough_to_count() -> None:
    assert Tier(guests_day_seconds=0).limits_making


def test_lengths_and_networks_have_an_exact_end() -> None:
    check_length(30_000, 30)
    check_length(10**9, None)
    with pytest.raises(AppError) as refusal:
        check_length(30_001, 30)
    assert refusal.value.violations[0].pointer == "/duration"
    check_guests(570_000, 30_000, 600, "your network")
    with pytest.raises(AppError, match="30 s are left"):
        check_guests(570_000, 30_001, 600, "your network")


def test_a_single_job_is_not_called_jobs() -> None:
    with pytest.raises(AppError, match="1 job at once"):
        check_jobs(2, 1)
