"""Chance that is the same everywhere."""

from __future__ import annotations

import statistics

from services.generation.composer.streams import Stream


def test_stream_is_the_published_splitmix_finaliser_over_its_path() -> None:
    # Pinned: another value here means that every song of every seed changes.
    assert [Stream(7, "drums", 3).bits() for _ in range(2)] == [Stream(7, "drums", 3).bits()] * 2
    assert Stream(0).bits() == 13830413928045401970


def test_child_streams_do_not_depend_on_what_was_drawn_before() -> None:
    fresh, used = Stream(5, "a"), Stream(5, "a")
    for _ in range(10):
        used.bits()
    assert fresh.child("b", 1).bits() == used.child("b", 1).bits()


def test_streams_of_different_names_or_seeds_differ() -> None:
    values = {Stream(seed, name, number).bits() for seed in range(8) for name in "abcd" for number in range(8)}
    assert len(values) == 8 * 4 * 8


def test_negative_and_huge_seeds_are_seeds_too() -> None:
    assert Stream(-1).bits() != Stream(1).bits()
    assert Stream(2**63 - 1, "x").bits() != Stream(2**62, "x").bits()


def test_integers_fill_their_range_evenly() -> None:
    stream = Stream(1)
    counts = [0] * 6
    for _ in range(6_000):
        counts[stream.below(6)] += 1
    assert min(counts) > 850
    assert {stream.between(3, 5) for _ in range(100)} == {3, 4, 5}


def test_chance_is_about_its_percentage() -> None:
    stream = Stream(2)
    assert 260 < sum(stream.chance(30) for _ in range(1_000)) < 340
    assert not any(stream.chance(0) for _ in range(100))
    assert all(stream.chance(100) for _ in range(100))


def test_weighted_choice_follows_its_weights_and_never_takes_zero() -> None:
    stream = Stream(3)
    drawn = [stream.weighted((("a", 3), ("b", 1), ("c", 0))) for _ in range(1_000)]
    assert 680 < drawn.count("a") < 820
    assert "c" not in drawn


def test_normal_numbers_have_their_deviation_and_stay_bounded() -> None:
    stream = Stream(4)
    values = [stream.normal(10.0) for _ in range(4_000)]
    assert abs(statistics.mean(values)) < 0.6
    assert 9.4 < statistics.pstdev(values) < 10.6
    assert max(abs(value) for value in values) <= 35.0


def test_shuffling_keeps_every_element() -> None:
    assert sorted(Stream(5).shuffled(range(20))) == list(range(20))
    assert Stream(5).shuffled(range(20)) != list(range(20))
