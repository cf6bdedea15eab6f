"""Comparison of two reports: case by case, so that what differs is not lost in what is equal."""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.errors import ConfigurationError

from .intervals import Interval, mean, sign_test
from .report import Report


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second report is in one score: its mean over the shared cases, and how sure that is.

    p: of the sign test; small when so many cases going one way is no accident. worse, better: the cases that went.
    """

    scorer: str
    change: Interval
    p: float
    better: tuple[str, ...]
    worse: tuple[str, ...]

    def __str__(self) -> str:
        went = f"{len(self.better)} better, {len(self.worse)} worse, p = {self.p:.3f}"
        return f"{self.scorer:<24} {self.change.value:+.3f} [{self.change.low:+.3f}, {self.change.high:+.3f}]  {went}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two reports; cases that only one of them has are named."""

    differences: tuple[Difference, ...]
    cases: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    def __str__(self) -> str:
        rows = [f"{self.cases} cases in both", *map(str, self.differences)]
        for names, where in ((self.only_before, "first"), (self.only_after, "second")):
            if names:
                rows.append(f"only in the {where}: {', '.join(names)}")
        return "\n".join(rows)


def compare(before: Report, after: Report) -> Comparison:
    """What the second report has over the first. Raises ConfigurationError when they share no case."""
    old, new = ({case.name: case for case in report.cases} for report in (before, after))
    shared = [name for name in old if name in new]
    if not shared:
        raise ConfigurationError("the two reports share no case: compare reports of the same suite")
    found: list[Difference] = []
    for scorer in dict.fromkeys([*before.scorers, *after.scorers]):
        pairs = [(name, old[name].mean(scorer), new[name].mean(scorer)) for name in shared]
        changes = {name: b - a for name, a, b in pairs if a is not None and b is not None}
        if changes:
            found.append(
                Difference(
                    scorer,
                    mean(list(changes.values())),
                    sign_test(list(changes.values())),
                    tuple(name for name, change in changes.items() if change > 0),
                    tuple(name for name, change in changes.items() if change < 0),
                )
            )
    return Comparison(
        tuple(found),
        len(shared),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
    )
