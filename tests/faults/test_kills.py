"""Processes killed at any time, and two that resume one run: nothing lost, nothing done twice (F4, with real kills)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import anyio
import pytest

from agentkit import PostgresStore, RunState, SQLiteStore
from tests.invariants import check_invariants

from .golden import EXPECTED, WRITES

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("KILLS", "20"))  # `make long` does 200
RACES = int(os.environ.get("RACES", "10"))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What the worker takes as its database."""
    return str(request.getfixturevalue("dsn")) if request.param == "postgres" else str(tmp_path / "s.db")


def started(database: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.worker", database, str(folder / "effects")]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(*processes: subprocess.Popen[str]) -> None:
    """Let them begin, all at the same time."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def finished(process: subprocess.Popen[str], *codes: int) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode in codes, errors


def checked(database: str, folder: Path) -> RunState:
    async def load() -> RunState:
        kind = PostgresStore if database.startswith("postgresql:") else SQLiteStore
        async with kind(database) as store:
            return await store.session(folder.name).load()

    state = anyio.run(load)
    check_invariants(state)
    assert state.final is not None
    assert state.final.text == "done"
    effects = (folder / "effects").read_text().splitlines()
    twice = {line: n for line, n in Counter(effects).items() if n > 1 and line.split()[0] in WRITES}
    assert twice == {}
    told = Counter(str(m.content).split()[0].rstrip(":") for m in state.messages if m.role == "tool")
    missing = sum(EXPECTED.values()) - sum(line.split()[0] in WRITES for line in effects)
    assert missing <= told["unknown"], "a completed effect was forgotten, or a missing one reported as done"
    return state


def undisturbed(database: str, folder: Path) -> float:
    """Seconds that the run takes when nobody disturbs it."""
    folder = folder / "undisturbed"
    folder.mkdir()
    process = started(database, folder)
    began = time.monotonic()
    go(process)
    finished(process, 0)
    checked(database, folder)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_random_times_the_run_ends_with_every_write_done_at_most_once(database: str, tmp_path: Path) -> None:
    times = random.Random(7)
    whole = undisturbed(database, tmp_path)
    killed = done_by_then = 0
    for number in range(KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        for _ in range(times.randint(1, 3)):
            process = started(database, folder)
            go(process)
            time.sleep(times.uniform(0, whole))  # the moment of the kill
            process.kill()
            process.communicate()
            killed += process.returncode != 0
            done_by_then += process.returncode == 0
        last = started(database, folder)
        go(last)
        finished(last, 0)
        checked(database, folder)
    assert killed > 0, f"all {done_by_then} kills came too late to show anything"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_two_processes_that_resume_one_run_one_acts_at_a_time(database: str, tmp_path: Path) -> None:
    conflicts = 0
    for number in range(RACES):
        folder = tmp_path / str(number)
        folder.mkdir()
        process, *pair = [started(database, folder) for _ in range(3)]
        go(process)
        time.sleep(0.05)
        process.kill()
        process.communicate()
        go(*pair)
        for one in pair:
            finished(one, 0, 3)
        codes = sorted(one.returncode for one in pair)
        assert codes in ([0, 0], [0, 3])
        conflicts += codes == [0, 3]
        checked(database, folder)
    assert conflicts > 0
