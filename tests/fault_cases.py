"""How many deterministic fault cases passed, by suite (F1 to F8), at the end of every run of the tests.

A test of `pytest.mark.suite("F6")` is one case; one that goes through many says how many: `cases(n)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        suite = item.get_closest_marker("suite")
        if suite is not None:
            item.user_properties.append(("suite", suite.args[0]))


@pytest.fixture
def cases(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """`cases(n)`: this test went through n cases."""
    return lambda number: record_property("cases", number)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    passed: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        told = dict(report.user_properties)  # they come from the workers of pytest-xdist, too
        if "suite" in told:
            passed[told["suite"]] += told.get("cases", 1)
    if passed:
        each = ", ".join(f"{suite} {passed[suite]:,}" for suite in sorted(passed))
        terminalreporter.write_line(f"fault cases: {each}, total {passed.total():,}")
