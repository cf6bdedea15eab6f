"""How many deterministic fault cases passed, by suite (F1 to F8), at the end of every run of the tests.

A test is one case; one that goes through many says how many: `cases(n)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

SUITES = {
    "tests/faults/test_http_faults.py": "F1",
    "tests/faults/test_connect_faults.py": "F1",
    "tests/faults/test_tool_behaviours.py": "F2",
    "tests/faults/test_cancellation.py": "F3",
    "tests/faults/test_crash_points.py": "F4",
    "tests/faults/test_exits.py": "F4",
    "tests/faults/test_store_faults.py": "F5",
    "tests/quirks/": "F6",
    "tests/client/test_sse.py": "F6",
    "tests/tools/test_arguments.py": "F6",
    "tests/client/test_secrets.py": "F8",
    "tests/run/test_approvals.py": "F8",
    "tests/journal/test_saved_states.py": "F8",
    "tests/serve/test_guard.py": "F8",
}


@pytest.fixture
def cases(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """`cases(n)`: this test went through n cases."""
    return lambda number: record_property("cases", number)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    passed: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        suite = next((suite for path, suite in SUITES.items() if report.nodeid.startswith(path)), None)
        if suite is not None:
            passed[suite] += dict(report.user_properties).get("cases", 1)  # workers of pytest-xdist send them, too
    if passed:
        each = ", ".join(f"{suite} {passed[suite]:,}" for suite in sorted(passed))
        terminalreporter.write_line(f"fault cases: {each}, total {passed.total():,}")
