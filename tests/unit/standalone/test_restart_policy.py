import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.standalone.restart_policy import (
    FAILED_STARTS_LIMIT,
    FAILED_STARTS_WINDOW_SECONDS,
    FIRST_DELAY_SECONDS,
    MAX_DELAY_SECONDS,
    SOUND_AFTER_SECONDS,
    Death,
    RestartPolicy,
)

gaps = st.floats(0, 100)
served = st.one_of(st.none(), st.floats(0, 1000))


def run(history: list[tuple[float, float | None]]) -> list[RestartPolicy]:
    now, policy, states = 0.0, RestartPolicy(), []
    for gap, seconds in history:
        now += gap
        policy = policy.after(Death(now, seconds))
        states.append(policy)
    return states


def test_first_death_brings_the_child_back_after_a_tenth_of_a_second() -> None:
    assert RestartPolicy().after(Death(5.0, 3600.0)).delay_seconds == FIRST_DELAY_SECONDS == 0.1


def test_deaths_in_a_row_wait_twice_as_long_each_up_to_five_seconds() -> None:
    states = run([(0.0, None)] * 9)
    assert [state.delay_seconds for state in states] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_five_failed_starts_in_thirty_seconds_exhaust_the_policy() -> None:
    states = run([(1.0, None)] * 5)
    assert [state.exhausted for state in states] == [False, False, False, False, True]


def test_failed_starts_that_lie_far_apart_do_not_add_up() -> None:
    assert not any(state.exhausted for state in run([(FAILED_STARTS_WINDOW_SECONDS, None)] * 20))


def test_a_child_that_served_is_not_a_failed_start() -> None:
    assert not any(state.exhausted for state in run([(1.0, 0.5)] * 50))


@given(st.lists(st.tuples(gaps, served), max_size=60))
def test_delay_stays_within_its_bounds_and_recovery_within_ten_seconds(
    history: list[tuple[float, float | None]],
) -> None:
    for state in run(history):
        assert FIRST_DELAY_SECONDS <= state.delay_seconds <= MAX_DELAY_SECONDS < 10


@given(st.lists(st.tuples(gaps, served), max_size=60))
def test_exhaustion_means_five_failed_starts_within_the_window_and_nothing_served_between(
    history: list[tuple[float, float | None]],
) -> None:
    now, since_served = 0.0, []
    for (gap, seconds), state in zip(history, run(history), strict=True):
        now += gap
        if (seconds is not None and seconds >= SOUND_AFTER_SECONDS) or seconds is not None:
            since_served = []
        else:
            since_served.append(now)
        recent = [at for at in since_served if at >= now - FAILED_STARTS_WINDOW_SECONDS]
        if seconds is None:
            assert state.exhausted == (len(recent) >= FAILED_STARTS_LIMIT)
        else:
            assert not state.exhausted


@given(st.lists(st.tuples(gaps, served), max_size=40), st.floats(SOUND_AFTER_SECONDS, 1e6))
def test_a_sound_run_forgives_everything_before_it(history: list[tuple[float, float | None]], seconds: float) -> None:
    last = run([*history, (0.0, seconds)])[-1]
    assert last == RestartPolicy(1)


@pytest.mark.parametrize("seconds", [None, 0.0, 9.9])
def test_a_short_run_does_not_reset_the_backoff(seconds: float | None) -> None:
    assert run([(1.0, seconds)] * 3)[-1].delay_seconds == pytest.approx(0.4)
