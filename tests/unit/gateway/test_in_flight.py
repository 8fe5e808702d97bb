import pytest

from services.gateway.in_flight import STREAMS, TRANSFERS, InFlight, Place
from services.shared.errors import AppError, ErrorCode


@pytest.fixture
def places() -> InFlight:
    return InFlight(quick=4, transfers=1, streams=1)


def refused(places: InFlight, name: str) -> bool:
    try:
        place = places.enter(name)
    except AppError as error:
        return error.code is ErrorCode.OVERLOADED and error.retry_after_seconds is not None
    place.leave()
    return False


def test_one_class_gets_half_of_the_room(places: InFlight) -> None:
    held = [places.enter("read") for _ in range(2)]
    assert refused(places, "read")
    assert not refused(places, "write")
    held.pop().leave()
    assert not refused(places, "read")


def test_all_classes_share_the_room(places: InFlight) -> None:
    held = [places.enter(name) for name in ("read", "read", "write", "auth")]
    assert refused(places, "comments")
    held[0].leave()
    assert not refused(places, "comments")


@pytest.mark.parametrize("name", [TRANSFERS, STREAMS])
def test_what_lasts_long_is_counted_apart(places: InFlight, name: str) -> None:
    quick = [places.enter(each) for each in ("read", "read", "write", "write")]
    place = places.enter(name)
    assert refused(places, name)
    for each in quick:
        each.leave()
    assert refused(places, name)
    place.leave()
    assert not refused(places, name)


def test_leaving_twice_makes_room_once(places: InFlight) -> None:
    first, _ = places.enter("read"), places.enter("read")
    first.leave()
    first.leave()
    assert places.count_of("read") == 1


def test_a_call_that_waits_goes_on_among_the_long_ones(places: InFlight) -> None:
    place: Place = places.enter("read")
    place.move(STREAMS)
    place.move(STREAMS)
    assert (places.count_of("read"), places.count_of(STREAMS)) == (0, 1)
    other = places.enter("read")
    with pytest.raises(AppError):
        other.move(STREAMS)
    # It keeps the place that it has until its refusal is answered.
    assert places.count_of("read") == 1
    for each in (place, other):
        each.leave()
    assert (places.count_of("read"), places.count_of(STREAMS)) == (0, 0)
    place.move("read")
    assert places.count_of("read") == 0
