"""Running tests over a copy of the project in which a line is broken, in a process that has imported none of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .mutants import ROOT

OPTIONS = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb", "no"]


def tested(copy: Path, tests: list[str], out: Path) -> None:
    """Run the tests until one fails; what pytest says is in the file `out`."""
    file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(copy)
    os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    sys.path[:] = [str(copy), *(place for place in sys.path if place not in ("", str(ROOT)))]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "agentkit")]:
        del sys.modules[name]
    import pytest

    code = pytest.main([*OPTIONS, "-x", "--assert", "plain", "-o", "addopts=--import-mode=importlib -rfE", *tests])
    sys.stdout.flush()
    os._exit(int(code))
