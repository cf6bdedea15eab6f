"""Running tests over a copy of the project in which a line is broken, in a process that has imported none of it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

from .mutants import ROOT

OPTIONS = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb", "no"]
HANGS = 30  # seconds after which a test has failed


class _FirstFailure:
    """Writes down which test failed or hangs, at that moment: with a broken line pytest may not live to report it."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._hangs: threading.Timer | None = None

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self._hangs is not None:
            self._hangs.cancel()
        self._hangs = threading.Timer(HANGS, self._end, [nodeid])
        self._hangs.start()

    def _end(self, nodeid: str) -> None:
        self._out.write_text(nodeid)
        os._exit(1)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self._out.write_text(report.nodeid)

    pytest_collectreport = pytest_runtest_logreport


def tested(copy: Path, tests: list[str], out: Path) -> None:
    """Run the tests until one fails, and write its name into the file `out`."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(copy)
    os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    sys.path[:] = [str(copy), *(place for place in sys.path if place not in ("", str(ROOT)))]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "agentkit")]:
        del sys.modules[name]
    import pytest

    options = [*OPTIONS, "-x", "--assert", "plain", "-o", "addopts=--import-mode=importlib"]
    os._exit(int(pytest.main([*options, *tests], plugins=[_FirstFailure(out)])))
