"""python -m tests.mutation [--every N] [--only TEXT] [--jobs N]: break lines one by one, and see that some test fails.

For each line, the tests that run it are run over a copy in which it is broken, until one fails. Ends with 1 when a
mutant survived for which tests/mutation/survivors.toml gives no reason, or when less than 90 % were killed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .mutants import ROOT, Mutant, all_mutants
from .trial import OPTIONS, tested

SURVIVORS = Path(__file__).parent / "survivors.toml"
TESTS = (  # that are quick; each row is measured in a process of its own
    ("run",),
    ("tools",),
    ("client",),
    ("journal",),
    ("testing", "faults/test_crash_points.py"),
    ("test_leaks.py", "test_mistakes.py", "test_mistakes_in_values.py", "test_secrets_everywhere.py"),
)
KILLED_AT_LEAST = 0.9
UNSOUND = 5  # tests that fail anyway are left out, before the line counts as one that no test holds
PATIENCE = 300  # seconds for the tests of one mutant; one test that hangs has failed long before
QUICK = 0.1  # seconds of a test
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "hypothesis", "trio", "httpx", "pydantic", "jsonschema", "psycopg"])


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: the first test that failed, or none."""

    mutant: Mutant
    killed: bool
    by: str
    seconds: float


class Scratch:
    """Copies of the project, one for each thread that breaks lines in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = threading.local()

    def __call__(self) -> Path:
        if not hasattr(self._own, "copy"):
            self._own.copy = self._folder / f"copy-{threading.get_ident()}"
            self._own.copy.mkdir()
            for name in ("agentkit", "tests", "examples", "docs"):
                shutil.copytree(ROOT / name, self._own.copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("pyproject.toml", "README.md"):
                shutil.copy(ROOT / name, self._own.copy / name)
        copy: Path = self._own.copy
        return copy


def covering(out: Path, jobs: int) -> list[dict[str, Any]]:
    """Which tests run which lines, row by row, out of one run of them all; or as a file from before has it."""
    if not out.exists():
        with ThreadPoolExecutor(jobs) as pool:
            out.write_text(json.dumps([*pool.map(measured, TESTS)]))
    found: list[dict[str, Any]] = json.loads(out.read_text())
    return found


def measured(names: Sequence[str]) -> dict[str, Any]:
    """Which of these tests run which lines."""
    with tempfile.TemporaryDirectory(prefix="agentkit-lines-") as folder:
        out = Path(folder) / "lines.json"
        command = [sys.executable, "-m", "pytest", *OPTIONS, "-p", "tests.mutation.covering"]
        command += [f"tests/{name}" for name in names]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "COVERING": str(out)}, check=False)
        if not out.exists():
            sys.exit(f"the tests of {', '.join(names)} did not run")
        found: dict[str, Any] = json.loads(out.read_text())
        return found


def tests_of(mutant: Mutant, covered: list[dict[str, Any]]) -> list[str]:
    """The tests that run one of its lines: quick ones first, and among them those of the room it is in."""
    seconds: dict[str, float] = {}
    for row in covered:
        lines = row["lines"].get(mutant.file, {})
        for line in range(mutant.lines[0], mutant.lines[1] + 1):
            seconds |= {test: row["seconds"][test] for test in lines.get(str(line), ())}
    room = f"tests/{mutant.file.split('/')[1]}/"
    return sorted(seconds, key=lambda test: (seconds[test] > QUICK, not test.startswith(room), seconds[test], test))


def verdict(mutant: Mutant, tests: list[str], copy: Path) -> Verdict:
    """Break the line in a copy of the project and run the tests until one fails that passes while the line is whole."""
    if not tests:
        return Verdict(mutant, False, "no test runs this line", 0.0)
    path, began = copy / mutant.file, time.monotonic()
    whole, remaining, failed = path.read_bytes(), tests, ""
    for _ in range(UNSOUND):
        try:
            path.write_bytes(mutant.applied(whole))
            failed, ended = first_failure(copy, remaining)
        finally:
            path.write_bytes(whole)
        if not failed or first_failure(copy, [failed]) == ("", "exit code 0"):
            by = failed or f"{len(remaining)} tests, {ended}"
            return Verdict(mutant, bool(failed), by, time.monotonic() - began)
        remaining = [test for test in remaining if not test.startswith(failed)]  # a test, or a whole file
        if not remaining:
            break
    return Verdict(mutant, False, f"{failed} fails while the line is whole", time.monotonic() - began)


def first_failure(copy: Path, tests: list[str]) -> tuple[str, str]:
    """The first of the tests that fails, if one does, and how their process ended; a crash of it shows nothing."""
    out = copy / "out"
    out.unlink(missing_ok=True)
    process = FORKS.Process(target=tested, args=(copy, tests, out))
    try:
        process.start()
        process.join(PATIENCE)
        return out.read_text() if out.exists() else "", f"exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()


def report(verdicts: list[Verdict]) -> int:
    """The table, and 1 when too many survived or one without a reason."""
    reasons: dict[str, str] = tomllib.loads(SURVIVORS.read_text())
    survived = [verdict for verdict in verdicts if not verdict.killed]
    kinds, killed = Counter(v.mutant.kind for v in verdicts), Counter(v.mutant.kind for v in verdicts if v.killed)
    print("\n| broken | lines | killed |\n|---|---|---|")
    for kind, count in sorted(kinds.items()):
        print(f"| {kind} | {count} | {killed[kind]} |")
    share = 1 - len(survived) / len(verdicts)
    print(f"| all | {len(verdicts)} | {share:.0%} |\n")
    for one in survived:
        print(f"survived: {one.mutant.id} ({one.by})\n    {reasons.get(one.mutant.id, 'NO REASON IS GIVEN')}")
    return int(share < KILLED_AT_LEAST or any(one.mutant.id not in reasons for one in survived))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--every", type=int, default=1, help="break only every n-th line")
    parser.add_argument("--only", default="", help="break only lines whose name holds this text")
    parser.add_argument("--jobs", type=int, default=1, help="lines that are broken at the same time")
    parser.add_argument("--lines", type=Path, help="keep which test runs which lines in this file, or use it as it is")
    options = parser.parse_args()
    mutants = [mutant for mutant in all_mutants() if options.only in mutant.id][:: options.every]
    with tempfile.TemporaryDirectory(prefix="agentkit-mutants-") as folder:
        covered, scratch = covering(options.lines or Path(folder) / "lines.json", options.jobs), Scratch(Path(folder))

        def judge(mutant: Mutant) -> Verdict:
            one = verdict(mutant, tests_of(mutant, covered), scratch())
            print(f"{'killed  ' if one.killed else 'SURVIVED'} {one.seconds:5.1f} s  {mutant.id}  {one.by}", flush=True)
            return one

        with ThreadPoolExecutor(options.jobs) as pool:
            return report(list(pool.map(judge, mutants)))


if __name__ == "__main__":
    sys.exit(main())
