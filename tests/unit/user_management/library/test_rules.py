import uuid

import pytest

from services.shared.errors import AppError
from services.user_management.library import objects, rules


@pytest.mark.parametrize("given", ["", "   ", "x" * 201, "a\0", "a\nb"])
def test_title_that_is_empty_or_unprintable_is_refused(given: str) -> None:
    with pytest.raises(AppError):
        rules.title(given)


def test_title_loses_surrounding_blanks() -> None:
    assert rules.title("  Rain 🌧 ") == "Rain 🌧"


def test_tags_are_lower_case_and_once_each() -> None:
    assert rules.tags(["Jazz", " jazz ", "rain"]) == ("jazz", "rain")


@pytest.mark.parametrize("given", [[""], ["x" * 51], [str(number) for number in range(21)], ["a\0"]])
def test_tags_have_limits(given: list[str]) -> None:
    with pytest.raises(AppError):
        rules.tags(given)


def test_derivatives_lie_below_the_hash_of_their_source() -> None:
    # printf jobs/1/1/master.flac | sha256sum
    prefix = objects.derivatives_prefix("jobs/1/1/master.flac")
    assert prefix == "derivatives/99e31aa2f2fd007c58a5c8a629c1e9c5ca202cea240d57dbb84b827c931c5c7a/"


def test_what_no_track_refers_to_is_an_orphan() -> None:
    job_id = uuid.UUID(int=1)
    stored = [f"{objects.job_prefix(job_id)}{name}" for name in ("1/master.flac", "2/master.flac", "2/live/0.s16")]
    assert objects.orphans(stored, {stored[1]}) == [stored[0], stored[2]]
