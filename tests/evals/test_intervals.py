"""Intervals against known values and against what they claim."""

from __future__ import annotations

import random

import pytest

from agentkit.evals.intervals import mean, share, sign_test


@pytest.mark.parametrize(
    "good, n, low, high",  # Wilson's interval, as tables print it
    [(10, 10, 0.722, 1.0), (0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (45, 50, 0.786, 0.957), (1, 1, 0.207, 1.0)],
)
def test_a_share_has_wilsons_interval(good: int, n: int, low: float, high: float) -> None:
    found = share([1.0] * good + [0.0] * (n - good))
    assert (found.value, round(found.low, 3), round(found.high, 3)) == (good / n, low, high)


def test_the_interval_of_a_share_holds_as_often_as_it_says() -> None:
    draw = random.Random(1)
    for truth in (0.2, 0.5, 0.9):
        held = 0
        for _ in range(2000):
            found = share([float(draw.random() < truth) for _ in range(40)])
            held += found.low <= truth <= found.high
        assert 0.92 <= held / 2000 <= 0.99


def test_a_mean_is_the_same_every_time_and_holds() -> None:
    values = [0.1, 0.4, -0.2, 0.3, 0.0, 0.5]
    assert mean(values) == mean(values)
    assert mean(values).low <= mean(values).value <= mean(values).high
    assert (mean([0.5]).low, mean([0.5]).high) == (0.5, 0.5)


def test_the_sign_test_is_exact() -> None:
    assert sign_test([1, 1, 1, 1, 1, 1]) == pytest.approx(2 / 64)
    assert sign_test([1, -1]) == 1.0
    assert sign_test([0, 0]) == 1.0
    assert sign_test([1] * 9 + [-1]) == pytest.approx(22 / 1024)
