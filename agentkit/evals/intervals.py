"""How sure a score is: intervals that hold for few cases too."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import fmean

Z = 1.959964  # of 95 %
_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the 95 % interval around it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def share(values: Sequence[float]) -> Interval:
    """The mean of scores between 0 and 1, one a case, with Wilson's interval.

    Trials of one case are no independent evidence, so the number of cases counts. For scores between the ends it is
    wider than it had to be, never narrower.
    """
    n, p = len(values), fmean(values)
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    reach = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return Interval(p, max(0.0, middle - reach), min(1.0, middle + reach))


def mean(values: Sequence[float]) -> Interval:
    """The mean of any values, one a case, with the percentile bootstrap's interval; the same numbers every time."""
    draw = random.Random(0)
    means = sorted(fmean(draw.choices(values, k=len(values))) for _ in range(_DRAWS))
    return Interval(fmean(values), means[int(0.025 * _DRAWS)], means[int(0.975 * _DRAWS) - 1])


def sign_test(differences: Sequence[float]) -> float:
    """The two-sided probability that so many cases go one way when neither is better; 1 when none differs."""
    up, down = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    n, fewer = up + down, min(up, down)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n) if n else 1.0
