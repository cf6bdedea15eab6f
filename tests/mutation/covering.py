"""A pytest plugin that writes down which test runs which lines: `pytest -p tests.mutation.covering`.

COVERING names the JSON file: for each file of agentkit, its lines, and for each line the tests that ran it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest

from .mutants import ROOT

_measured = coverage.Coverage(data_file=None, branch=False, source=[str(ROOT / "agentkit")], concurrency=["thread"])
_seconds: dict[str, float] = {}
_failed: set[str] = set()  # under the weight of measuring; they can show nothing


def pytest_sessionstart() -> None:
    _measured.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    began = time.monotonic()
    _measured.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        _measured.switch_context("")
        _seconds[item.nodeid] = time.monotonic() - began


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    _measured.stop()
    data = _measured.get_data()
    lines: dict[str, dict[int, list[str]]] = {}
    for file in data.measured_files():
        contexts = data.contexts_by_lineno(file)
        passed = {line: [test for test in ran if test and test not in _failed] for line, ran in contexts.items()}
        lines[Path(file).relative_to(ROOT).as_posix()] = passed
    Path(os.environ["COVERING"]).write_text(json.dumps({"lines": lines, "seconds": _seconds}))
