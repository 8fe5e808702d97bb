from hypothesis import given
from hypothesis import strategies as st

from services.user_management.playlists.order import GAP, between


@given(st.lists(st.integers(0, 50), max_size=60))
def test_ranks_keep_the_order_that_was_asked_for(places: list[int]) -> None:
    ranks: list[int] = []
    for place in places:
        at = min(place, len(ranks))
        rank = between(ranks[at - 1] if at else None, ranks[at] if at < len(ranks) else None)
        if rank is None:
            ranks = [number * GAP for number in range(len(ranks))]
            rank = between(ranks[at - 1] if at else None, ranks[at] if at < len(ranks) else None)
        assert rank is not None
        ranks.insert(at, rank)
    assert ranks == sorted(set(ranks))


def test_a_gap_holds_thirty_two_halvings() -> None:
    before, behind, inserted = 0, GAP, 0
    while (rank := between(before, behind)) is not None:
        behind, inserted = rank, inserted + 1
    assert inserted == 32
