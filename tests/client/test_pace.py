"""When requests may leave: decided from a clock that the test holds."""

from __future__ import annotations

import math

import pytest

from agentkit import ChatClient, ConfigurationError, RemoteModel
from agentkit.client.pace import MINUTE, RAMP, STEP, Minute, Pace, Pacing


def started(pace: Pace, requests: int, now: float = 0.0) -> Pace:
    for _ in range(requests):
        assert pace.wait(now, 0) <= 0
        pace.start(now, 0)
    return pace


def ended(pace: Pace, requests: int = 1) -> None:
    for _ in range(requests):
        pace.in_flight -= 1
        pace.answered()


def filled(pace: Pace) -> None:
    while pace.wait(0, 0) <= 0:
        pace.start(0, 0)


def refused(pace: Pace) -> bool:
    pace.in_flight -= 1
    return pace.refused()


def test_as_many_as_the_limit_are_in_flight_and_the_next_waits_for_an_end() -> None:
    pace = started(Pace(Pacing(max_concurrency=3)), 3)
    assert pace.wait(1e6, 0) == math.inf
    ended(pace)
    started(pace, 1)
    assert pace.wait(0, 0) == math.inf


def test_without_a_limit_the_number_in_flight_doubles_until_the_server_refuses() -> None:
    pace = started(Pace(Pacing()), RAMP)
    assert pace.wait(0, 0) == pytest.approx(STEP)
    assert pace.wait(STEP / 2, 0) == pytest.approx(STEP / 2)
    started(pace, RAMP, STEP)
    started(pace, 2 * RAMP, 3 * STEP)


def test_a_refusal_leaves_room_for_nine_tenths_of_what_was_accepted() -> None:
    pace = started(Pace(Pacing()), 60)
    assert [refused(pace) for _ in range(10)] == [True] * 10
    assert (pace.in_flight, pace.room) == (50, 45)
    ended(pace, 5)
    assert pace.wait(0, 0) == math.inf
    ended(pace)
    started(pace, 1)


def test_after_a_refusal_a_round_of_answers_makes_room_for_one_more_and_never_for_more_than_the_limit() -> None:
    pace = started(Pace(Pacing(max_concurrency=20)), 20)
    refused(pace)
    assert pace.room == pytest.approx(17.1)
    ended(pace, 2)
    for _ in range(18):
        ended(pace)
        filled(pace)
    assert 18 <= pace.room < 19
    for _ in range(200):
        ended(pace)
        filled(pace)
    assert pace.room == 20


def test_room_that_nobody_uses_does_not_grow() -> None:
    pace = started(Pace(Pacing()), 30)
    refused(pace)
    room = pace.room
    ended(pace, 29)
    for _ in range(50):
        started(pace, 1)
        ended(pace)
    assert pace.room - room < 1


def test_a_server_that_refuses_everything_is_asked_by_one_at_a_time_and_recovers_by_doubling() -> None:
    pace = started(Pace(Pacing()), 3)
    assert [refused(pace) for _ in range(3)] == [True, True, False]
    assert pace.room == 1
    filled(pace)
    for answers in range(20):
        assert pace.in_flight == pace.room == 1 + answers
        ended(pace)
        filled(pace)


def test_nothing_leaves_during_a_pause() -> None:
    pace = Pace(Pacing())
    pace.pause(5)
    pace.pause(3)
    assert (pace.wait(1, 0), pace.wait(5, 0)) == (4, 0)


def test_a_minute_is_any_sixty_seconds() -> None:
    minute = Minute(2)
    for now in (0.0, 50.0):
        assert minute.wait(now, 1) == 0
        minute.spend(now, 1)
    assert minute.wait(55, 1) == 5
    assert minute.wait(MINUTE, 1) == 0
    minute.spend(MINUTE, 1)
    assert minute.wait(61, 1) == 50 + MINUTE - 61


def test_amounts_wait_until_enough_was_spent_long_ago_and_can_be_corrected() -> None:
    minute = Minute(100)
    first = minute.spend(0, 60)
    minute.spend(10, 30)
    assert (minute.wait(10, 10), minute.wait(10, 20), minute.wait(10, 80)) == (0, 50, 60)
    first.amount = 5
    assert minute.wait(10, 20) == 0
    assert minute.wait(10, 1000) == 60  # larger than the limit: alone
    assert minute.wait(10 + MINUTE, 1000) == 0


def test_requests_and_tokens_are_counted_beside_each_other() -> None:
    pace = Pace(Pacing(requests_per_minute=2, tokens_per_minute=100))
    assert pace.counts_tokens
    booked = pace.start(0, 90)
    assert pace.wait(1, 20) == 59
    assert booked is not None
    booked.amount = 10
    pace.start(1, 20)
    assert pace.wait(2, 1) == 58


def test_what_was_asked_a_minute_ago_is_remembered_and_then_no_longer() -> None:
    pace = Pace(Pacing(requests_per_minute=2))
    pace.start(0, 0)
    pace.in_flight = 0
    assert not pace.rested(MINUTE)
    assert pace.rested(MINUTE + 1)
    assert Pace(Pacing()).rested(0)


@pytest.mark.parametrize("name", ["max_concurrency", "requests_per_minute", "tokens_per_minute"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "5"])
def test_a_limit_that_cannot_be_is_told_with_its_remedy(name: str, value: object) -> None:
    options: dict[str, object] = {name: value}
    with pytest.raises(ConfigurationError, match=rf"{name}={value!r}; use a whole number above 0, or None"):
        ChatClient("http://localhost:1", **options)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ConfigurationError, match=name):
        RemoteModel("m", **options)  # type: ignore[arg-type]  # wrong on purpose


def test_a_model_over_a_client_leaves_the_limits_to_the_client() -> None:
    with pytest.raises(ConfigurationError, match="give max_concurrency= and the like to ChatClient"):
        RemoteModel("m", client=ChatClient("http://localhost:1"), max_concurrency=3)


def storm(places: int, requests: int, seconds: float = 0.1, step: float = 0.001) -> tuple[float, int]:
    """Requests that all want to leave at once, at a server that refuses above its places; all on a clock of its own.

    Returns the part of the server's capacity that was used, and how many it refused. One request leaves in a step.
    """
    pace, now, left, answers, refusals = Pace(Pacing()), 0.0, requests, list[float](), 0
    while left or answers:
        while answers and answers[0] <= now:
            answers.pop(0)
            ended(pace)
        if left and pace.wait(now, 0) <= 0:
            pace.start(now, 0)
            if len(answers) < places:
                answers.append(now + seconds)
                left -= 1
            else:
                refusals += 1
                refused(pace)
        now += step
    return requests * seconds / places / now, refusals


@pytest.mark.parametrize("places", [5, 20, 50])
def test_in_a_storm_nine_tenths_of_a_server_that_refuses_are_used(places: int) -> None:
    used, refusals = storm(places, 2000)
    assert used > 0.9
    assert refusals <= 2000 / 10  # with five places, one in ten: every other round asks whether there is a sixth
