import uuid

import pytest

from services.shared.errors import AppError
from services.user_management.library.bulk import BulkChange
from services.user_management.library.rules import MOST_TAGS

TAGS = tuple(f"t{number}" for number in range(MOST_TAGS))


def test_tags_are_added_once_and_taken_away() -> None:
    assert BulkChange(add_tags=("b", "c"), remove_tags=("a",)).tags_of(["a", "b"]) == ("b", "c")
    assert BulkChange(public=True).tags_of(["b", "a"]) == ("b", "a")


def test_a_track_gets_no_more_tags_than_it_may_have() -> None:
    with pytest.raises(AppError):
        BulkChange(add_tags=("new",)).tags_of(TAGS)
    assert len(BulkChange(add_tags=("new",), remove_tags=("t0",)).tags_of(TAGS)) == MOST_TAGS
    # A worker may have given more; what is taken away is taken away.
    crowded = (*TAGS, "x", "y", "z")
    assert len(BulkChange(remove_tags=("x",)).tags_of(crowded)) == MOST_TAGS + 2
    with pytest.raises(AppError):
        BulkChange(add_tags=("new",), remove_tags=("x",)).tags_of(crowded)


def test_what_lies_in_the_trash_is_reached_by_what_is_about_the_trash() -> None:
    assert not BulkChange(public=True).reaches(in_trash=True)
    assert BulkChange(public=True, trashed=False).reaches(in_trash=True)
    assert BulkChange(public=True).reaches(in_trash=False)


@pytest.mark.parametrize("change", [BulkChange(), BulkChange(add_tags=("a",), remove_tags=("a", "b"))])
def test_a_change_has_to_say_something_that_can_be(change: BulkChange) -> None:
    with pytest.raises(AppError):
        change.check()


def test_moving_out_of_a_project_is_a_change() -> None:
    BulkChange(moves=True).check()
    BulkChange(moves=True, project_id=uuid.uuid4()).check()
